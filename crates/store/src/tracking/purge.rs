//! What clients deleted long ago goes for good: runs, logged models and experiments, with everything that they logged.
//!
//! Invariants: a run that the platform executed stays, and so does what a version of the registry names as its source; what is removed is
//! looked at in the transaction that removes it, so what was restored meanwhile stays; each part of it has an entry of the audit log with
//! the ids. Artifacts that lie elsewhere are not touched. Out of scope: bytes; whoever sweeps blobs frees them.

use kilter_domain::time::Timestamp;

use super::{
    artifact::{self, own_folder},
    experiment::OWN_ARTIFACTS,
};
use crate::{
    Reader, StoreError,
    audit::{AuditedTx, Change},
    database::{self, Row, named_params},
    statement::{Statement, statements},
};

/// How many of a kind go in one transaction.
const AT_ONCE: u32 = 100;

statements! {
    // What belongs to an experiment that goes, goes with it.
    RUNS = "find runs that were deleted long ago": "
        SELECT tracked_run.key, tracked_run.id, tracked_run.artifact_uri AS folder FROM tracked_run
        JOIN experiment ON experiment.key = tracked_run.experiment
        WHERE tracked_run.key > :after
          AND ((tracked_run.lifecycle = 'deleted' AND tracked_run.deleted < :before)
            OR (experiment.lifecycle = 'deleted' AND experiment.project IS NULL AND experiment.updated < :before))
          AND NOT EXISTS (SELECT 1 FROM run WHERE run.key = tracked_run.key)
          AND NOT EXISTS (SELECT 1 FROM registered_version WHERE registered_version.run_id = tracked_run.id)
        ORDER BY tracked_run.key LIMIT :limit";
    DELETE_RUN = "remove the run for good": "
        DELETE FROM tracked_run WHERE key = :key";
    MODELS = "find logged models that were deleted long ago": "
        SELECT logged_model.key, logged_model.id, logged_model.artifact_uri AS folder FROM logged_model
        JOIN experiment ON experiment.key = logged_model.experiment
        WHERE logged_model.key > :after
          AND ((logged_model.lifecycle = 'deleted' AND logged_model.deleted < :before)
            OR (experiment.lifecycle = 'deleted' AND experiment.project IS NULL AND experiment.updated < :before))
          AND NOT EXISTS (SELECT 1 FROM registered_version WHERE registered_version.logged_model = logged_model.id)
        ORDER BY logged_model.key LIMIT :limit";
    DELETE_MODEL = "remove the logged model for good": "
        DELETE FROM logged_model WHERE key = :key";
    EXPERIMENTS = "find experiments that were deleted long ago": "
        SELECT key, CAST(key AS TEXT) AS id, artifact_location AS folder FROM experiment
        WHERE key > :after AND key > 0 AND project IS NULL AND lifecycle = 'deleted' AND updated < :before
          AND NOT EXISTS (SELECT 1 FROM tracked_run WHERE tracked_run.experiment = experiment.key)
          AND NOT EXISTS (SELECT 1 FROM logged_model WHERE logged_model.experiment = experiment.key)
        ORDER BY key LIMIT :limit";
    DELETE_EXPERIMENT = "remove the experiment for good": "
        DELETE FROM experiment WHERE key = :key";
    HAS_NEIGHBOUR = "read whether another experiment keeps artifacts there": "
        SELECT 1 FROM experiment WHERE key >= 0 AND substr(artifact_location || '/', 1, length(:folder)) = :folder LIMIT 1";
    BYTES = "count the bytes of artifacts": "
        SELECT CAST(coalesce(sum(bytes), 0) AS BIGINT) FROM artifact WHERE path = :path OR (path > :above AND path < :until)";
}

/// What goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purged {
    /// Runs of clients.
    Runs,
    /// Logged models.
    LoggedModels,
    /// Experiments without a project, after what they had.
    Experiments,
}

impl Purged {
    /// In the order in which they go.
    pub const ALL: [Self; 3] = [Self::Runs, Self::LoggedModels, Self::Experiments];

