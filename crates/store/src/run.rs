//! Runs: why each was started, where it stands, and (in [`step`]) its steps.
//!
//! Invariants: a run is ended once; its parameters never change; logging the same point twice is one row.

pub mod step;

use kilter_domain::{
    ids::ProjectName,
    replica::ReplicaId,
    run::{Cause, RunState},
    time::Timestamp,
    tracking::RunStatus,
};
use serde_json::Value;

use crate::{
    Page, PageRequest, Reader, StoreError,
    audit::{AuditedTx, Change, table},
    database::{self, Params, Row, ToValue, named_params},
    row,
    statement::statements,
    tracking::{
        experiment,
        run::{self as tracked, NewTrackedRun, RunChange},
    },
};

const LIST: &str = "run";

statements! {
    INSERT = "record the run": "
        INSERT INTO run (key, id, project, cause, state, created, record, replica, audit_seq)
        VALUES (:key, :id, :project, :cause, :state, :created, :record, :replica, :audit_seq)";
    MOVE = "move the run": "
        UPDATE run SET state = :state, audit_seq = :audit_seq, record = :record, started = :started, ended = :ended
        WHERE id = :id AND state = :expected";
    FIND = "read the run": "
        SELECT * FROM run WHERE id = :id";
    FIND_KEY = "read the run": "
        SELECT key FROM run WHERE id = :id";
    NEWEST = "list runs": "
        SELECT * FROM run WHERE (state = :state OR :state IS NULL) AND key < :below
        ORDER BY key DESC LIMIT :limit";
    NEWEST_OF_PROJECT = "list runs": "
        SELECT * FROM run WHERE project = :project AND (state = :state OR :state IS NULL) AND key < :below
        ORDER BY key DESC LIMIT :limit";
    UNFINISHED = "list runs that have not ended": "
        SELECT * FROM run WHERE state IN ('queued', 'running') AND key > :above ORDER BY key LIMIT :limit";
}

/// A run that is about to be queued.
#[derive(Clone, Debug, PartialEq)]
pub struct NewRun {
    /// A uuid v7; handed in.
    pub id: String,
    /// Of which project.
    pub project: ProjectName,
    /// What started it.
    pub cause: Cause,
    /// What is known before it runs: inputs, code, environment.
    pub record: Value,
}

/// A run.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// Its id.
    pub id: String,
    /// Of which project.
    pub project: ProjectName,
    /// What it was begun for.
    pub cause: Cause,
    /// In which state.
    pub state: RunState,
    /// When it was recorded.
    pub created: Timestamp,
    /// When it began.
    pub started: Option<Timestamp>,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// What was executed, as JSON.
    pub record: Value,
    /// Whose process executes it.
    pub replica: ReplicaId,
    /// The number of its entry in the audit log.
    pub audit_seq: u64,
}

/// Which runs are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunFilter {
    /// Of which project.
    pub project: Option<ProjectName>,
    /// In which state.
    pub state: Option<RunState>,
}

/// The name of a run in the audit log.
pub fn object(id: &str) -> String {
    format!("run:{id}")
}

/// Queues a run.
///
/// # Errors
/// When there is a run with this id, or no such project.
pub fn create(audited: &AuditedTx, new: &NewRun) -> Result<Run, StoreError> {
    if find(audited.tx(), &new.id)?.is_some() {
        let reason = format!("there is a run `{}` already", new.id);
        return Err(StoreError::Conflict { attempted: INSERT.attempt, reason });
    }
    let state = RunState::Queued.as_str();
    let object = object(&new.id);
    let change = Change { after: Some(state), ..Change::of(&object) };
    let nothing = None::<i64>;
    let key = track(audited, new)?;
    let params = named_params! {
        ":key": key, ":id": new.id, ":project": new.project.as_str(), ":cause": row::text_of(INSERT.attempt, &new.cause)?,
        ":state": state, ":created": audited.at().millis(),
        ":record": row::text_of(INSERT.attempt, &new.record)?, ":started": nothing, ":ended": nothing,
        ":replica": audited.tx().replica(),
    };
    audited.write_row(&table::RUN, &change, &INSERT, params)?;
    get(audited.tx(), &new.id)
}

/// A run is one of the experiment of its project too: what it logs belongs there.
fn track(audited: &AuditedTx, new: &NewRun) -> Result<i64, StoreError> {
    let experiment = experiment::ensure_of_project(audited.tx(), &new.project, audited.at())?;
    let tracked = NewTrackedRun {
        id: new.id.clone(),
        experiment: experiment.id,
        name: new.id.clone(),
        user_id: String::new(),
        status: RunStatus::of(RunState::Queued),
        started: Some(audited.at()),
        artifact_uri: format!("{}{}/{}/artifacts", experiment::OWN_ARTIFACTS, experiment.id, new.id),
    };
    tracked::insert(audited.tx(), &tracked)
}

