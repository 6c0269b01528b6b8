//! What turned out to be true of predictions.

use kilter_domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Labels: what turned out to be true (`POST /api/v1/endpoints/{endpoint}/labels`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Labels {
    /// Prediction ids, as the answers gave them.
    pub ids: Vec<String>,
    /// One truth an id: all texts, all numbers or all true/false; `null` takes a label back.
    #[schema(value_type = Vec<Object>)]
    pub values: Vec<serde_json::Value>,
    /// When each became known, RFC 3339; where it is absent, now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<String>>, format = DateTime)]
    pub known_at: Option<Vec<Timestamp>>,
    /// Whether to say how many of the ids belong to recorded predictions: it looks through the log.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub count_known: bool,
}

/// Labels that are kept: they survive any end of the process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LabelsKept {
    /// How many labels were kept, those taken back among them.
    pub labels: usize,
    /// Labels whose id belongs to a recorded prediction, where that was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known_ids: Option<usize>,
    /// Some of the ids that belong to none (yet).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unknown_ids: Vec<String>,
    /// Labels that name no class of the version that serves: how many, and the words. They are kept, and measured never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unknown_labels: Option<String>,
}
