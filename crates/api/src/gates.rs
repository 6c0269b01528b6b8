//! What gates said of versions.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a gate said of a version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct GateVerdict {
    pub gate: String,
    pub at: String,
    /// `passed`, `failed` or `undecided`.
    pub verdict: String,
    /// One sentence a rule.
    pub reason: Vec<String>,
}
