//! How a model came about, for a person and for the record. Deterministic: no times in it.

use kilter_inference::Task;
use serde::{Deserialize, Serialize};

use crate::options::{FeatureKind, Learner, Params};

/// How a model came about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainReport {
    /// The column that is predicted.
    pub target: String,
    /// What is predicted: a class of two, of several, or a number.
    pub task: Task,
    /// The family of the model.
    pub learner: Learner,
    /// Rows trained on.
    pub rows: usize,
    /// Rows left out because their target (or weight) is missing.
    pub rows_left_out: usize,
    /// Classes in the order of the probabilities; empty for regression.
    pub classes: Vec<String>,
    /// The columns that the model reads.
    pub used: Vec<UsedColumn>,
    /// The columns that it does not read.
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
    /// As given.
    pub seed: u64,
    /// As given, with the defaults filled in.
    pub params: Params,
}

/// A column that the model reads.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UsedColumn {
    /// Its name.
    pub column: String,
    /// What it is taken as.
    pub kind: FeatureKind,
    /// How it enters the model, in a few words.
    pub how: String,
    /// Training rows without a value.
    pub missing: usize,
}

/// A column that the model does not read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExcludedColumn {
    /// Its name.
    pub column: String,
    /// Why not.
    pub why: String,
}

/// The share of a column in the model's decisions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Importance {
    /// Its name.
    pub column: String,
    /// From 0 to 1.
    pub share: f64,
}
