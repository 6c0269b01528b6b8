//! Runs as tracking sees them: those of clients, and those that the platform executes.
//!
//! Invariants: a run is of one experiment for ever; its name is the tag [`NAME_TAG`] too, both ways.

use kilter_domain::{
    ids::ProjectName,
    time::Timestamp,
    tracking::{ExperimentId, Lifecycle, RunStatus},
};

use super::tags::{self, Tags};
use crate::{
    Reader, StoreError, Tx,
    database::{self, Params, Row, ToValue, named_params},
    row,
    statement::statements,
};

/// The tag that is the name of a run.
pub const NAME_TAG: &str = "mlflow.runName";

statements! {
    INSERT = "record the run": "
        INSERT INTO tracked_run (id, experiment, name, user_id, status, lifecycle, started, ended, deleted, artifact_uri)
        VALUES (:id, :experiment, :name, :user_id, :status, 'active', :started, NULL, NULL, :artifact_uri)
        ON CONFLICT (id) DO NOTHING RETURNING key";
    FIND = "read the run": "
        SELECT * FROM tracked_run WHERE id = :id";
    FIND_BY_KEY = "read the run": "
        SELECT * FROM tracked_run WHERE key = :key";
    FIND_KEY = "read the run": "
        SELECT key FROM tracked_run WHERE id = :id";
    FIND_ACTIVE_KEY = "read the run": "
        SELECT key, lifecycle FROM tracked_run WHERE id = :id";
    FIND_OWNER = "read the run": "
        SELECT (SELECT project FROM experiment WHERE key = tracked_run.experiment) AS project,
               EXISTS (SELECT 1 FROM run WHERE run.id = tracked_run.id)
        FROM tracked_run WHERE id = :id";
    UPDATE = "change the run": "
        UPDATE tracked_run SET name = :name, status = :status, started = :started, ended = :ended WHERE key = :key";
    MOVE = "delete or restore the run": "
        UPDATE tracked_run SET lifecycle = :lifecycle, deleted = :deleted WHERE key = :key";
    MOVE_ALL = "delete or restore the runs of an experiment": "
        UPDATE tracked_run SET lifecycle = :lifecycle, deleted = :deleted
        WHERE experiment = :experiment AND lifecycle <> :lifecycle";
}

/// A run that is about to be recorded.
#[derive(Clone, Debug, PartialEq)]
pub struct NewTrackedRun {
    /// Handed in; 1 to 256 characters.
    pub id: String,
    /// Of which experiment.
    pub experiment: ExperimentId,
    /// How people call it.
    pub name: String,
    /// Who logs it, as the client says.
    pub user_id: String,
    /// Where it stands.
    pub status: RunStatus,
    /// When it began.
    pub started: Option<Timestamp>,
    /// The address of its artifacts.
    pub artifact_uri: String,
}

/// A run as tracking sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct TrackedRun {
    /// Its id.
    pub id: String,
    /// Of which experiment.
    pub experiment: ExperimentId,
    /// How people call it.
    pub name: String,
    /// Who logs it, as the client said.
    pub user_id: String,
    /// Where it stands.
    pub status: RunStatus,
    /// Whether it is deleted.
    pub lifecycle: Lifecycle,
    /// When it began.
    pub started: Option<Timestamp>,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// When it was deleted.
    pub deleted: Option<Timestamp>,
    /// The address of its artifacts.
    pub artifact_uri: String,
}

/// Records a run; the integer that stands for it in the tables of what it logs.
///
/// # Errors
/// When there is a run with this id.
pub(crate) fn insert(tx: &Tx, new: &NewTrackedRun) -> Result<i64, StoreError> {
    let key = insert_row(tx, new)?;
    tags::OF_RUN.put(tx, key, [(NAME_TAG, new.name.as_str())])?;
    Ok(key)
}

fn insert_row(tx: &Tx, new: &NewTrackedRun) -> Result<i64, StoreError> {
    let params = named_params! {
        ":id": new.id, ":experiment": new.experiment.0, ":name": new.name, ":user_id": new.user_id,
        ":status": new.status.as_str(), ":started": new.started.map(Timestamp::millis),
        ":artifact_uri": new.artifact_uri,
    };
    tx.one(&INSERT, params, |row| row.get(0))?.ok_or_else(|| {
        let reason = format!("there is a run `{}` already", new.id);
        StoreError::Conflict { attempted: INSERT.attempt, reason }
    })
}

