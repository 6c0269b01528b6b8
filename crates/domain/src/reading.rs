//! What a reading of a monitor keeps besides its numbers.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{log_position::LogPosition, rule::RuleOutcome};

/// The document of a reading.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ReadingDetail {
    /// What came of its rule; absent where no rule is about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<RuleOutcome>,
    /// Whether nobody wrote the rule: it applies where the contract states none.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_default_rule: bool,
    /// The rows of the window.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<u64>,
    /// Those whose label is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labelled: Option<u64>,
    /// The smallest share of the rows that was recorded in the window, if it was not all: what is measured is measured on them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sample_share: Option<f64>,
    /// How far the log of labels was read for these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels_through: Option<LogPosition>,
    /// The strongest evidence of a change, as the drift detector summarises it for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Value>,
}

impl From<RuleOutcome> for ReadingDetail {
    fn from(outcome: RuleOutcome) -> Self {
        Self { outcome: Some(outcome), ..Self::default() }
    }
}
