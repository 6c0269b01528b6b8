//! What an answer, or a moment, rests on.

use std::collections::BTreeMap;

use kilter_domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    approvals::Waiver,
    audit::AuditEntry,
    gates::GateVerdict,
    words::{ApproverRole, DeploymentState, ServingRole, VersionState},
};

/// Asks what served at a moment (`GET /api/v1/status/as-of`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AsOfQuery {
    /// The moment, like `2026-05-01T12:00:00Z`.
    #[param(value_type = String, format = DateTime)]
    pub at: Timestamp,
}

/// What served at a moment, and what it rests on, as the audit log has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AsOf {
    /// The moment.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Every endpoint that there was, by name.
    pub endpoints: Vec<EndpointAsOf>,
}

/// An endpoint at a moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EndpointAsOf {
    /// Its name.
    pub name: String,
    /// The name of its project.
    pub project: String,
    /// What served there, the live version first; empty where nothing did.
    pub serving: Vec<ServingVersion>,
}

/// A version that served at a moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ServingVersion {
    /// The id of the deployment.
    pub deployment: String,
    /// Live, canary or shadow.
    pub stage: DeploymentState,
    /// The share of the requests that it answered, in percent.
    pub share_percent: u8,
    /// Since when it was so.
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
    /// Who asked for the deployment.
    pub requested_by: String,
    /// Why, as it was stated; absent if nothing was stated, or if it was erased.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What the version rests on.
    pub version: VersionLineage,
    /// The entries of the audit log about the deployment, oldest first.
    pub entries: Vec<AuditEntry>,
}

/// A version, and everything that it rests on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct VersionLineage {
    /// The name of the model.
    pub model: String,
    /// The number of the version.
    pub number: u32,
    /// The state that it had.
    pub state: VersionState,
    /// BLAKE3 of its package.
    pub digest: String,
    /// BLAKE3 of the policy that it is judged by.
    pub policy_digest: String,
    /// Who made it, and may not approve it where four eyes are asked for.
    pub makers: Vec<String>,
    /// The run that made it; absent for an imported one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunLineage>,
    /// What each gate said last.
    pub gates: Vec<GateVerdict>,
    /// What people decided, oldest first.
    pub approvals: Vec<Decided>,
    /// The rules that it was allowed to fail then.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waivers: Vec<Waiver>,
    /// The entries of the audit log about version, gates, approvals and run, oldest first.
    pub entries: Vec<AuditEntry>,
}

/// A run, and what it was made from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RunLineage {
    /// Its id.
    pub id: String,
    /// Why it was started, in a sentence.
    pub cause: String,
    /// When it was asked for.
    #[schema(value_type = String, format = DateTime)]
    pub created: Timestamp,
    /// The digest of each dataset, by name.
    pub data: BTreeMap<String, String>,
    /// The commit of the code; absent without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// Whether tracked files differed from the commit.
    pub is_dirty: bool,
}

/// What a person decided about a version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Decided {
    /// Who.
    pub by: String,
    /// In which role.
    pub role: ApproverRole,
    /// Whether it was a yes.
    pub is_approval: bool,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// When it ends by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires: Option<Timestamp>,
    /// The number of its entry in the audit log.
    pub entry: u64,
}

/// A prediction, and everything that it rests on (`GET /api/v1/predictions/{id}`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PredictionLineage {
    /// The id of the prediction.
    pub id: String,
    /// The endpoint that answered.
    pub endpoint: String,
    /// The name of its project.
    pub project: String,
    /// When the event happened.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// When the answer was made.
    #[schema(value_type = String, format = DateTime)]
    pub recorded_at: Timestamp,
    /// The number of the version that answered.
    pub version: u32,
    /// As what the version answered.
    pub role: ServingRole,
    /// The score.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<f64>,
    /// The predicted class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub predicted: Option<String>,
    /// Who asked, where that was stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consumer: Option<String>,
    /// The deployment that answered, with its version; absent if none was in force at that time (a replayed past).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serving: Option<ServingVersion>,
    /// The version alone, where no deployment was in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lineage: Option<VersionLineage>,
}

impl PredictionLineage {
    /// What the version rests on, whichever way it is known.
    pub fn version_lineage(&self) -> Option<&VersionLineage> {
        self.serving.as_ref().map(|serving| &serving.version).or(self.lineage.as_ref())
    }
}
