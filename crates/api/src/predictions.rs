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

/// The file that past predictions come from (`POST /api/v1/endpoints/{endpoint}/predictions/imports`): said once, before its rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PredictionFile {
    /// The SHA-256 of its bytes, in hexadecimal digits.
    pub sha256: String,
    /// The rows that it has.
    pub rows: u64,
    /// Why it is brought in, for the audit log.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
}

/// A file whose rows may be sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PredictionFileKnown {
    /// The number of its entry in the audit log; the same each time that the file is named.
    pub audit_seq: u64,
}

/// Past predictions, one entry a row (`POST /api/v1/endpoints/{endpoint}/predictions`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PastPredictions {
    /// The SHA-256 of the file that they are of.
    pub sha256: String,
    /// Prediction ids; an id that is recorded already is left as it is.
    pub ids: Vec<String>,
    /// When each happened, RFC 3339.
    #[schema(value_type = Vec<String>, format = DateTime)]
    pub times: Vec<Timestamp>,
    /// The number of the version that answered each.
    pub versions: Vec<u32>,
    /// The score of each: probability of the second class, predicted value, or probability of the predicted class.
    pub scores: Vec<f64>,
    /// The predicted class of each; absent for a regression.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub predicted: Option<Vec<Option<String>>>,
    /// The probability of each class, in the order of the version's classes, row by row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probabilities: Option<Vec<Vec<f32>>>,
    /// What turned out to be true; `null` where it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<Object>>)]
    pub labels: Option<Vec<serde_json::Value>>,
    /// When each label became known; where it is absent, when the prediction happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<String>>, format = DateTime)]
    pub known_at: Option<Vec<Timestamp>>,
    /// What went in, by column. Columns that no version reads or records are left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub features: Vec<PastColumn>,
}

/// A column of past predictions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PastColumn {
    /// Its name.
    pub name: String,
    /// One value a row; `null` is missing.
    #[schema(value_type = Vec<Object>)]
    pub values: Vec<serde_json::Value>,
}

/// What became of past predictions. What was imported survives any end of the process.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PastPredictionsKept {
    /// Rows that were recorded.
    pub imported: usize,
    /// Rows whose id is recorded already.
    pub known: usize,
    /// Rows that are not recorded, with the reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<RefusedPrediction>,
    /// Columns that no version of the rows reads or records.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<String>,
}

/// A past prediction that is not recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RefusedPrediction {
    /// Its row in the request, from 0 on.
    pub row: usize,
    /// Its id, as it was sent.
    pub id: String,
    /// Why.
    pub reason: String,
}
