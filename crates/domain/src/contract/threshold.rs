//! `[threshold]`: how the operating threshold follows labels that matured, without a retraining.

use crate::time::Span;

/// What the operating threshold of a binary model must achieve, and on which rows that is found out.
#[derive(Clone, Debug, PartialEq)]
pub struct ThresholdTuning {
    /// What the threshold is chosen for.
    pub goal: ThresholdGoal,
    /// The stretch of matured labels that is looked at. Default 30d.
    pub window: Span,
    /// The least time between two looks; `None`: the monitor's window.
    pub every: Option<Span>,
    /// Labelled rows that choosing needs, and judging as many again. Default 200.
    pub min_rows: u64,
}

/// What a threshold is chosen for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ThresholdGoal {
    /// The least cost, when a wrong "yes" and a wrong "no" cost this much. Both are above 0.
    Cost {
        /// What a negative costs that is called positive; at least 0.
        false_positive: f64,
        /// What a positive costs that is called negative; at least 0.
        false_negative: f64,
    },
    /// The highest recall at a false positive rate of at most this; between 0 and 1.
    FalsePositiveRate(f64),
}

/// How far back labels are looked at, in days.
pub(super) const WINDOW_DAYS: i64 = 30;
/// Rows that choosing needs.
pub(super) const MIN_ROWS: u64 = 200;
