//! What is on its way at an endpoint beside what is live: exposures, differences, and what is decided.

use kilter_domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::words::{ComparedMetric, ExperimentDecision, ExperimentResult};

/// Which rollout, and as of when (`GET /api/v1/endpoints/{endpoint}/comparison`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ComparisonQuery {
    /// The number of a version: its last deployment there. Without it: what is on its way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
    /// Rows and labels count that were known then. Without it: now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<String>, format = DateTime)]
    pub as_of: Option<Timestamp>,
}

/// A candidate beside the live version, metric by metric.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Comparison {
    /// The number of the version that was live.
    pub champion: u32,
    /// The number of the version that may replace it.
    pub candidate: u32,
    /// When the candidate was asked for.
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
    /// Rows count until here.
    #[schema(value_type = String, format = DateTime)]
    pub until: Timestamp,
    /// What the experiment of the contract says; absent where it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<ExperimentResult>,
    /// Whether the experiment lasts longer than its `max_duration`.
    #[serde(default)]
    pub is_over: bool,
    /// How the entities fell; absent while no two versions shared the traffic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sample_ratio: Option<SampleRatio>,
    /// Each metric.
    pub metrics: Vec<MetricComparison>,
}

/// How the entities of a period with one split fell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SampleRatio {
    /// The share of the entities that the candidate was to receive, in percent.
    pub percent: u8,
    /// Entities that met the live version.
    pub champion_entities: u64,
    /// Entities that met the candidate.
    pub candidate_entities: u64,
    /// The p-value of the share that was set, valid at any time.
    pub p_value: f64,
    /// Whether the versions surely did not receive the shares that were set.
    pub is_mismatch: bool,
}

/// How a metric of the candidate differs from that of the live version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MetricComparison {
    /// The metric.
    pub metric: ComparedMetric,
    /// Of the candidate minus of the live version; of `latency` their ratio; absent without enough data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub difference: Option<f64>,
    /// The lower end of its interval, which holds at all times at once with 95 % confidence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub low: Option<f64>,
    /// The upper end of its interval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub high: Option<f64>,
    /// The values that it rests on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// Why there is no difference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing: Option<String>,
}

/// Which part of the exposures (`GET /api/v1/endpoints/{endpoint}/exposures`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ExposureQuery {
    /// The number of a version: its last deployment there. Without it: what is on its way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
    /// How many are left out, from the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<u64>,
    /// How many are listed: at most 10,000, without it 1,000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// Which entity met which version first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Exposures {
    /// In the order in which they were recorded.
    pub exposures: Vec<Exposure>,
    /// How many there are.
    pub total: u64,
}

/// The first answer of an entity while two versions shared the traffic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Exposure {
    /// The hash by which the entity was drawn, in 16 hexadecimal digits. Each candidate has other hashes.
    pub entity: String,
    /// When it was answered.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// The number of the version that answered.
    pub version: u32,
    /// The share of the entities that was the candidate's then, in percent.
    pub percent: u8,
    /// The id of the prediction.
    pub id: String,
}

/// Decides an experiment (`POST /api/v1/endpoints/{endpoint}/experiment/decision`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DecideExperiment {
    /// What becomes of the new version.
    pub decision: ExperimentDecision,
    /// Why, for the audit log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}
