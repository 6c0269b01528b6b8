//! Requests and responses of `/api/v1` and of the health addresses beside it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The process answers (`GET /health`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Health {
    /// Always `alive`: a dead process does not answer.
    #[schema(example = "alive")]
    pub status: String,
    /// The version of the program.
    pub version: String,
    /// Milliseconds since the process began to listen.
    pub uptime_ms: u64,
}

/// Whether requests may be sent here (`GET /ready`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Readiness {
    /// True when every check below holds.
    pub ready: bool,
    /// What was looked at.
    pub checks: Vec<Check>,
}

/// One thing that must hold, and whether it does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Check {
    /// What was looked at.
    #[schema(example = "data folder")]
    pub name: String,
    /// Whether it is as it should be.
    pub ok: bool,
    /// What was found, and what to do when it is not right.
    pub detail: String,
}
