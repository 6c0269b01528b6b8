//! Deployments: which version answers at which endpoint.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A version at an endpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Deployment {
    pub id: String,
    pub endpoint: String,
    pub model: String,
    pub version: u32,
    /// `requested`, `shadow`, `canary(n %)`, `live`, `superseded`, `rolled_back` or `stopped`.
    pub state: String,
    pub created: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live_since: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live_until: Option<String>,
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
    pub endpoint: String,
    pub version: u32,
    /// `shadow`, `canary 10`, `live`; absent when it was not deployed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// Why it was not deployed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}
