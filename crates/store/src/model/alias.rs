//! Names that move between the versions of a model, `champion` above all, with every interval that they held.
//!
//! Invariants: a name names one version at a time; its intervals touch and never overlap. Who bore it at T is one query.

use kilter_domain::{ids::ModelName, time::Timestamp};

use crate::{
    Page, PageRequest, Reader, StoreError,
    audit::{AuditedTx, Change, table},
    database::{self, Row, named_params},
    model::get,
    registry::platform,
    row,
    statement::statements,
};

const LIST: &str = "alias";

statements! {
    CURRENT = "read the alias": "
        SELECT * FROM alias WHERE model = :model AND alias = :alias AND until IS NULL";
    CURRENT_OF_MODEL = "list the aliases of a model": "
        SELECT * FROM alias WHERE model = :model AND until IS NULL ORDER BY alias LIMIT :limit";
    AT = "read who bore the alias at a time": "
        SELECT * FROM alias
        WHERE model = :model AND alias = :alias AND since <= :at AND (until IS NULL OR :at < until)
        ORDER BY key DESC LIMIT 1";
    END = "move the alias": "
        UPDATE alias SET until = :until WHERE model = :model AND alias = :alias AND until IS NULL";
    BEGIN = "move the alias": "
        INSERT INTO alias (model, alias, number, since, audit_seq)
        VALUES (:model, :alias, :number, :since, :audit_seq)";
    NEWEST = "list the history of an alias": "
        SELECT * FROM alias WHERE model = :model AND alias = :alias AND key < :below ORDER BY key DESC LIMIT :limit";
}

/// An interval over which a name named a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tenure {
    /// The model that it belongs to.
    pub model: ModelName,
    /// The name.
    pub alias: String,
    /// The number of the version in its model.
    pub number: u32,
    /// From when on it holds.
    pub since: Timestamp,
    /// `None` while it lasts.
    pub until: Option<Timestamp>,
    /// The number of its entry in the audit log.
    pub audit_seq: u64,
}

/// Points a name at a version; pointing it where it points already changes nothing.
///
/// # Errors
/// When there is no such version.
pub fn point(audited: &AuditedTx, model: &ModelName, alias: &str, number: u32) -> Result<Tenure, StoreError> {
    let tx = audited.tx();
    let digest = get(tx, model, number)?.digest.to_string();
    let current = current(tx, model, alias)?;
    if let Some(tenure) = current.as_ref().filter(|tenure| tenure.number == number) {
        return Ok(tenure.clone());
    }
    // A clock that jumped back makes an empty interval, never one that ends before it begins.
    let since = current.as_ref().map_or(audited.at(), |tenure| tenure.since.max(audited.at()));
    end(audited, model, alias, since)?;
    let (before, after) = (current.map(|tenure| tenure.number.to_string()), number.to_string());
    let object = object(model, alias);
    let change =
        Change { object_digest: Some(&digest), before: before.as_deref(), after: Some(&after), ..Change::of(&object) };
    let params = named_params! {
        ":model": model.as_str(), ":alias": alias, ":number": number, ":since": since.millis(),
    };
    let audit_seq = audited.write_row(&table::ALIAS, &change, &BEGIN, params)?;
    platform::note_alias(tx, model, alias, Some(number))?;
    Ok(Tenure { model: model.clone(), alias: alias.to_owned(), number, since, until: None, audit_seq })
}

/// Takes a name away; it names nothing from now on.
///
/// # Errors
/// When it names nothing already.
pub fn remove(audited: &AuditedTx, model: &ModelName, alias: &str) -> Result<(), StoreError> {
    let missing = || StoreError::NotFound { what: "alias", id: format!("{model}@{alias}") };
    let current = current(audited.tx(), model, alias)?.ok_or_else(missing)?;
    let before = current.number.to_string();
    audited.record_change(&Change { before: Some(&before), ..Change::of(&object(model, alias)) })?;
    end(audited, model, alias, current.since.max(audited.at()))?;
    platform::note_alias(audited.tx(), model, alias, None)
}

/// The name of an alias in the audit log.
fn object(model: &ModelName, alias: &str) -> String {
    format!("alias:{model}@{alias}")
}

fn end(audited: &AuditedTx, model: &ModelName, alias: &str, until: Timestamp) -> Result<(), StoreError> {
    let params = named_params! { ":model": model.as_str(), ":alias": alias, ":until": until.millis() };
    audited.tx().execute(&END, params).map(drop)
}

/// What the name names now.
pub fn current(reader: &Reader, model: &ModelName, alias: &str) -> Result<Option<Tenure>, StoreError> {
    reader.one(&CURRENT, named_params! { ":model": model.as_str(), ":alias": alias }, tenure)
}

/// Every name that names a version of the model now, by name; at most a thousand.
pub fn current_of_model(reader: &Reader, model: &ModelName) -> Result<Vec<Tenure>, StoreError> {
    reader.all(&CURRENT_OF_MODEL, named_params! { ":model": model.as_str(), ":limit": 1000 }, tenure)
}

/// What the name named at `at`.
pub fn at(reader: &Reader, model: &ModelName, alias: &str, at: Timestamp) -> Result<Option<Tenure>, StoreError> {
    let params = named_params! { ":model": model.as_str(), ":alias": alias, ":at": at.millis() };
    reader.one(&AT, params, tenure)
}

/// Every interval of the name, newest first.
pub fn list(reader: &Reader, model: &ModelName, alias: &str, page: &PageRequest) -> Result<Page<Tenure>, StoreError> {
    let params = named_params! {
        ":model": model.as_str(), ":alias": alias, ":below": page.below(LIST)?, ":limit": page.probe()
    };
    Ok(page.page(LIST, reader.all(&NEWEST, params, |row| Ok((row.get("key")?, tenure(row)?)))?))
}

fn tenure(row: &Row) -> database::Result<Tenure> {
    Ok(Tenure {
        model: row::parsed(row, "model")?,
        alias: row.get("alias")?,
        number: row.get("number")?,
        since: row::time(row, "since")?,
        until: row::maybe_time(row, "until")?,
        audit_seq: row.get("audit_seq")?,
    })
}
