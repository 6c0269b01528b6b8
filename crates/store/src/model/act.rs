//! What people and the platform do to a version besides a yes or a no: it is submitted, taken back, reviewed, retired, revoked.
//! Facts: recorded, never changed.

use kilter_domain::{actor::Actor, ids::ModelName, time::Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    Page, PageRequest, Reader, StoreError,
    audit::{AuditedTx, Change, table},
    database::{self, Row, named_params},
    row,
    statement::statements,
};

const LIST: &str = "version_act";

statements! {
    INSERT = "record the act": "
        INSERT INTO version_act (model, number, kind, by, on_behalf, document, at, audit_seq)
        VALUES (:model, :number, :kind, :by, :on_behalf, :document, :at, :audit_seq)";
    NEWEST = "list what was done to a version": "
        SELECT * FROM version_act WHERE model = :model AND number = :number AND key < :below
        ORDER BY key DESC LIMIT :limit";
}

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActKind {
    /// A draft became a candidate, or a candidate was judged again.
    Submitted,
    /// A validated version became a candidate again.
    Returned,
    /// Someone else measured it again.
    Reviewed,
    /// It is out of use.
    Retired,
    /// It is forbidden.
    Revoked,
}

/// An act that is about to be recorded. The actor is the one who is audited.
#[derive(Clone, Debug, PartialEq)]
pub struct NewAct {
    /// The model that the version belongs to.
    pub model: ModelName,
    /// The number of the version.
    pub number: u32,
    /// What is done.
    pub kind: ActKind,
    /// What is known of it, as JSON.
    pub document: Value,
}

/// An act.
#[derive(Clone, Debug, PartialEq)]
pub struct Act {
    /// What was done.
    pub kind: ActKind,
    /// Who did it.
    pub by: Actor,
    /// For whom, where a service acted for a person.
    pub on_behalf: Option<Actor>,
    /// What is known of it, as JSON.
    pub document: Value,
    /// When.
    pub at: Timestamp,
    /// The number of its entry in the audit log.
    pub audit_seq: u64,
}

/// Records what was done to a version.
///
/// # Errors
/// When there is no such version.
pub fn record(audited: &AuditedTx, new: &NewAct) -> Result<u64, StoreError> {
    let object = format!("version_act:{}/{}", new.model, new.number);
    let kind = row::name_of(&new.kind)?;
    let change = Change { after: Some(&kind), ..Change::of(&object) };
    let params = named_params! {
        ":model": new.model.as_str(), ":number": new.number, ":kind": kind, ":by": audited.actor().to_string(),
        ":on_behalf": audited.on_behalf().map(ToString::to_string),
        ":document": row::text_of(INSERT.attempt, &new.document)?, ":at": audited.at().millis(),
    };
    audited.write_row(&table::VERSION_ACT, &change, &INSERT, params)
}

/// What was done to a version, newest first.
pub fn list(reader: &Reader, model: &ModelName, number: u32, page: &PageRequest) -> Result<Page<Act>, StoreError> {
    let params = named_params! {
        ":model": model.as_str(), ":number": number, ":below": page.below(LIST)?, ":limit": page.probe()
    };
    let rows = reader.all(&NEWEST, params, |row| Ok((row.get("key")?, act(row)?)))?;
    Ok(page.page(LIST, rows))
}

fn act(row: &Row) -> database::Result<Act> {
    Ok(Act {
        kind: row::word(row, "kind")?,
        by: row::parsed(row, "by")?,
        on_behalf: row::maybe_parsed(row, "on_behalf")?,
        document: row::document(row, "document")?,
        at: row::time(row, "at")?,
        audit_seq: row.get("audit_seq")?,
    })
}
