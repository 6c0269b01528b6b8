//! Results by key: what a step made the last times it was executed, with the record its key was made of.
//!
//! Invariants: an entry appears whole; one that cannot be read is a miss, never a wrong result. Each step keeps its
//! newest [`MAX_ENTRIES`] entries.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::SystemTime,
};

use kilter_blobs::{BlobError, Content, atomic};
use kilter_domain::{digest::Digest, ids::StepName, time::Timestamp};
use serde::{Deserialize, Serialize};

use super::key::{Change, KeyRecord};

/// Entries kept of one step.
const MAX_ENTRIES: usize = 500;
/// Entries that an explanation compares with, newest first.
const COMPARED: usize = 30;
/// Longest entry that is read.
const MAX_ENTRY_BYTES: u64 = 64 << 20;

/// What an execution produced.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ActionResult {
    /// The content of each output, by its name in the contract.
    pub outputs: BTreeMap<String, Content>,
    /// The numbers of the metrics file, nested ones by dotted path; empty for a step that has none.
    pub metrics: BTreeMap<String, f64>,
    /// Whether another execution made the same outputs; `None` when nobody has asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reproducible: Option<bool>,
    /// The log, in the blob store.
    pub log: Option<Digest>,
    /// Attempts that it took, at least 1.
    pub attempts: u32,
    /// Milliseconds from start to end of the last attempt.
    pub wall_ms: u64,
    /// Milliseconds of user and system time of the last attempt.
    pub cpu_ms: u64,
    /// Peak resident memory of the last attempt, in bytes; `None` if it is not known (see
    /// [`Outcome`](crate::executor::Outcome)).
    pub max_rss_bytes: Option<u64>,
}

/// A result and how it came about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Action {
    /// The digest of `record`, by which the result is found.
    pub key: Digest,
    /// Everything that the result may depend on.
    pub record: KeyRecord,
    /// What it produced.
    pub result: ActionResult,
    /// The run that executed it, and when it ended.
    pub run: String,
    /// When the execution ended.
    pub at: Timestamp,
}

pub(crate) struct ActionCache {
    folder: PathBuf,
}

impl ActionCache {
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    pub(crate) fn get(&self, step: &StepName, key: &Digest) -> Option<Action> {
        // A file under another name than its own key was copied or changed by hand.
        read(&self.path(step, key)).filter(|action| action.key == *key && action.record.key() == *key)
    }

    pub(crate) fn put(&self, step: &StepName, action: &Action) -> Result<(), BlobError> {
        let path = self.path(step, &action.key);
        let text = serde_json::to_vec_pretty(action).map_err(|error| BlobError::Io {
            attempted: "write",
            path: path.clone(),
            source: error.into(),
        })?;
        atomic::write_atomic(&path, &text)?;
        self.prune(step);
        Ok(())
    }

    /// How `record` differs from the most similar of the newest entries; `None` when there is no entry.
    pub(crate) fn nearest_changes(&self, step: &StepName, record: &KeyRecord) -> Option<Vec<Change>> {
        let entries = self.newest_first(step);
        let actions = entries.iter().take(COMPARED).filter_map(|(_, path)| read(path));
        // Of equally near ones the newest: `min_by_key` keeps the first.
        actions.map(|action| record.changes_since(&action.record)).min_by_key(Vec::len)
    }

    fn path(&self, step: &StepName, key: &Digest) -> PathBuf {
        self.folder.join(step.as_str()).join(format!("{key}.json"))
    }

    fn newest_first(&self, step: &StepName) -> Vec<(SystemTime, PathBuf)> {
        let entries = fs::read_dir(self.folder.join(step.as_str())).into_iter().flatten().flatten();
        let mut found: Vec<(SystemTime, PathBuf)> = entries
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
            .filter_map(|path| Some((path.metadata().ok()?.modified().ok()?, path)))
            .collect();
        found.sort_by(|a, b| b.cmp(a));
        found
    }

    fn prune(&self, step: &StepName) {
        for (_, path) in self.newest_first(step).into_iter().skip(MAX_ENTRIES) {
            // An old entry that stays costs a file, no more.
            let _ = fs::remove_file(path);
        }
    }
}

fn read(path: &Path) -> Option<Action> {
    let is_bounded = path.metadata().is_ok_and(|found| found.len() <= MAX_ENTRY_BYTES);
    is_bounded.then(|| fs::read(path).ok()).flatten().and_then(|bytes| serde_json::from_slice(&bytes).ok())
}
