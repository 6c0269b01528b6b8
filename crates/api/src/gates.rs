//! What gates said of versions.

use kilter_domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::words::Verdict;

/// What a gate said of a version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct GateVerdict {
    /// The name of the gate in the contract.
    pub gate: String,
    /// When it was evaluated.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// What it came to.
    pub verdict: Verdict,
    /// One sentence a rule.
    pub reason: Vec<String>,
}