    /// As the audit log calls them.
    const fn object(self) -> &'static str {
        match self {
            Self::Runs => "tracking:runs",
            Self::LoggedModels => "tracking:logged_models",
            Self::Experiments => "tracking:experiments",
        }
    }

    const fn find(self) -> &'static Statement {
        match self {
            Self::Runs => &RUNS,
            Self::LoggedModels => &MODELS,
            Self::Experiments => &EXPERIMENTS,
        }
    }

    const fn delete(self) -> &'static Statement {
        match self {
            Self::Runs => &DELETE_RUN,
            Self::LoggedModels => &DELETE_MODEL,
            Self::Experiments => &DELETE_EXPERIMENT,
        }
    }
}

/// What was found or removed, and where the next part begins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PurgedPart {
    /// Their ids.
    pub ids: Vec<String>,
    /// The bytes of their artifacts, each counted as often as it was logged.
    pub bytes: u64,
    /// Those of them whose artifacts lie elsewhere, and stay there.
    pub elsewhere: u64,
    /// What comes after this; `None`: nothing does.
    pub next: Option<i64>,
}

struct Found {
    key: i64,
    id: String,
    folder: String,
}

/// A part of what was deleted before `before`, after the key `after`. An experiment is found once nothing of it is left.
pub fn find(reader: &Reader, what: Purged, before: Timestamp, after: i64) -> Result<PurgedPart, StoreError> {
    let found = find_rows(reader, what, before, after)?;
    part(reader, what, &found)
}

fn find_rows(reader: &Reader, what: Purged, before: Timestamp, after: i64) -> Result<Vec<Found>, StoreError> {
    let params = named_params! { ":before": before.millis(), ":after": after, ":limit": AT_ONCE };
    let read =
        |row: &Row| -> database::Result<Found> { Ok(Found { key: row.get(0)?, id: row.get(1)?, folder: row.get(2)? }) };
    reader.all(what.find(), params, read)
}

fn part(reader: &Reader, what: Purged, found: &[Found]) -> Result<PurgedPart, StoreError> {
    let mut part = PurgedPart::default();
    for Found { id, folder, .. } in found {
        part.ids.push(id.clone());
        match own_folder(folder) {
            // What an experiment itself has is what its runs and models had, which are counted.
            Some(_) if what == Purged::Experiments => {}
            Some(path) => {
                let (above, until) = artifact::range(path);
                let params = named_params! { ":path": path, ":above": above, ":until": until };
                part.bytes += reader.one(&BYTES, params, |row| row.get::<_, u64>(0))?.unwrap_or_default();
            }
            None => part.elsewhere += 1,
        }
    }
    part.next = found.last().filter(|_| found.len() == AT_ONCE as usize).map(|last| last.key);
    Ok(part)
}

/// Removes a part of what was deleted before `before`, after the key `after`, with its artifacts, and records it.
pub fn remove(audited: &AuditedTx, what: Purged, before: Timestamp, after: i64) -> Result<PurgedPart, StoreError> {
    let tx = audited.tx();
    let found = find_rows(tx, what, before, after)?;
    let part = part(tx, what, &found)?;
    for Found { key, folder, .. } in &found {
        tx.execute(what.delete(), named_params! { ":key": *key })?;
        let own = own_folder(folder).filter(|path| !path.is_empty());
        let is_own = what != Purged::Experiments || is_of_experiment(tx, *key, folder)?;
        own.filter(|_| is_own).map_or(Ok(0), |path| artifact::delete(tx, path))?;
    }
    if !found.is_empty() {
        let (gone, object) = (format!("{} removed for good", found.len()), what.object());
        audited.record_change(&Change { after: Some(&gone), ..Change::of(object) })?;
    }
    Ok(part)
}

/// Whether a folder is that of the experiment alone: it has its number, and no other experiment lies in it.
fn is_of_experiment(reader: &Reader, key: i64, folder: &str) -> Result<bool, StoreError> {
    let is_neighbour = || reader.one(&HAS_NEIGHBOUR, named_params! { ":folder": format!("{folder}/") }, |_| Ok(()));
    Ok(folder == format!("{OWN_ARTIFACTS}{key}") && is_neighbour()?.is_none())
}
