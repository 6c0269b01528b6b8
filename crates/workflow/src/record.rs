//! What happened in a run: events while it goes, a record when it is over.

use std::{collections::BTreeMap, path::PathBuf};

use crate::executor::End;
use kilter_blobs::Content;
use kilter_domain::{
    digest::Digest,
    ids::{DatasetName, ModelName, StepName},
    run::{Cause, RunState, StepState},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{git::GitState, key::Change, lockfile::LockedDataset};

/// Characters of a line of a log that a sentence quotes.
const MAX_SAID: usize = 300;

/// An output of a step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OutputRecord {
    /// Relative to the project, or to the root of outputs.
    pub path: String,
    #[serde(flatten)]
    pub content: Content,
}

/// What a step did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepRecord {
    pub step: StepName,
    /// `queued` means: it would be executed (when the run only explains).
    pub state: StepState,
    /// Of the structured record of everything its result depends on; `None` when it could not be made.
    pub key: Option<Digest>,
    /// Why it was not taken from the cache: what differs from the nearest earlier execution. Empty when there is none.
    pub reason: Vec<Change>,
    pub inputs: BTreeMap<String, Content>,
    pub outputs: BTreeMap<String, OutputRecord>,
    /// The declared parameters as they were.
    pub params: BTreeMap<String, Value>,
    pub metrics: BTreeMap<String, f64>,
    /// Whether another execution made the same outputs; `None` when nobody has asked.
    pub reproducible: Option<bool>,
    /// Outputs that came out otherwise when they were made once more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub differing: Vec<String>,
    /// The log, in the blob store.
    pub log: Option<Digest>,
    /// The run that executed it, when that was another one.
    pub made_by: Option<String>,
    pub attempts: u32,
    /// How its process ended; `None` when none ran in this run.
    pub end: Option<End>,
    pub started: Timestamp,
    pub ended: Timestamp,
    /// Of the execution that made the result.
    pub wall_ms: u64,
    pub cpu_ms: u64,
    pub max_rss_bytes: Option<u64>,
    /// Why it failed or did not run, and what to do next.
    pub error: Option<String>,
    /// The end of the log of a failed step.
    pub log_tail: Option<String>,
    /// Where the whole log of a failed step stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_file: Option<PathBuf>,
}

impl StepRecord {
    /// The step and why it failed, in one line: with the last line of its log, where it said something. What `kilter`
    /// itself says ends with a way out, which is no reason.
    pub fn failure(&self) -> Option<String> {
        let error = self.error.as_ref()?;
        let is_reason = |line: &&str| !line.trim().is_empty() && !line.trim_start().starts_with('→');
        let last = self.log_tail.as_deref().and_then(|tail| tail.lines().rfind(is_reason));
        let last_line = last.map_or_else(String::new, |line| {
            let line: String = line.trim().chars().take(MAX_SAID).collect();
            format!("; its log ends with `{line}`")
        });
        Some(format!("step `{}`: {error}{last_line}", self.step))
    }
}

/// What a run did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    pub run: String,
    pub cause: Cause,
    pub state: RunState,
    pub started: Timestamp,
    pub ended: Timestamp,
    /// The datasets it used, as they were.
    pub data: BTreeMap<DatasetName, LockedDataset>,
    /// All parameters, after overrides.
    pub params: Map<String, Value>,
    pub git: Option<GitState>,
    /// In the order in which they may run.
    pub steps: Vec<StepRecord>,
    /// The version that is there already with everything that this run came to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unchanged: Option<UnchangedVersion>,
}

/// A version that a run would have made again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnchangedVersion {
    pub model: ModelName,
    pub number: u32,
}

impl RunRecord {
    /// The metrics of all steps; a later step wins where names are equal.
    pub fn metrics(&self) -> BTreeMap<String, f64> {
        self.steps.iter().flat_map(|step| step.metrics.clone()).collect()
    }

    /// The first step that failed.
    pub fn failed_step(&self) -> Option<&StepRecord> {
        self.steps.iter().find(|step| step.error.is_some())
    }

    /// The record of a step.
    pub fn step(&self, name: &str) -> Option<&StepRecord> {
        self.steps.iter().find(|step| step.step.as_str() == name)
    }

    /// An output by its name in the contract, `train.model`.
    pub fn output(&self, name: &str) -> Option<&OutputRecord> {
        self.steps.iter().find_map(|step| {
            let output = name.strip_prefix(step.step.as_str())?.strip_prefix('.')?;
            step.outputs.get(output)
        })
    }
}

/// What an observer receives while a run goes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum RunEvent {
    /// The steps that are looked at, in the order in which they may run.
    Started {
        run: String,
        steps: Vec<StepName>,
    },
    /// A dataset is not what `kilter.lock` pinned, or is pinned for the first time.
    DataChanged {
        dataset: DatasetName,
        was: Option<Box<LockedDataset>>,
        now: Box<LockedDataset>,
    },
    /// Another run holds this path.
    StepWaiting {
        step: StepName,
        path: String,
    },
    StepStarted {
        step: StepName,
        attempt: u32,
        reason: Vec<Change>,
    },
    StepOutput {
        step: StepName,
        text: String,
    },
    StepRetrying {
        step: StepName,
        attempt: u32,
        end: End,
        wait_ms: u64,
    },
    /// Content that no run had made stood at the path of an output; it is kept in the store.
    Kept {
        step: StepName,
        path: String,
        content: Content,
    },
    StepEnded {
        record: Box<StepRecord>,
    },
}
