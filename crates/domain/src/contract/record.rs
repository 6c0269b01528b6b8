//! `[record]`: what is recorded of a version that serves, and how long it is kept.
//!
//! Out of scope: deleting; and what is kept for ever (versions, approvals, deployments, alerts, the audit log).

use std::fmt;

use crate::time::Span;

/// How long something is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retention {
    /// At least so long.
    For(Span),
    /// Nothing is deleted.
    Forever,
}

impl fmt::Display for Retention {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::For(span) => write!(out, "{span}"),
            Self::Forever => out.write_str(FOREVER),
        }
    }
}

/// What is recorded, and how long it is kept.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Record {
    /// The share of rows that are recorded, above 0 and below 1; `None`: all.
    pub sample: Option<f64>,
    /// Columns whose values are recorded as keyed hashes.
    pub hash: Vec<String>,
    /// Columns that are not recorded.
    pub drop: Vec<String>,
    /// Predictions with their labels. `None`: 400 days, or as long as monitors read them.
    pub keep: Option<Retention>,
    /// Readings of monitors. `None`: 5 years, or as long as the predictions.
    pub readings: Option<Retention>,
}

/// The word for a retention without an end.
pub(super) const FOREVER: &str = "forever";
