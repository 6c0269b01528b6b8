//! What a replay says: every decision with its numbers, and the metric of each period beside what would have been.
//!
//! Invariants: everything here is read from the audit table and the prediction log of the replay, nothing is made up.

use std::collections::BTreeMap;

use kilter_domain::{
    event::{EventKind, TimelineEvent},
    time::Timestamp,
};
use serde::Serialize;

/// The whole document.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    pub project: String,
    pub dataset: String,
    /// The headline metric, by its name in rules.
    pub metric: String,
    pub larger_is_better: bool,
    pub seed: u64,
    /// When the first version was trained and serving began.
    pub start: Timestamp,
    /// The last moment that the replay's clock showed.
    pub end: Timestamp,
    pub timeline: Vec<TimelineEvent>,
    pub periods: Vec<Period>,
    pub summary: Summary,
    /// What the replay could not know.
    pub notes: Vec<String>,
}

/// One period of serving.
#[derive(Clone, Debug, Serialize)]
pub struct Period {
    pub start: Timestamp,
    pub end: Timestamp,
    /// Rows that were answered.
    pub rows: usize,
    /// Rows whose label is known.
    pub labelled: usize,
    pub metric: String,
    /// The metric of the answers that were given; `None` when the labels do not suffice.
    pub served: Option<f64>,
    /// The metric of the first version on the same rows.
    pub never_retrained: Option<f64>,
    /// The version that gave most of the answers.
    pub served_version: Option<u32>,
}

/// What acting was worth.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Summary {
    pub versions_trained: usize,
    pub promoted: usize,
    pub refused: usize,
    pub rolled_back: usize,
    /// Alerts that began to fire, or had something new to say, by kind.
    pub alerts: BTreeMap<EventKind, usize>,
    /// Mean of the metric over the labelled rows since the first promotion of a retrained version, as served.
    pub served_since_retraining: Option<f64>,
    /// The same for the version that was never retrained.
    pub never_retrained_since: Option<f64>,
    /// Wrong calls (classification: at the decision threshold) of the first version minus those that were served,
    /// over the same rows, each at its price where `[threshold] cost` states one; for regression the difference of the
    /// summed absolute errors.
    pub cost_of_not_acting: Option<f64>,
    pub cost_unit: String,
    pub rows_compared: usize,
}
