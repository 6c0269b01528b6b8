//! Waivers: until when a version may miss one rule of one gate, who let it, and why.
//!
//! Invariants: a waiver is never edited; it ends at its time, or when it is revoked, whichever is first.

use kilter_domain::{
    actor::Actor,
    gate::Waiver as Term,
    ids::{GateName, ModelName},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};

use crate::{
    Page, PageRequest, Reader, StoreError,
    audit::{AuditedTx, Change, table},
    database::{self, Row, named_params},
    row,
    statement::statements,
};

const LIST: &str = "waiver";
/// Waivers in force that are read for a model; more would be a policy of their own.
const MAX_IN_FORCE: u32 = 1000;

statements! {
    INSERT = "grant the waiver": "
        INSERT INTO waiver (id, model, number, gate, rule, state, by, reason, since, until, audit_seq)
        VALUES (:id, :model, :number, :gate, :rule, :state, :by, :reason, :since, :until, :audit_seq)";
    MOVE = "revoke the waiver": "
        UPDATE waiver SET state = :state, audit_seq = :audit_seq WHERE id = :id AND state = :expected";
    FIND = "read the waiver": "
        SELECT * FROM waiver WHERE id = :id";
    NEWEST = "list waivers": "
        SELECT * FROM waiver WHERE model = :model AND key < :below ORDER BY key DESC LIMIT :limit";
    IN_FORCE = "read the waivers in force": "
        SELECT * FROM waiver
        WHERE model = :model AND state = 'granted' AND until > :at AND (number IS NULL OR number = :number)
        LIMIT :limit";
    IN_FORCE_MARK = "mark the waivers in force": "
        SELECT count(*) AS count, coalesce(max(audit_seq), 0) AS newest FROM waiver
        WHERE model = :model AND state = 'granted' AND until > :at";
    NEXT_END = "find the next end of a waiver": "
        SELECT min(until) FROM waiver WHERE model = :model AND state = 'granted' AND until > :at";
}

/// Where a waiver is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WaiverState {
    /// In force until its time.
    Granted,
    /// Taken back before its time.
    Revoked,
}

/// A waiver that is about to be granted. The actor is the one who is audited.
#[derive(Clone, Debug, PartialEq)]
pub struct NewWaiver {
    /// A uuid v7; handed in.
    pub id: String,
    /// The model.
    pub model: ModelName,
    /// The version; `None`: every version of the model.
    pub number: Option<u32>,
    /// The gate.
    pub gate: GateName,
    /// The rule, as its text.
    pub rule: String,
    /// Why.
    pub reason: String,
    /// When it ends.
    pub until: Timestamp,
}

/// A waiver.
#[derive(Clone, Debug, PartialEq)]
pub struct Waiver {
    /// Its id.
    pub id: String,
    /// The model.
    pub model: ModelName,
    /// The version; `None`: every version of the model.
    pub number: Option<u32>,
    /// Where it is in its life.
    pub state: WaiverState,
    /// What it lets pass, until when, and who granted it.
    pub term: Term,
    /// Why.
    pub reason: String,
    /// When it was granted.
    pub since: Timestamp,
    /// The number of its entry in the audit log.
    pub audit_seq: u64,
}

impl Waiver {
    /// Whether it is in force at `at`.
    pub fn is_in_force(&self, at: Timestamp) -> bool {
        self.state == WaiverState::Granted && self.term.until > at
    }
}

fn object(id: &str) -> String {
    format!("waiver:{id}")
}

/// Grants a waiver.
///
/// # Errors
/// When there is no such model or version.
pub fn grant(audited: &AuditedTx, new: &NewWaiver) -> Result<Waiver, StoreError> {
    let state = row::name_of(&WaiverState::Granted)?;
    let object = object(&new.id);
    let change = Change { after: Some(&state), ..Change::of(&object) };
    let params = named_params! {
        ":id": new.id, ":model": new.model.as_str(), ":number": new.number, ":gate": new.gate.as_str(), ":rule": new.rule,
        ":state": state, ":by": audited.actor().to_string(), ":reason": new.reason, ":since": audited.at().millis(),
        ":until": new.until.millis(),
    };
    audited.write_row(&table::WAIVER, &change, &INSERT, params)?;
    get(audited.tx(), &new.id)
}

/// Ends a waiver before its time.
///
/// # Errors
/// When there is none of that id, or it was revoked already.
pub fn revoke(audited: &AuditedTx, id: &str) -> Result<Waiver, StoreError> {
    let waiver = get(audited.tx(), id)?;
    let object = object(id);
    let (before, after) = (row::name_of(&WaiverState::Granted)?, row::name_of(&WaiverState::Revoked)?);
    audited.check_unmoved(&object, &before, &row::name_of(&waiver.state)?)?;
    let change = Change { before: Some(&before), after: Some(&after), ..Change::of(&object) };
    let params = named_params! { ":id": id, ":expected": before, ":state": after };
    audited.write_row(&table::WAIVER, &change, &MOVE, params)?;
    get(audited.tx(), id)
}

/// The waiver, or an error that names it.
pub fn get(reader: &Reader, id: &str) -> Result<Waiver, StoreError> {
    let found = reader.one(&FIND, named_params! { ":id": id }, waiver)?;
    found.ok_or_else(|| StoreError::NotFound { what: "waiver", id: id.to_owned() })
}

/// Waivers of a model, newest first.
pub fn list(reader: &Reader, model: &ModelName, page: &PageRequest) -> Result<Page<Waiver>, StoreError> {
    let params = named_params! { ":model": model.as_str(), ":below": page.below(LIST)?, ":limit": page.probe() };
    Ok(page.page(LIST, reader.all(&NEWEST, params, |row| Ok((row.get("key")?, waiver(row)?)))?))
}

/// The waivers that count for a version at `at`.
pub fn in_force(reader: &Reader, model: &ModelName, number: u32, at: Timestamp) -> Result<Vec<Waiver>, StoreError> {
    let params = named_params! {
        ":model": model.as_str(), ":number": number, ":at": at.millis(), ":limit": MAX_IN_FORCE
    };
    reader.all(&IN_FORCE, params, waiver)
}

/// How many waivers of a model are in force at `at`, and the entry of the newest: as long as it is the same, so are they.
pub fn in_force_mark(reader: &Reader, model: &ModelName, at: Timestamp) -> Result<(u64, u64), StoreError> {
    let params = named_params! { ":model": model.as_str(), ":at": at.millis() };
    let mark = reader.one(&IN_FORCE_MARK, params, |row| Ok((row.get("count")?, row.get("newest")?)))?;
    Ok(mark.unwrap_or_default())
}

/// When the next waiver of a model ends after `at`.
pub fn next_end(reader: &Reader, model: &ModelName, at: Timestamp) -> Result<Option<Timestamp>, StoreError> {
    let params = named_params! { ":model": model.as_str(), ":at": at.millis() };
    Ok(reader.one(&NEXT_END, params, |row| row.get::<_, Option<i64>>(0))?.flatten().map(Timestamp))
}

fn waiver(row: &Row) -> database::Result<Waiver> {
    Ok(Waiver {
        id: row.get("id")?,
        model: row::parsed(row, "model")?,
        number: row.get("number")?,
        state: row::word(row, "state")?,
        term: Term {
            gate: row::parsed(row, "gate")?,
            rule: row.get("rule")?,
            by: row::parsed::<Actor>(row, "by")?,
            until: row::time(row, "until")?,
        },
        reason: row.get("reason")?,
        since: row::time(row, "since")?,
        audit_seq: row.get("audit_seq")?,
    })
}
