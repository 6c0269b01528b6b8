//! `[record]`: how long what was recorded of a version that serves is kept.
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

/// How long what was recorded is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Record {
    /// Predictions with their labels. `None`: 400 days, or as long as monitors read them.
    pub keep: Option<Retention>,
    /// Readings of monitors. `None`: 5 years, or as long as the predictions.
    pub readings: Option<Retention>,
}

/// The word for a retention without an end.
pub(super) const FOREVER: &str = "forever";
