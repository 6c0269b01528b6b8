//! Deployments: which version answers at which endpoint.

use kilter_domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::words::DeploymentState;

/// A version at an endpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Deployment {
    /// The id, unique on this platform.
    pub id: String,
    /// The name of the endpoint.
    pub endpoint: String,
    /// The name of the model.
    pub model: String,
    /// The number of the version.
    pub version: u32,
    /// Its stage.
    pub state: DeploymentState,
    /// The share of the requests that it answers, in percent; only in canary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canary_percent: Option<u8>,
    /// When it was asked for.
    #[schema(value_type = String, format = DateTime)]
    pub created: Timestamp,
    /// When it became live; absent if it never was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub live_since: Option<Timestamp>,
    /// When it stopped to be live; absent while it is, and if it never was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub live_until: Option<Timestamp>,
}

/// Asks that a version serves at an endpoint (`POST /api/v1/endpoints/{endpoint}/deploy`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Deploy {
    /// The number of the version.
    pub version: u32,
    /// Why, for the audit table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What became of a version at a place that the contract deploys to by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeployedVersion {
    /// The name of the endpoint.
    pub endpoint: String,
    /// The number of the version.
    pub version: u32,
    /// Its stage; absent if it was not deployed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<DeploymentState>,
    /// The share of the requests that it answers, in percent; only in canary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canary_percent: Option<u8>,
    /// Why it was not deployed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

/// A stage as people read it: `live`, `canary 10`.
fn stage(state: DeploymentState, canary_percent: Option<u8>) -> String {
    canary_percent.map_or_else(|| state.to_string(), |percent| format!("{state} {percent}"))
}

impl Deployment {
    /// Its stage as people read it: `live`, `canary 10`.
    pub fn stage(&self) -> String {
        stage(self.state, self.canary_percent)
    }
}

impl DeployedVersion {
    /// Its stage as people read it; `None` if it was not deployed.
    pub fn stage(&self) -> Option<String> {
        self.state.map(|state| stage(state, self.canary_percent))
    }
}
