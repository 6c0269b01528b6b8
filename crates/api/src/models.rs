//! Registered models and their versions.

use kilter_domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    approvals::{Standing, WithdrawnEndpoint},
    deployments::DeployedVersion,
    gates::GateVerdict,
    words::VersionState,
};

/// A registered model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Model {
    /// The name under which versions are registered.
    pub name: String,
    /// The name of its project.
    pub project: String,
    /// When its first version was registered.
    #[schema(value_type = String, format = DateTime)]
    pub created: Timestamp,
    /// Versions, newest first; at most a hundred.
    pub versions: Vec<Version>,
}

/// A version of a model. Nothing edits it; its digest is its identity.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Version {
    /// The name of the model.
    pub model: String,
    /// The number within the model: 1, 2, 3, …
    pub number: u32,
    /// Where it is in its life.
    pub state: VersionState,
    /// BLAKE3 of its package.
    pub digest: String,
    /// The run that made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// When it was registered.
    #[schema(value_type = String, format = DateTime)]
    pub created: Timestamp,
    /// What was measured on the rows that it was not trained on, by metric.
    #[schema(value_type = Object)]
    pub metrics: serde_json::Value,
    /// What each gate said last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gates: Vec<GateVerdict>,
    /// What people said of it; absent in lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standing: Option<Standing>,
}

/// What a submission came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Submission {
    /// The version, in the state that it has now.
    pub version: Version,
    /// Rules of its gates that neither passed nor are waived.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub open: Vec<String>,
}

/// A version that may not serve any more, and what answers in its place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Withdrawal {
    /// The version, in the state that it has now.
    pub version: Version,
    /// The endpoints where it served.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub endpoints: Vec<WithdrawnEndpoint>,
}

/// What a yes to a version came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Approval {
    /// The version, in the state that it has now.
    pub version: Version,
    /// What the contract still asks for; empty when the version is approved.
    pub missing: Vec<String>,
    /// What became of the newest approved version at each place that the contract deploys to by itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deployed: Vec<DeployedVersion>,
}

/// Asks for a signature of a package with the key of today. There is nothing to choose.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignPackage {}

/// The signature of a package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PackageSignature {
    /// The id of the key that signed it.
    pub signed_by: String,
}
