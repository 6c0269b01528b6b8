//! What a package says about itself.

use std::collections::BTreeMap;

use kilter_domain::{
    digest::Digest,
    ids::{ModelName, ProjectName},
    time::Timestamp,
};
use kilter_inference::{Input, Signature};
use serde::{Deserialize, Serialize};

/// What a package says about itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of this layout.
    pub schema: u32,
    /// The project whose contract made it.
    pub project: ProjectName,
    /// The model that it is a version of.
    pub model: ModelName,
    /// The run that made it.
    pub run: String,
    /// What the model reads and answers.
    pub signature: Signature,
    /// Columns that requests may carry for the record though the model does not read them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub recorded: Vec<Input>,
    /// The digest of each dataset it was made from, by name.
    pub datasets: BTreeMap<String, Digest>,
    /// The newest event that the model was trained on; `None` if the data has no event time.
    pub trained_through: Option<Timestamp>,
    /// Rows that the model was trained on.
    pub trained_rows: u64,
    /// The operating threshold of a binary model on its score, from 0 to 1.
    pub threshold: f64,
    /// The version whose model this is, if the two differ in their threshold alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tuned_from: Option<u32>,
}
