//! Deployments that went past their approval, and what the review afterwards said.
//!
//! Invariants: a break-glass is never edited and reviewed once.

use kilter_domain::{
    actor::Actor,
    ids::{EndpointName, ModelName},
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

const LIST: &str = "break_glass";

statements! {
    INSERT = "break the glass": "
        INSERT INTO break_glass (id, endpoint, model, number, state, by, reason, at, due, audit_seq)
        VALUES (:id, :endpoint, :model, :number, :state, :by, :reason, :at, :due, :audit_seq)";
    REVIEW = "review the break-glass": "
        UPDATE break_glass
        SET state = :state, reviewed_by = :reviewed_by, reviewed = :reviewed, audit_seq = :audit_seq
        WHERE id = :id AND state = :expected";
    FIND = "read the break-glass": "
        SELECT * FROM break_glass WHERE id = :id";
    OF_VERSION = "list the break-glasses of a version": "
        SELECT * FROM break_glass WHERE model = :model AND number = :number ORDER BY key DESC LIMIT :limit";
    OPEN = "list the break-glasses that wait": "
        SELECT * FROM break_glass WHERE state = 'open' AND due > :above ORDER BY due LIMIT :limit";
    NEWEST = "list break-glasses": "
        SELECT * FROM break_glass WHERE key < :below AND endpoint = :endpoint ORDER BY key DESC LIMIT :limit";
}

/// Where a break-glass is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BreakGlassState {
    /// Nobody reviewed it yet.
    Open,
    /// The review found that it had to be.
    Justified,
    /// The review found that it did not: the version is taken away.
    Unjustified,
}

/// A break-glass that is about to be recorded. The actor is the one who is audited.
#[derive(Clone, Debug, PartialEq)]
pub struct NewBreakGlass {
    /// A uuid v7; handed in.
    pub id: String,
    /// The endpoint.
    pub endpoint: EndpointName,
    /// The model.
    pub model: ModelName,
    /// The number of the version.
    pub number: u32,
    /// Why.
    pub reason: String,
    /// Until when it must be reviewed.
    pub due: Timestamp,
}

/// A break-glass.
#[derive(Clone, Debug, PartialEq)]
pub struct BreakGlass {
    /// Its id.
    pub id: String,
    /// The endpoint.
    pub endpoint: EndpointName,
    /// The model.
    pub model: ModelName,
    /// The number of the version.
    pub number: u32,
    /// Where it is in its life.
    pub state: BreakGlassState,
    /// Who did it.
    pub by: Actor,
    /// Why.
    pub reason: String,
    /// When.
    pub at: Timestamp,
    /// Until when it must be reviewed.
    pub due: Timestamp,
    /// Who reviewed it.
    pub reviewed_by: Option<Actor>,
    /// When.
    pub reviewed: Option<Timestamp>,
    /// The number of its entry in the audit log.
    pub audit_seq: u64,
}

impl BreakGlass {
    /// Whether nobody reviewed it in time.
    pub fn is_overdue(&self, at: Timestamp) -> bool {
        self.state == BreakGlassState::Open && self.due <= at
    }
}

/// The name of a break-glass in the audit log.
pub fn object(id: &str) -> String {
    format!("break_glass:{id}")
}

/// Records that a version is deployed without its approval.
///
/// # Errors
/// When there is no such endpoint or version.
pub fn record(audited: &AuditedTx, new: &NewBreakGlass) -> Result<BreakGlass, StoreError> {
    let state = row::name_of(&BreakGlassState::Open)?;
    let object = object(&new.id);
    let change = Change { after: Some(&state), ..Change::of(&object) };
    let nothing = None::<i64>;
    let params = named_params! {
        ":id": new.id, ":endpoint": new.endpoint.as_str(), ":model": new.model.as_str(), ":number": new.number,
        ":state": state, ":by": audited.actor().to_string(), ":reason": new.reason, ":at": audited.at().millis(),
        ":due": new.due.millis(), ":reviewed_by": nothing, ":reviewed": nothing,
    };
    audited.write_row(&table::BREAK_GLASS, &change, &INSERT, params)?;
    get(audited.tx(), &new.id)
}

/// Reviews an open break-glass.
///
/// # Errors
/// When there is none of that id, or it was reviewed already.
pub fn review(audited: &AuditedTx, id: &str, next: BreakGlassState) -> Result<BreakGlass, StoreError> {
    let found = get(audited.tx(), id)?;
    let object = object(id);
    let (before, after) = (row::name_of(&BreakGlassState::Open)?, row::name_of(&next)?);
    audited.check_unmoved(&object, &before, &row::name_of(&found.state)?)?;
    let change = Change { before: Some(&before), after: Some(&after), ..Change::of(&object) };
    let params = named_params! {
        ":id": id, ":expected": before, ":state": after, ":reviewed_by": audited.actor().to_string(),
        ":reviewed": audited.at().millis(),
    };
    audited.write_row(&table::BREAK_GLASS, &change, &REVIEW, params)?;
    get(audited.tx(), id)
}

/// The break-glass, or an error that names it.
pub fn get(reader: &Reader, id: &str) -> Result<BreakGlass, StoreError> {
    let found = reader.one(&FIND, named_params! { ":id": id }, break_glass)?;
    found.ok_or_else(|| StoreError::NotFound { what: "break-glass", id: id.to_owned() })
}

/// Break-glasses of a version, newest first; at most a hundred.
pub fn of_version(reader: &Reader, model: &ModelName, number: u32) -> Result<Vec<BreakGlass>, StoreError> {
    let params = named_params! { ":model": model.as_str(), ":number": number, ":limit": 100 };
    reader.all(&OF_VERSION, params, break_glass)
}

/// Break-glasses that nobody reviewed yet, those that are due first; at most a thousand.
pub fn open(reader: &Reader) -> Result<Vec<BreakGlass>, StoreError> {
    reader.all(&OPEN, named_params! { ":above": i64::MIN, ":limit": 1000 }, break_glass)
}

/// Break-glasses of an endpoint, newest first.
pub fn list(reader: &Reader, endpoint: &EndpointName, page: &PageRequest) -> Result<Page<BreakGlass>, StoreError> {
    let params = named_params! { ":endpoint": endpoint.as_str(), ":below": page.below(LIST)?, ":limit": page.probe() };
    Ok(page.page(LIST, reader.all(&NEWEST, params, |row| Ok((row.get("key")?, break_glass(row)?)))?))
}

fn break_glass(row: &Row) -> database::Result<BreakGlass> {
    Ok(BreakGlass {
        id: row.get("id")?,
        endpoint: row::parsed(row, "endpoint")?,
        model: row::parsed(row, "model")?,
        number: row.get("number")?,
        state: row::word(row, "state")?,
        by: row::parsed(row, "by")?,
        reason: row.get("reason")?,
        at: row::time(row, "at")?,
        due: row::time(row, "due")?,
        reviewed_by: row::maybe_parsed(row, "reviewed_by")?,
        reviewed: row::maybe_time(row, "reviewed")?,
        audit_seq: row.get("audit_seq")?,
    })
}
