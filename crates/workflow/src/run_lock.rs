//! What a run must make again to count as repeated: the digests of everything that its steps read and wrote, with the parameters,
//! the environments and the commit. Without times, places and logs, which no repetition shares.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use kilter_blobs::{Content, read_bounded};
use kilter_domain::{
    digest::Digest,
    ids::{DatasetName, StepName},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    git::GitState,
    lockfile::LockedDataset,
    python_env::PythonEnvironment,
    record::{OutputRecord, RunRecord},
};

/// The version of the document.
const VERSION: u32 = 1;
/// Longest document that is read.
const MAX_BYTES: u64 = 64 << 20;

/// The lock of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunLock {
    /// The version of the document: 1. The record of a run is a lock too, and has none.
    #[serde(default = "current")]
    pub version: u32,
    /// The commit of the project; `None` without Git.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub git: Option<GitState>,
    /// All parameters, after overrides.
    pub params: Map<String, Value>,
    /// The datasets, as they were.
    pub data: BTreeMap<DatasetName, LockedDataset>,
    /// The Python environments that steps name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub environments: Vec<PythonEnvironment>,
    /// In an order in which they may run.
    pub steps: Vec<StepLock>,
}

/// The lock of a step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepLock {
    /// Its name.
    pub step: StepName,
    /// Its key: the digest of everything that its result may depend on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Digest>,
    /// The content of each input.
    pub inputs: BTreeMap<String, Content>,
    /// The content of each output, and where it was put.
    pub outputs: BTreeMap<String, OutputRecord>,
    /// The parameters that it declares.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub params: BTreeMap<String, Value>,
    /// What it measured.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metrics: BTreeMap<String, f64>,
    /// The Python environment that it ran in, by its digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<Digest>,
    /// Whether another execution made the same outputs; `None`: nobody has asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reproducible: Option<bool>,
}

const fn current() -> u32 {
    VERSION
}

/// Why a lock cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum RunLockError {
    /// The file cannot be read.
    #[error("could not read the lock of the run, `{}`", .path.display())]
    Read {
        /// Its path.
        path: PathBuf,
        /// What the system answered.
        source: std::io::Error,
    },
    /// The file is no lock of the version that this program writes.
    #[error("`{}` is no lock of a run: {reason}", .path.display())]
    Unreadable {
        /// Its path.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

impl RunLock {
    /// The lock of a run that was executed.
    pub fn of(record: &RunRecord) -> Self {
        let steps = record.steps.iter().map(|step| StepLock {
            step: step.step.clone(),
            key: step.key,
            inputs: step.inputs.clone(),
            outputs: step.outputs.clone(),
            params: step.params.clone(),
            metrics: step.metrics.clone(),
            environment: step.environment,
            reproducible: step.reproducible,
        });
        let environments =
            record.environments.iter().map(|found| PythonEnvironment { path: PathBuf::new(), ..found.clone() });
        Self {
            version: VERSION,
            git: record.git.clone(),
            params: record.params.clone(),
            data: record.data.clone(),
            environments: environments.collect(),
            steps: steps.collect(),
        }
    }

    /// Reads a lock.
    ///
    /// # Errors
    /// When the file cannot be read, or is no lock of this version.
    pub fn read(path: &Path) -> Result<Self, RunLockError> {
        let wrong = |reason: String| RunLockError::Unreadable { path: path.to_owned(), reason };
        let bytes =
            read_bounded(path, MAX_BYTES).map_err(|source| RunLockError::Read { path: path.to_owned(), source })?;
        let lock: Self = serde_json::from_slice(&bytes).map_err(|error| wrong(error.to_string()))?;
        match lock.version {
            VERSION => Ok(lock),
            other => Err(wrong(format!("its version is {other}, and this program reads {VERSION}"))),
        }
    }

    /// As a document.
    pub fn to_json(&self) -> String {
        // Maps with text keys and plain values always have a JSON form.
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }

    /// The lock of a step.
    pub fn step(&self, name: &StepName) -> Option<&StepLock> {
        self.steps.iter().find(|step| step.step == *name)
    }

    /// An environment by its digest.
    pub fn environment(&self, digest: &Digest) -> Option<&PythonEnvironment> {
        self.environments.iter().find(|environment| environment.digest() == *digest)
    }
}
