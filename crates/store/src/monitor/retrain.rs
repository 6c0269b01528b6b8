//! What was decided whenever something asked for a new run: it was started, it was skipped, its result was refused.

use kilter_domain::{ids::ProjectName, retrain_blocker::RetrainBlocker, run::Cause, time::Timestamp};
use serde::{Deserialize, Serialize};

use crate::{
    Page, PageRequest, Reader, StoreError,
    audit::{AuditedTx, Change, table},
    database::{self, Row, named_params},
    row,
    statement::statements,
};

const LIST: &str = "retrain";

statements! {
    INSERT = "record the retraining decision": "
        INSERT INTO retrain_decision (project, cause, outcome, run, blocker, reason, at, audit_seq)
        VALUES (:project, :cause, :outcome, :run, :blocker, :reason, :at, :audit_seq)";
    STARTED_BETWEEN = "count the runs of the budget": "
        SELECT count(*) FROM retrain_decision
        WHERE project = :project AND outcome = 'started' AND at > :since AND at <= :until";
    LAST_STARTED = "find the last retraining": "
        SELECT max(at) FROM retrain_decision WHERE project = :project AND outcome = 'started'";
    NEWEST = "list retraining decisions": "
        SELECT * FROM retrain_decision WHERE project = :project AND key < :below ORDER BY key DESC LIMIT :limit";
}

/// What came of a wish to retrain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RetrainOutcome {
    /// A run was queued.
    Started,
    /// Budget, cool-down or a run under way stood against it.
    Skipped,
    /// A run was made and its candidate was not let through.
    Refused,
}

/// A decision that is about to be recorded.
#[derive(Clone, Debug, PartialEq)]
pub struct NewDecision {
    /// The project that it belongs to.
    pub project: ProjectName,
    /// The alert, schedule or data that asked.
    pub cause: Cause,
    /// What came of it.
    pub outcome: RetrainOutcome,
    /// The run, where there is one; a start has one always.
    pub run: Option<String>,
    /// What kept it from starting; one that was skipped has one always.
    pub blocker: Option<RetrainBlocker>,
    /// The reason, for a person.
    pub reason: String,
}

/// A recorded decision.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// The project that it belongs to.
    pub project: ProjectName,
    /// What it was begun for.
    pub cause: Cause,
    /// What came of it.
    pub outcome: RetrainOutcome,
    /// The run that it comes from.
    pub run: Option<String>,
    /// What kept it from starting.
    pub blocker: Option<RetrainBlocker>,
    /// Why, for a person.
    pub reason: String,
    /// When.
    pub at: Timestamp,
    /// The number of its entry in the audit log.
    pub audit_seq: u64,
}

/// Records a decision.
///
/// # Errors
/// When it started a run and names none, or names one that does not exist.
pub fn record(audited: &AuditedTx, new: &NewDecision) -> Result<u64, StoreError> {
    if new.outcome == RetrainOutcome::Started && new.run.is_none() {
        let reason = "a retraining that was started has a run".to_owned();
        return Err(StoreError::Invalid { attempted: INSERT.attempt, reason });
    }
    let outcome = row::name_of(&new.outcome)?;
    let blocker = new.blocker.as_ref().map(|blocker| row::text_of(INSERT.attempt, blocker)).transpose()?;
    let object = format!("retrain:{}", new.project);
    let change = Change { after: Some(&outcome), ..Change::of(&object) };
    let params = named_params! {
        ":project": new.project.as_str(), ":cause": row::text_of(INSERT.attempt, &new.cause)?,
        ":outcome": outcome, ":run": new.run, ":blocker": blocker, ":reason": new.reason, ":at": audited.at().millis(),
    };
    audited.write_row(&table::RETRAIN_DECISION, &change, &INSERT, params)
}

/// Runs that were started for the project after `since`, up to `until`: what a budget counts.
pub fn started_between(
    reader: &Reader,
    project: &ProjectName,
    since: Timestamp,
    until: Timestamp,
) -> Result<u64, StoreError> {
    let params = named_params! { ":project": project.as_str(), ":since": since.millis(), ":until": until.millis() };
    Ok(reader.one(&STARTED_BETWEEN, params, |row| row.get(0))?.unwrap_or(0))
}

/// When a run was last started for the project: what a cool-down counts from.
pub fn last_started(reader: &Reader, project: &ProjectName) -> Result<Option<Timestamp>, StoreError> {
    let params = named_params! { ":project": project.as_str() };
    Ok(reader.one(&LAST_STARTED, params, |row| row.get::<_, Option<i64>>(0))?.flatten().map(Timestamp))
}

/// Decisions for a project, newest first.
pub fn list(reader: &Reader, project: &ProjectName, page: &PageRequest) -> Result<Page<Decision>, StoreError> {
    let params = named_params! {
        ":project": project.as_str(), ":below": page.below(LIST)?, ":limit": page.probe()
    };
    Ok(page.page(LIST, reader.all(&NEWEST, params, |row| Ok((row.get("key")?, decision(row)?)))?))
}

fn decision(row: &Row) -> database::Result<Decision> {
    Ok(Decision {
        project: row::parsed(row, "project")?,
        cause: row::document(row, "cause")?,
        outcome: row::word(row, "outcome")?,
        run: row.get("run")?,
        blocker: row::maybe_document(row, "blocker")?,
        reason: row.get("reason")?,
        at: row::time(row, "at")?,
        audit_seq: row.get("audit_seq")?,
    })
}
