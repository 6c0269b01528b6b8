//! What monitors measured, window by window.

use kilter_domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::words::{DriftLevel, MonitorKind, Verdict};

/// One measured value of an endpoint over one window.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Reading {
    /// The name of the endpoint.
    pub endpoint: String,
    /// The kind of monitor.
    pub monitor: MonitorKind,
    /// What was measured, as its rule writes it: `psi(income)`.
    pub metric: String,
    /// The column, group or slice that the numbers are of, where one part was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<String>,
    /// The rule; absent where none is about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// Nobody wrote the rule: it holds where the contract says nothing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub default_rule: bool,
    /// The start of the window.
    #[schema(value_type = String, format = DateTime)]
    pub window_start: Timestamp,
    /// The end of the window, which is no part of it.
    #[schema(value_type = String, format = DateTime)]
    pub window_end: Timestamp,
    /// Absent: not measured, which is never zero.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// The interval of the value; an open end is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub low: Option<f64>,
    /// The upper end of the interval; absent if it is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub high: Option<f64>,
    /// The bounds of the rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bound_low: Option<f64>,
    /// The upper bound of the rule; absent if it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bound_high: Option<f64>,
    /// Rows it rests on.
    pub count: u64,
    /// What its rule came to; absent if no rule is about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// What the rule says, in a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What was known when it was made.
    #[schema(value_type = String, format = DateTime)]
    pub as_of: Timestamp,
    /// Expected without labels, not measured with them.
    pub estimated: bool,
    /// Share of the window's rows whose label is known; only of readings that rest on labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coverage: Option<f64>,
    /// Labels are still missing: it will be read again.
    pub provisional: bool,
    /// Of drift: `calm`, `note`, `warn`, `alert` or `too few`, in the words and by the thresholds of `kilter drift`; above
    /// calm only what the evidence supports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<DriftLevel>,
    /// The version that answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The number of that version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
}

/// Which readings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ReadingQuery {
    /// Of this kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub monitor: Option<MonitorKind>,
    /// Of this metric, as its rule writes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metric: Option<String>,
    /// With the numbers of one part of it: a column of `psi(*)`, a group or a slice (`region=north`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<String>,
    /// Rows of a page: 1 to 1000. Default: 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// The `next` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}
