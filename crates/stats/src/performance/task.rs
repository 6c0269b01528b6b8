//! What a model is measured against, and where a metric is at its best.

use serde::{Deserialize, Serialize};

use super::rows::Labelled;

/// What kind of truth a model is measured against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// Two classes.
    Binary,
    /// Several classes.
    Multiclass,
    /// A number.
    Regression,
    /// An order within queries.
    Ranking,
}

impl Labelled<'_> {
    /// The task of these rows.
    pub fn task(&self) -> Task {
        match self {
            Labelled::Binary(_) => Task::Binary,
            Labelled::Multiclass(_) => Task::Multiclass,
            Labelled::Regression(_) => Task::Regression,
            Labelled::Ranking(_) => Task::Ranking,
        }
    }
}

/// Where a metric is at its best.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Better {
    /// Larger is better.
    Larger,
    /// Smaller is better.
    Smaller,
    /// Closer to this number is better (bias: 0; calibration slope: 1).
    CloserTo(i8),
    /// Neither: it describes the rows, not the model's worth.
    Neither,
}