/// Records a run of a client, with its tags.
///
/// # Errors
/// When there is a run with this id.
pub fn create(tx: &Tx, new: &NewTrackedRun, tags: &Tags) -> Result<TrackedRun, StoreError> {
    let key = insert_row(tx, new)?;
    let others = tags.iter().filter(|(name, _)| *name != NAME_TAG).map(|(name, value)| (name.as_str(), value.as_str()));
    tags::OF_RUN.put(tx, key, others.chain([(NAME_TAG, new.name.as_str())]))?;
    Ok(TrackedRun {
        id: new.id.clone(),
        experiment: new.experiment,
        name: new.name.clone(),
        user_id: new.user_id.clone(),
        status: new.status,
        lifecycle: Lifecycle::Active,
        started: new.started,
        ended: None,
        deleted: None,
        artifact_uri: new.artifact_uri.clone(),
    })
}

/// What of a run is changed; `None` leaves it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RunChange {
    /// How people call it.
    pub name: Option<String>,
    /// Where it stands.
    pub status: Option<RunStatus>,
    /// When it began.
    pub started: Option<Timestamp>,
    /// When it ended. A status that has not ended clears it.
    pub ended: Option<Timestamp>,
}

/// Changes a run.
///
/// # Errors
/// When there is no such run.
pub fn update(tx: &Tx, id: &str, change: &RunChange) -> Result<TrackedRun, StoreError> {
    let (run, key) = (get(tx, id)?, key_of(tx, id)?);
    let status = change.status.unwrap_or(run.status);
    let name = change.name.as_ref().unwrap_or(&run.name);
    let ended = if status.is_ended() { change.ended.or(run.ended) } else { change.ended };
    let params = named_params! {
        ":key": key, ":name": name, ":status": status.as_str(),
        ":started": change.started.or(run.started).map(Timestamp::millis), ":ended": ended.map(Timestamp::millis),
    };
    tx.execute(&UPDATE, params)?;
    if change.name.is_some() {
        tags::OF_RUN.put(tx, key, [(NAME_TAG, name.as_str())])?;
    }
    get(tx, id)
}

/// Deletes a run so that it can be restored, or restores it.
///
/// # Errors
/// When there is no such run.
pub fn set_lifecycle(tx: &Tx, id: &str, lifecycle: Lifecycle, at: Timestamp) -> Result<(), StoreError> {
    let deleted = (lifecycle == Lifecycle::Deleted).then_some(at.millis());
    let params = named_params! { ":key": key_of(tx, id)?, ":lifecycle": lifecycle.as_str(), ":deleted": deleted };
    tx.execute(&MOVE, params).map(drop)
}

/// Deletes or restores the runs of an experiment; how many there were to move.
pub fn set_lifecycle_of_all(
    tx: &Tx,
    experiment: ExperimentId,
    lifecycle: Lifecycle,
    at: Timestamp,
) -> Result<usize, StoreError> {
    let deleted = (lifecycle == Lifecycle::Deleted).then_some(at.millis());
    let params = named_params! { ":experiment": experiment.0, ":lifecycle": lifecycle.as_str(), ":deleted": deleted };
    tx.execute(&MOVE_ALL, params)
}

/// Refuses to write to a run that is deleted.
///
/// # Errors
/// When there is no such run, or it is deleted.
pub fn check_active(reader: &Reader, id: &str) -> Result<(), StoreError> {
    active_key(reader, id).map(drop)
}

/// The integer that stands for a run that takes what is logged to it.
///
/// # Errors
/// As [`check_active`].
pub(super) fn active_key(reader: &Reader, id: &str) -> Result<i64, StoreError> {
    let read = |row: &Row<'_>| Ok((row.get(0)?, row::word(row, "lifecycle")?));
    match reader.one(&FIND_ACTIVE_KEY, named_params! { ":id": id }, read)? {
        None => Err(missing(id)),
        Some((key, Lifecycle::Active)) => Ok(key),
        Some((_, Lifecycle::Deleted)) => Err(StoreError::RunDeleted { id: id.to_owned() }),
    }
}

/// The project of the experiment of a run, and whether the platform executes it: what the right to change it follows from.
///
/// # Errors
/// When there is no such run.
pub fn owner(reader: &Reader, id: &str) -> Result<(Option<ProjectName>, bool), StoreError> {
    let read = |row: &Row<'_>| Ok((row::maybe_parsed(row, "project")?, row.get(1)?));
    reader.one(&FIND_OWNER, named_params! { ":id": id }, read)?.ok_or_else(|| missing(id))
}

