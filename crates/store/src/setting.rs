//! Settings that people change while the server runs. Changing one is an act, so it has its entry.

use kilter_domain::{digest::Digest, time::Timestamp};
use serde_json::Value;

use crate::{
    Page, PageRequest, Reader, StoreError,
    audit::{AuditedTx, Change, table},
    database::{self, Row, named_params},
    row,
    statement::statements,
};

const LIST: &str = "setting";

statements! {
    PUT = "change the setting": "
        INSERT INTO setting (name, value, since, audit_seq) VALUES (:name, :value, :since, :audit_seq)
        ON CONFLICT (name) DO UPDATE SET value = excluded.value, since = excluded.since, audit_seq = excluded.audit_seq";
    FIND = "read the setting": "
        SELECT * FROM setting WHERE name = :name";
    OLDEST = "list settings": "
        SELECT * FROM setting WHERE key > :above ORDER BY key LIMIT :limit";
}

/// A setting.
#[derive(Clone, Debug, PartialEq)]
pub struct Setting {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: Value,
    /// From when on it holds.
    pub since: Timestamp,
    /// The number of its entry in the audit log.
    pub audit_seq: u64,
}

/// Changes a setting; the value that it has already changes nothing.
///
/// The audit log holds the digests of the values: a setting may be a secret.
pub fn put(audited: &AuditedTx, name: &str, value: &Value) -> Result<Setting, StoreError> {
    let current = find(audited.tx(), name)?;
    if let Some(setting) = current.as_ref().filter(|setting| setting.value == *value) {
        return Ok(setting.clone());
    }
    let text = row::text_of(PUT.attempt, value)?;
    let before = current.map(|setting| Digest::of(setting.value.to_string().as_bytes()).to_string());
    let after = Digest::of(text.as_bytes()).to_string();
    let object = format!("setting:{name}");
    let change = Change { before: before.as_deref(), after: Some(&after), ..Change::of(&object) };
    let since = audited.at();
    let params = named_params! { ":name": name, ":value": text, ":since": since.millis() };
    let audit_seq = audited.write_row(&table::SETTING, &change, &PUT, params)?;
    Ok(Setting { name: name.to_owned(), value: value.clone(), since, audit_seq })
}

/// The setting, if it was ever set.
pub fn find(reader: &Reader, name: &str) -> Result<Option<Setting>, StoreError> {
    reader.one(&FIND, named_params! { ":name": name }, setting)
}

/// All settings in the order in which they were first set.
pub fn list(reader: &Reader, page: &PageRequest) -> Result<Page<Setting>, StoreError> {
    let params = named_params! { ":above": page.above(LIST)?, ":limit": page.probe() };
    Ok(page.page(LIST, reader.all(&OLDEST, params, |row| Ok((row.get("key")?, setting(row)?)))?))
}

fn setting(row: &Row) -> database::Result<Setting> {
    Ok(Setting {
        name: row.get("name")?,
        value: row::document(row, "value")?,
        since: row::time(row, "since")?,
        audit_seq: row.get("audit_seq")?,
    })
}
