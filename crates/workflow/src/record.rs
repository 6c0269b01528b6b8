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

use super::{
    difference::Difference, git::GitState, key::Change, lockfile::LockedDataset, python_env::PythonEnvironment,
};

/// Characters of a line of a log that a sentence quotes.
const MAX_SAID: usize = 300;

/// An output of a step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OutputRecord {
    /// Relative to the project, or to the root of outputs.
    pub path: String,
    /// Its digest, size and number of files.
    #[serde(flatten)]
    pub content: Content,
}

/// What a step did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepRecord {
    /// The name of the step in the contract.
    pub step: StepName,
    /// `queued` means: it would be executed (when the run only explains).
    pub state: StepState,
    /// Of the structured record of everything its result depends on; `None` when it could not be made.
    pub key: Option<Digest>,
    /// Why it was not taken from the cache: what differs from the nearest earlier execution. Empty when there is none.
    pub reason: Vec<Change>,
    /// The content of each input, by the name that `{in.x}` uses.
    pub inputs: BTreeMap<String, Content>,
    /// The outputs by name; empty unless it succeeded or its result was known.
    pub outputs: BTreeMap<String, OutputRecord>,
    /// The digest of each file of the project that its command, its imports and its `code` patterns name, by path.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub code: BTreeMap<String, Digest>,
    /// The declared parameters as they were.
    pub params: BTreeMap<String, Value>,
    /// The numbers of the metrics file, nested ones by dotted path; empty for a step that has none.
    pub metrics: BTreeMap<String, f64>,
    /// Whether another execution made the same outputs; `None` when nobody has asked.
    pub reproducible: Option<bool>,
    /// Outputs that came out otherwise when they were made once more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub differing: Vec<String>,
    /// The first difference of each of them, by its name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub differences: BTreeMap<String, Difference>,
    /// The Python environment that it ran in, in `environments` of the run; `None` for a step without Python.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<Digest>,
    /// The log, in the blob store.
    pub log: Option<Digest>,
    /// The run that executed it, when that was another one.
    pub made_by: Option<String>,
    /// Attempts that the result took; 0 if there was none.
    pub attempts: u32,
    /// How its process ended; `None` when none ran in this run.
    pub end: Option<End>,
    /// When the run took the step on.
    pub started: Timestamp,
    /// When the run was done with the step.
    pub ended: Timestamp,
    /// Of the execution that made the result.
    pub wall_ms: u64,
    /// Milliseconds of user and system time of the same execution.
    pub cpu_ms: u64,
    /// Peak resident memory of the same execution, in bytes; `None` if it is not known.
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
    /// The id of the run.
    pub run: String,
    /// What started it.
    pub cause: Cause,
    /// How it ended.
    pub state: RunState,
    /// When it began.
    pub started: Timestamp,
    /// When its last step was over.
    pub ended: Timestamp,
    /// The datasets it used, as they were.
    pub data: BTreeMap<DatasetName, LockedDataset>,
    /// All parameters, after overrides.
    pub params: Map<String, Value>,
    /// The commit of the project; `None` without Git, a repository or a commit.
    pub git: Option<GitState>,
    /// In the order in which they may run.
    pub steps: Vec<StepRecord>,
    /// The Python environments that its steps name by their digests.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub environments: Vec<PythonEnvironment>,
    /// The version that is there already with everything that this run came to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unchanged: Option<UnchangedVersion>,
}

/// A version that a run would have made again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnchangedVersion {
    /// The name of the model.
    pub model: ModelName,
    /// The number of the version.
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
        /// The id of the run.
        run: String,
        /// Their names.
        steps: Vec<StepName>,
    },
    /// A dataset is not what `kilter.lock` pinned, or is pinned for the first time.
    DataChanged {
        /// The name of the dataset.
        dataset: DatasetName,
        /// As it was pinned; `None` if it was not.
        was: Option<Box<LockedDataset>>,
        /// As it is now.
        now: Box<LockedDataset>,
    },
    /// Another run holds this path.
    StepWaiting {
        /// The step that waits for it.
        step: StepName,
        /// The path that both use.
        path: String,
    },
    /// The Python environment of a lock is made before a step can be executed.
    EnvironmentStarted {
        /// The step that needs it first.
        step: StepName,
        /// The lock file, relative to the project.
        lock: String,
    },
    /// An attempt of a step begins.
    StepStarted {
        /// The name of the step.
        step: StepName,
        /// The number of the attempt, from 1.
        attempt: u32,
        /// Why it is executed: what differs from the nearest earlier execution.
        reason: Vec<Change>,
    },
    /// A step wrote to one of its streams; only if the run follows them.
    StepOutput {
        /// The name of the step.
        step: StepName,
        /// What it wrote; bytes that are no text are replaced.
        text: String,
    },
    /// An attempt failed, and another one follows.
    StepRetrying {
        /// The name of the step.
        step: StepName,
        /// The number of the attempt that failed, from 1.
        attempt: u32,
        /// How it ended.
        end: End,
        /// Milliseconds until the next attempt.
        wait_ms: u64,
    },
    /// Content that no run had made stood at the path of an output; it is kept in the store.
    Kept {
        /// The step whose output it is.
        step: StepName,
        /// The path of the output.
        path: String,
        /// What stood there.
        content: Content,
    },
    /// The run is done with a step: executed, known, skipped or cancelled.
    StepEnded {
        /// What the step did.
        record: Box<StepRecord>,
    },
}
