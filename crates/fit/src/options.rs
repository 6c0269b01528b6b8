//! What a person may say about a training run. Every field but the target has a good default.

use std::collections::BTreeMap;

use kilter_inference::Task;
use serde::{Deserialize, Serialize};

/// What to train and how.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FitOptions {
    /// The column to predict.
    pub target: String,
    /// `None`: two distinct values are binary, more text values multiclass, other numbers regression.
    #[serde(default)]
    pub task: Option<Task>,
    #[serde(default)]
    pub learner: Learner,
    /// The column of row weights: finite numbers, zero or more.
    #[serde(default)]
    pub weight: Option<String>,
    /// Columns that the model must not read.
    #[serde(default)]
    pub exclude: Vec<String>,
    /// When given, the only columns that the model may read.
    #[serde(default)]
    pub include: Option<Vec<String>>,
    /// The positive class of a binary task; by default the second in order.
    #[serde(default)]
    pub positive: Option<String>,
    /// Says what a column is, where the guess is wrong.
    #[serde(default)]
    pub kinds: BTreeMap<String, Kind>,
    #[serde(default)]
    pub seed: u64,
    #[serde(default)]
    pub params: Params,
}

impl FitOptions {
    /// Defaults for everything but the target.
    pub fn new(target: impl Into<String>) -> Self {
        Self {
            target: target.into(),
            task: None,
            learner: Learner::default(),
            weight: None,
            exclude: Vec::new(),
            include: None,
            positive: None,
            kinds: BTreeMap::new(),
            seed: 0,
            params: Params::default(),
        }
    }
}

/// The family of models to train.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Learner {
    /// Gradient-boosted trees.
    #[default]
    Boosting,
    /// Logistic, multinomial or ridge regression on standardised columns.
    Linear,
}

/// What a column is to a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Numeric,
    Boolean,
    Categorical,
    Text,
    Time,
}

/// Settings of the learners. Those of the other learner are ignored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Params {
    /// Boosting: the most rounds (one tree a round, multiclass one a class).
    pub rounds: usize,
    /// Boosting: the step of each tree, in 0..=1.
    pub learning_rate: f64,
    /// Boosting: the most leaves of a tree.
    pub max_leaves: usize,
    /// Boosting: the deepest a leaf may lie; `None` is bounded by the leaves alone.
    pub max_depth: Option<usize>,
    /// Boosting: the fewest rows in a leaf.
    pub min_child: usize,
    /// Both: the strength of the L2 penalty; `None` takes the learner's default.
    pub l2: Option<f64>,
    /// Boosting: stop when this many rounds brought nothing on held-back rows; `None` never stops early.
    pub patience: Option<usize>,
    /// Categorical columns: the most categories kept; rarer ones are one group.
    pub max_categories: usize,
    /// Text columns: the most terms (one and two words) kept; `None` takes the learner's default.
    pub max_terms: Option<usize>,
    /// Linear: the most iterations of the optimiser.
    pub max_iterations: usize,
    /// Weigh rows so that every class weighs the same.
    pub balance: bool,
    /// The most threads; `None` takes all cores. Does not change the result.
    pub threads: Option<usize>,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            rounds: 200,
            learning_rate: 0.1,
            max_leaves: 31,
            max_depth: None,
            min_child: 20,
            l2: None,
            patience: Some(10),
            max_categories: 128,
            max_terms: None,
            max_iterations: 300,
            balance: false,
            threads: None,
        }
    }
}
