//! What people wrote about a version, for its card: facts, the newest counts.

use std::collections::BTreeMap;

use kilter_domain::{actor::Actor, ids::ModelName, time::Timestamp};

use crate::{
    Reader, StoreError,
    audit::{AuditedTx, Change, table},
    database::{self, Row, named_params},
    row,
    statement::statements,
};

statements! {
    INSERT = "record the card": "
        INSERT INTO version_card (model, number, by, parts, at, audit_seq)
        VALUES (:model, :number, :by, :parts, :at, :audit_seq)";
    NEWEST = "read the cards": "
        SELECT * FROM version_card WHERE model = :model AND number <= :number
        ORDER BY number DESC, key DESC LIMIT :limit";
    OF_ENTRY = "read an earlier card": "
        SELECT * FROM version_card WHERE model = :model AND audit_seq = :audit_seq LIMIT 1";
}

/// The parts of a card that people write, by name.
pub type Parts = BTreeMap<String, String>;

/// What people wrote.
#[derive(Clone, Debug, PartialEq)]
pub struct Card {
    /// The version that it was written for; a later one is described by it until it has its own.
    pub number: u32,
    /// Who wrote it.
    pub by: Actor,
    /// The parts, by name.
    pub parts: Parts,
    /// When.
    pub at: Timestamp,
    /// The number of its entry in the audit log: its revision.
    pub audit_seq: u64,
}

/// Records what people wrote about a version.
///
/// # Errors
/// When there is no such version.
pub fn record(audited: &AuditedTx, model: &ModelName, number: u32, parts: &Parts) -> Result<u64, StoreError> {
    let object = format!("version_card:{model}/{number}");
    let change = Change { after: Some("written"), ..Change::of(&object) };
    let params = named_params! {
        ":model": model.as_str(), ":number": number, ":by": audited.actor().to_string(),
        ":parts": row::text_of(INSERT.attempt, parts)?, ":at": audited.at().millis(),
    };
    audited.write_row(&table::VERSION_CARD, &change, &INSERT, params)
}

/// What was written last about a version, or about one before it.
pub fn newest(reader: &Reader, model: &ModelName, number: u32) -> Result<Option<Card>, StoreError> {
    Ok(history(reader, model, number, 1)?.pop())
}

/// What was written about a version and those before it, the newest first; at most `limit`.
pub fn history(reader: &Reader, model: &ModelName, number: u32, limit: u32) -> Result<Vec<Card>, StoreError> {
    let params = named_params! { ":model": model.as_str(), ":number": number, ":limit": limit };
    reader.all(&NEWEST, params, card)
}

/// The card of a model that has this entry in the audit log; `None`: it has none.
pub fn of_entry(reader: &Reader, model: &ModelName, audit_seq: u64) -> Result<Option<Card>, StoreError> {
    reader.one(&OF_ENTRY, named_params! { ":model": model.as_str(), ":audit_seq": audit_seq }, card)
}

fn card(row: &Row) -> database::Result<Card> {
    Ok(Card {
        number: row.get("number")?,
        by: row::parsed(row, "by")?,
        parts: row::document(row, "parts")?,
        at: row::time(row, "at")?,
        audit_seq: row.get("audit_seq")?,
    })
}
