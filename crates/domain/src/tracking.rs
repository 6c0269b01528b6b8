//! Experiment tracking: where a run stands for those who log to it, and what is deleted but can be restored.
//!
//! Out of scope: what executes a run (see [`crate::run`]).

use std::{fmt, num::ParseIntError, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{run::RunState, time::Timestamp};

/// An experiment: a number, written in decimal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ExperimentId(pub i64);

impl ExperimentId {
    /// What is logged without saying where.
    pub const DEFAULT: Self = Self(0);
}

impl fmt::Display for ExperimentId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

impl FromStr for ExperimentId {
    type Err = ParseIntError;

    fn from_str(text: &str) -> Result<Self, ParseIntError> {
        text.parse().map(Self)
    }
}

/// Where a run stands for those who log to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    /// Waits to begin.
    Scheduled,
    /// Goes on, or its client went away without a word.
    Running,
    /// Ended well.
    Finished,
    /// Ended with an error.
    Failed,
    /// Someone ended it.
    Killed,
}

impl RunStatus {
    /// Every status.
    pub const ALL: [Self; 5] = [Self::Scheduled, Self::Running, Self::Finished, Self::Failed, Self::Killed];

    /// As stored: `scheduled`, `running`, ...
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::Running => "running",
            Self::Finished => "finished",
            Self::Failed => "failed",
            Self::Killed => "killed",
        }
    }

    /// Of a run that the platform executes.
    pub const fn of(state: RunState) -> Self {
        match state {
            RunState::Queued => Self::Scheduled,
            RunState::Running => Self::Running,
            RunState::Succeeded => Self::Finished,
            RunState::Failed | RunState::Refused => Self::Failed,
            RunState::Cancelled => Self::Killed,
        }
    }

    /// Whether nothing more is expected.
    pub const fn is_ended(self) -> bool {
        matches!(self, Self::Finished | Self::Failed | Self::Killed)
    }
}

/// Whether an experiment, a run or a logged model is there, or deleted and still to be restored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lifecycle {
    /// It is there.
    Active,
    /// It was deleted; until garbage is collected it can be restored.
    Deleted,
}

impl Lifecycle {
    /// As stored: `active`, `deleted`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Deleted => "deleted",
        }
    }
}

/// A point of the history of one metric. NaN and infinities are values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HistoryPoint {
    /// The step within the run.
    pub step: i64,
    /// When, in ms.
    pub at: Timestamp,
    /// What was measured.
    pub value: f64,
}

/// How far a logged model is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModelStatus {
    /// Its files are still to come.
    Pending,
    /// It is whole.
    Ready,
    /// Its files did not come.
    UploadFailed,
}

impl ModelStatus {
    /// As stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Ready => "ready",
            Self::UploadFailed => "upload_failed",
        }
    }
}

/// One measured point of a run. NaN and infinities are values.
#[derive(Clone, Debug, PartialEq)]
pub struct MetricPoint {
    /// The name of the metric.
    pub metric: String,
    /// The step within the run.
    pub step: i64,
    /// When, in ms.
    pub at: Timestamp,
    /// What was measured.
    pub value: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_stored_as_they_are_serialised() {
        for status in RunStatus::ALL {
            assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
        }
        for status in [ModelStatus::Pending, ModelStatus::Ready, ModelStatus::UploadFailed] {
            assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
        }
        for lifecycle in [Lifecycle::Active, Lifecycle::Deleted] {
            assert_eq!(serde_json::to_value(lifecycle).unwrap(), lifecycle.as_str());
        }
    }

    #[test]
    fn a_run_that_ended_has_a_status_that_ended() {
        for state in RunState::ALL {
            assert_eq!(RunStatus::of(state).is_ended(), state.is_ended(), "{state:?}");
        }
    }
}
