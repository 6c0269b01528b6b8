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
    /// The name of the project.
    pub project: String,
    /// The name of the dataset that was played.
    pub dataset: String,
    /// The headline metric, by its name in rules.
    pub metric: String,
    /// Whether a larger metric is the better one.
    pub larger_is_better: bool,
    /// The seed of whatever the replay drew.
    pub seed: u64,
    /// When the first version was trained and serving began.
    pub start: Timestamp,
    /// The last moment that the replay's clock showed.
    pub end: Timestamp,
    /// What happened at the endpoint, oldest first.
    pub timeline: Vec<TimelineEvent>,
    /// The periods of serving, in their order.
    pub periods: Vec<Period>,
    /// What acting was worth over all periods.
    pub summary: Summary,
    /// What the replay could not know.
    pub notes: Vec<String>,
}

/// One period of serving.
#[derive(Clone, Debug, Serialize)]
pub struct Period {
    /// When it begins.
    pub start: Timestamp,
    /// When it ends; an event of that instant belongs to the next one.
    pub end: Timestamp,
    /// Rows that were answered.
    pub rows: usize,
    /// Rows whose label is known.
    pub labelled: usize,
    /// The name of the metric that is measured.
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
    /// Versions that trainings made, the first one included.
    pub versions_trained: usize,
    /// Promotions after that of the first version.
    pub promoted: usize,
    /// Versions that their gates refused.
    pub refused: usize,
    /// Returns to an earlier version.
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
    /// What `cost_of_not_acting` counts, for a person; empty before a retrained version is promoted.
    pub cost_unit: String,
    /// The labelled rows that both were measured on; 0 before a retrained version is promoted.
    pub rows_compared: usize,
}