/// Moves a run from the state that the caller judged to the next one; a new record replaces the old one.
///
/// # Errors
/// When there is no such run, or when it has moved meanwhile.
pub fn advance(
    audited: &AuditedTx,
    id: &str,
    expected: RunState,
    next: RunState,
    record: Option<&Value>,
) -> Result<Run, StoreError> {
    let object = object(id);
    let run = get(audited.tx(), id)?;
    let (before, after) = (expected.as_str(), next.as_str());
    audited.check_unmoved(&object, before, run.state.as_str())?;
    let change = Change { before: Some(before), after: Some(after), ..Change::of(&object) };
    let record = row::text_of(MOVE.attempt, record.unwrap_or(&run.record))?;
    let at = audited.at();
    let is_under_way = matches!(next, RunState::Queued | RunState::Running);
    let started = run.started.or((next == RunState::Running).then_some(at));
    let ended = if is_under_way { run.ended } else { Some(at) };
    let params = named_params! {
        ":id": id, ":expected": before, ":state": after, ":record": record,
        ":started": started.map(Timestamp::millis), ":ended": ended.map(Timestamp::millis),
    };
    audited.write_row(&table::RUN, &change, &MOVE, params)?;
    let tracked = RunChange { name: None, status: Some(RunStatus::of(next)), started, ended };
    tracked::update(audited.tx(), id, &tracked)?;
    get(audited.tx(), id)
}

/// Writes down that someone asked a run to stop; it ends when its steps have.
///
/// # Errors
/// When there is no such run.
pub fn note_cancel(audited: &AuditedTx, id: &str) -> Result<u64, StoreError> {
    let (run, object) = (get(audited.tx(), id)?, object(id));
    let state = Some(run.state.as_str());
    audited.record_change(&Change { before: state, after: state, ..Change::of(&object) })
}

/// The run, if there is one.
pub fn find(reader: &Reader, id: &str) -> Result<Option<Run>, StoreError> {
    reader.one(&FIND, named_params! { ":id": id }, run)
}

/// The runs with these ids, in this order; `None` for each that the platform does not execute.
pub fn find_each(reader: &Reader, ids: &[&str]) -> Result<Vec<Option<Run>>, StoreError> {
    let rows: Vec<_> = ids.iter().map(|id| [(":id", id as &dyn ToValue)]).collect();
    let rows: Vec<Params<'_>> = rows.iter().map(|row| row.as_slice()).collect();
    reader.one_each(&FIND, &rows, run)
}

/// Whether there is a run of the platform with this id.
pub fn is_known(reader: &Reader, id: &str) -> Result<bool, StoreError> {
    Ok(reader.one(&FIND_KEY, named_params! { ":id": id }, |row| row.get::<_, i64>(0))?.is_some())
}

/// The run, or an error that names it.
pub fn get(reader: &Reader, id: &str) -> Result<Run, StoreError> {
    find(reader, id)?.ok_or_else(|| missing(id))
}

/// Runs, newest first.
pub fn list(reader: &Reader, filter: &RunFilter, page: &PageRequest) -> Result<Page<Run>, StoreError> {
    let (state, below, limit) = (filter.state.map(RunState::as_str), page.below(LIST)?, page.probe());
    let rows = match &filter.project {
        None => {
            let params = named_params! { ":state": state, ":below": below, ":limit": limit };
            reader.all(&NEWEST, params, keyed)
        }
        Some(project) => {
            let params =
                named_params! { ":project": project.as_str(), ":state": state, ":below": below, ":limit": limit };
            reader.all(&NEWEST_OF_PROJECT, params, keyed)
        }
    };
    Ok(page.page(LIST, rows?))
}

/// Runs that were queued or running, oldest first: what a restarted server has to look after.
pub fn list_unfinished(reader: &Reader, page: &PageRequest) -> Result<Page<Run>, StoreError> {
    let params = named_params! { ":above": page.above("unfinished")?, ":limit": page.probe() };
    Ok(page.page("unfinished", reader.all(&UNFINISHED, params, keyed)?))
}

/// The small integer that stands for the run in the tables of what it logged.
fn key_of(reader: &Reader, id: &str) -> Result<i64, StoreError> {
    reader.one(&FIND_KEY, named_params! { ":id": id }, |row| row.get(0))?.ok_or_else(|| missing(id))
}

fn missing(id: &str) -> StoreError {
    StoreError::NotFound { what: "run", id: id.to_owned() }
}

fn keyed(row: &Row) -> database::Result<(i64, Run)> {
    Ok((row.get("key")?, run(row)?))
}

fn run(row: &Row) -> database::Result<Run> {
    Ok(Run {
        id: row.get("id")?,
        project: row::parsed(row, "project")?,
        cause: row::document(row, "cause")?,
        state: row::word(row, "state")?,
        created: row::time(row, "created")?,
        started: row::maybe_time(row, "started")?,
        ended: row::maybe_time(row, "ended")?,
        record: row::document(row, "record")?,
        replica: row::replica(row, "replica")?,
        audit_seq: row.get("audit_seq")?,
    })
}