/// The run, if there is one.
pub fn find(reader: &Reader, id: &str) -> Result<Option<TrackedRun>, StoreError> {
    reader.one(&FIND, named_params! { ":id": id }, run)
}

/// The runs with these ids and their keys, in this order; those that are not there are left out.
pub(crate) fn find_each(reader: &Reader, ids: &[impl AsRef<str>]) -> Result<Vec<(i64, TrackedRun)>, StoreError> {
    let ids: Vec<&str> = ids.iter().map(AsRef::as_ref).collect();
    let rows: Vec<_> = ids.iter().map(|id| [(":id", id as &dyn ToValue)]).collect();
    let rows: Vec<Params<'_>> = rows.iter().map(|row| row.as_slice()).collect();
    let found = reader.one_each(&FIND, &rows, |row| Ok((row.get("key")?, run(row)?)))?;
    Ok(found.into_iter().flatten().collect())
}

/// The runs with these keys, in this order; those that are not there are left out.
pub(crate) fn find_each_key(reader: &Reader, keys: &[i64]) -> Result<Vec<(i64, TrackedRun)>, StoreError> {
    let rows: Vec<_> = keys.iter().map(|key| [(":key", key as &dyn ToValue)]).collect();
    let rows: Vec<Params<'_>> = rows.iter().map(|row| row.as_slice()).collect();
    let found = reader.one_each(&FIND_BY_KEY, &rows, |row| Ok((row.get("key")?, run(row)?)))?;
    Ok(found.into_iter().flatten().collect())
}

/// The run, or an error that names it.
pub fn get(reader: &Reader, id: &str) -> Result<TrackedRun, StoreError> {
    find(reader, id)?.ok_or_else(|| missing(id))
}

/// Writes tags of a run. [`NAME_TAG`] gives it another name.
///
/// # Errors
/// When there is no such run, or a name is empty or too long.
pub fn put_tags<'t>(tx: &Tx, id: &str, tags: impl IntoIterator<Item = (&'t str, &'t str)>) -> Result<(), StoreError> {
    tag(tx, (id, key_of(tx, id)?), tags)
}

/// As [`put_tags`], of the run with this id and key.
pub(super) fn tag<'t>(
    tx: &Tx,
    (id, key): (&str, i64),
    tags: impl IntoIterator<Item = (&'t str, &'t str)>,
) -> Result<(), StoreError> {
    let tags: Vec<_> = tags.into_iter().collect();
    tags::OF_RUN.put(tx, key, tags.iter().copied())?;
    match tags.iter().rev().find(|(name, _)| *name == NAME_TAG) {
        None => Ok(()),
        Some((_, name)) => {
            let change = RunChange { name: Some((*name).to_owned()), ..keep_end(get(tx, id)?) };
            update(tx, id, &change).map(drop)
        }
    }
}

fn keep_end(run: TrackedRun) -> RunChange {
    RunChange { ended: run.ended, ..RunChange::default() }
}

/// Deletes a tag of a run; whether it was there.
///
/// # Errors
/// When there is no such run.
pub fn delete_tag(tx: &Tx, id: &str, name: &str) -> Result<bool, StoreError> {
    tags::OF_RUN.delete(tx, key_of(tx, id)?, name)
}

/// The tags of a run.
///
/// # Errors
/// When there is no such run.
pub fn list_tags(reader: &Reader, id: &str) -> Result<Tags, StoreError> {
    tags::OF_RUN.list(reader, key_of(reader, id)?)
}

/// The small integer that stands for the run in the tables of what it logged.
pub(crate) fn key_of(reader: &Reader, id: &str) -> Result<i64, StoreError> {
    reader.one(&FIND_KEY, named_params! { ":id": id }, |row| row.get(0))?.ok_or_else(|| missing(id))
}

pub(crate) fn missing(id: &str) -> StoreError {
    StoreError::NotFound { what: "run", id: id.to_owned() }
}

fn run(row: &Row) -> database::Result<TrackedRun> {
    Ok(TrackedRun {
        id: row.get("id")?,
        experiment: ExperimentId(row.get("experiment")?),
        name: row.get("name")?,
        user_id: row.get("user_id")?,
        status: row::word(row, "status")?,
        lifecycle: row::word(row, "lifecycle")?,
        started: row::maybe_time(row, "started")?,
        ended: row::maybe_time(row, "ended")?,
        deleted: row::maybe_time(row, "deleted")?,
        artifact_uri: row.get("artifact_uri")?,
    })
}
