//! Whether the process answers and is ready, and what it does beside requests.

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
    /// True when requests may be sent here. What is wrong with one project or one endpoint alone is among the checks, and
    /// keeps the others ready.
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

/// How a task stands that the server does beside requests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TaskStatus {
    /// What the task is called, unique in the process.
    #[schema(example = "sealing")]
    pub name: String,
    /// The project that it is about; absent where it is about all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
    /// False when it keeps failing, has panicked, or does not come back.
    pub ok: bool,
    /// What it does, or why it does not.
    pub detail: String,
    /// Failures in a row.
    pub failures: u32,
    /// Panics since the server began.
    pub panics: u64,
    /// How long the step takes that runs now.
    pub running_seconds: Option<u64>,
    /// When it last succeeded.
    pub succeeded_seconds_ago: Option<u64>,
}
