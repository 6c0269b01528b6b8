//! Results by key: what a step made the last times it was executed, with the record its key was made of.
//!
//! Invariants: an entry appears whole; one that cannot be read is a miss, never a wrong result. Each step keeps its
//! newest [`MAX_ENTRIES`] entries.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use kilter_blobs::{BlobError, Content, atomic};
use kilter_domain::{digest::Digest, ids::StepName, time::Timestamp};
use serde::{Deserialize, Serialize};

use super::key::{Change, KeyRecord};

/// Entries kept of one step.
const MAX_ENTRIES: usize = 500;
/// Entries that an explanation compares with, newest first.
const COMPARED: usize = 30;
/// An entry whose time is older than this gets a new one when it is used.
const RENEWED_AFTER: Duration = Duration::from_secs(24 * 60 * 60);
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

    /// The result for this key. One that is used stays longer: what was not used for long is removed.
    pub(crate) fn get(&self, step: &StepName, key: &Digest) -> Option<Action> {
        let path = self.path(step, key);
        // A file under another name than its own key was copied or changed by hand.
        let action = read(&path).filter(|action| action.key == *key && action.record.key() == *key)?;
        renew(&path);
        Some(action)
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

/// Notes that an entry was used, once a day.
fn renew(path: &Path) {
    let age = path.metadata().and_then(|found| found.modified()).ok().and_then(|at| at.elapsed().ok());
    if age.is_some_and(|age| age > RENEWED_AFTER) {
        // An entry that looks older than it is costs an execution, no more.
        let _ = File::open(path).and_then(|file| file.set_modified(SystemTime::now()));
    }
}

/// The results of all steps in a folder, the one that was not used for longest first.
pub(crate) fn list(folder: &Path) -> Vec<CachedResult> {
    let steps = fs::read_dir(folder).into_iter().flatten().flatten();
    let files = steps.flat_map(|step| fs::read_dir(step.path()).into_iter().flatten().flatten());
    let mut found: Vec<CachedResult> = files.filter_map(|file| CachedResult::of(file.path())).collect();
    found.sort_by_key(|result| result.used);
    found
}

/// A result as it lies in the cache.
pub struct CachedResult {
    /// Its file.
    pub path: PathBuf,
    /// When it was made, or used: to the day.
    pub used: SystemTime,
    /// What it consists of: its outputs. Empty for an entry that cannot be read.
    pub outputs: Vec<Content>,
    /// The log of its execution.
    pub log: Option<Digest>,
}

impl CachedResult {
    fn of(path: PathBuf) -> Option<Self> {
        let used = path.metadata().ok().filter(|found| found.is_file())?.modified().ok()?;
        let result = read(&path).map(|action| action.result);
        let log = result.as_ref().and_then(|result| result.log);
        let outputs = result.map(|result| result.outputs.into_values().collect()).unwrap_or_default();
        Some(Self { path, used, outputs, log })
    }

    /// The bytes of its outputs.
    pub fn bytes(&self) -> u64 {
        self.outputs.iter().fold(0, |sum, content| sum.saturating_add(content.bytes))
    }
}

fn read(path: &Path) -> Option<Action> {
    let is_bounded = path.metadata().is_ok_and(|found| found.len() <= MAX_ENTRY_BYTES);
    is_bounded.then(|| fs::read(path).ok()).flatten().and_then(|bytes| serde_json::from_slice(&bytes).ok())
}
