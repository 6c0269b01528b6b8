//! How a model came about, for a person and for the record. Deterministic: no times in it.

use kilter_inference::Task;
use serde::{Deserialize, Serialize};

use crate::options::{FeatureKind, Learner, Params};

/// How a model came about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainReport {
    pub target: String,
    pub task: Task,
    pub learner: Learner,
    /// Rows trained on, and rows left out because their target (or weight) is missing.
    pub rows: usize,
    pub rows_left_out: usize,
    /// Classes in the order of the probabilities; empty for regression.
    pub classes: Vec<String>,
    pub used: Vec<UsedColumn>,
    pub left_out: Vec<ExcludedColumn>,
    /// Share of the model's decisions by column, largest first; sums to 1 (or all zero for a constant model).
    pub importance: Vec<Importance>,
    /// Rounds (boosting) or iterations (linear) that the model keeps.
    pub rounds: usize,
    /// Mean loss on the training rows: log loss, or half the squared error.
    pub training_loss: f64,
    /// The same on the rows held back for stopping early, where there were any.
    pub holdout_loss: Option<f64>,
    /// What a person should know, one sentence each.
    pub notes: Vec<String>,
    pub seed: u64,
    pub params: Params,
}

/// A column that the model reads.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UsedColumn {
    pub column: String,
    pub kind: FeatureKind,
    /// How it enters the model, in a few words.
    pub how: String,
    pub missing: usize,
}

/// A column that the model does not read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExcludedColumn {
    pub column: String,
    pub why: String,
}

/// The share of a column in the model's decisions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Importance {
    pub column: String,
    pub share: f64,
}
