//! Endpoints: what answers there, and what they wait for.

use kilter_domain::input_rule::InputPolicy;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::deployments::Deployment;

/// How an endpoint stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EndpointStatus {
    /// The name that clients call.
    pub name: String,
    /// The name of the project whose contract has it.
    pub project: String,
    /// What answers; absent while nothing does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live: Option<Deployment>,
    /// Why `live` answers nobody: it was refused when it was loaded; absent while it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
    /// What is on its way: in shadow or canary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub candidate: Option<Deployment>,
    /// Why `candidate` is not asked: it cannot be served beside what is live; absent while it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub candidate_refused: Option<String>,
    /// Alerts of this endpoint that are open.
    pub open_alerts: u64,
    /// What is waited for before a version answers, or the next one does; absent while nothing is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits: Option<Waits>,
    /// What is out of order about what answers: rules that are waived, an answer without an approval.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exceptions: Vec<String>,
    /// The models of the versions that answer or are tried here, in memory or not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<ModelMemory>,
    /// The input rules of the versions that are loaded, with the rows that broke each since then.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub input_rules: Vec<InputRuleCount>,
}

/// The model of a version in the process that answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ModelMemory {
    /// The number of the version.
    pub version: u64,
    /// Whether it is in memory; if not, the next request loads it.
    pub in_memory: bool,
    /// The memory that it takes, in bytes; absent while it is not in memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
}

/// An input rule of a version, and the rows that broke it since the version was loaded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct InputRuleCount {
    /// The number of the version.
    pub version: u64,
    /// The name of the input.
    pub input: String,
    /// What is asked of its values: `range`, `values`, `null` or `unseen`.
    pub rule: String,
    /// What becomes of the rows.
    #[schema(value_type = String)]
    pub policy: InputPolicy,
    /// Rows that broke it.
    pub rows: u64,
}

/// The next step towards a version that answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Waits {
    /// The version that is waited with; absent while there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
    /// Why it does not answer yet.
    pub reason: String,
    /// Who can take the step: roles, with the people who have them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub who: Vec<String>,
    /// The command that takes it.
    pub command: String,
}
