//! Where a version comes from: the facts that its documents are written from.

use std::collections::BTreeMap;

use kilter_domain::{digest::Digest, time::Timestamp};
use serde_json::Value;

/// Where a version comes from.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Origin {
    /// When the run began.
    pub started: Timestamp,
    /// When its last step was over.
    pub ended: Timestamp,
    /// Why it was started, in a sentence.
    pub cause: String,
    /// What the model is for.
    pub purpose: Option<String>,
    /// Uses that it is not meant for.
    pub not_for: Vec<String>,
    /// `low`, `medium` or `high`.
    pub risk: String,
    /// What was measured on held-out rows.
    pub metrics: BTreeMap<String, f64>,
    /// The parameters of the run.
    pub params: Value,
    /// The datasets that it read, by name.
    pub datasets: BTreeMap<String, DatasetOrigin>,
    /// Its steps, in the order in which they may run.
    pub steps: Vec<StepOrigin>,
    /// The packages of the Python that its steps ran; `None` where they ran none, or it was not recorded.
    pub python: Option<PythonPackages>,
}

/// A dataset as the run saw it.
#[derive(Clone, Debug, PartialEq)]
pub struct DatasetOrigin {
    /// As the contract states its place.
    pub path: String,
    /// Which of its versions it was, where it lies elsewhere.
    pub version: Option<String>,
    /// The digest of its content.
    pub digest: Digest,
    /// Its size.
    pub bytes: u64,
    /// Its rows, if it is a table.
    pub rows: Option<u64>,
    /// Columns that say something about people that a decision must not rest on.
    pub sensitive: Vec<String>,
}

/// A step as the run executed it, or took it from the cache.
#[derive(Clone, Debug, PartialEq)]
pub struct StepOrigin {
    /// Its name.
    pub name: String,
    /// Its command, as the contract states it.
    pub command: String,
    /// The digest of everything that its result may depend on.
    pub key: Option<Digest>,
    /// The declared parameters as they were.
    pub params: BTreeMap<String, Value>,
    /// The digest of each input, by name.
    pub inputs: BTreeMap<String, Digest>,
    /// The digest of each output, by name.
    pub outputs: BTreeMap<String, Digest>,
    /// The digest of each file of its code, by path.
    pub code: BTreeMap<String, Digest>,
    /// The digest of its log.
    pub log: Option<Digest>,
}

/// The packages of a Python environment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PythonPackages {
    /// The version of Python, like `3.11.7`.
    pub version: String,
    /// The version of each package, by name.
    pub packages: BTreeMap<String, String>,
}
