//! What a person may say about a training run. Every field but the target has a good default.

use std::collections::BTreeMap;

use kilter_inference::Task;
use serde::{Deserialize, Serialize};

use crate::error::TrainError;

/// What to train and how.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainOptions {
    /// The column to predict.
    pub target: String,
    /// `None`: two distinct values are binary, more text values multiclass, other numbers regression.
    #[serde(default)]
    pub task: Option<Task>,
    /// The family of models.
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
    /// Columns that rows to be answered may lack as a whole; of others a row must have a value or say that it has none.
    #[serde(default)]
    pub optional: Vec<String>,
    /// Columns that stay out because of what they are for, wherever the data is used.
    #[serde(default)]
    pub reserved: BTreeMap<String, Reserved>,
    /// The positive class of a binary task; by default the second in order.
    #[serde(default)]
    pub positive: Option<String>,
    /// Says what a column is, where the guess is wrong.
    #[serde(default)]
    pub kinds: BTreeMap<String, FeatureKind>,
    /// What every draw is made of: the rows that are held back, and the order of equal splits.
    #[serde(default)]
    pub seed: u64,
    /// Settings of the learner.
    #[serde(default)]
    pub params: Params,
}

impl TrainOptions {
    /// Defaults for everything but the target.
    pub fn new(target: impl Into<String>) -> Self {
        Self {
            target: target.into(),
            task: None,
            learner: Learner::default(),
            weight: None,
            exclude: Vec::new(),
            include: None,
            optional: Vec::new(),
            reserved: BTreeMap::new(),
            positive: None,
            kinds: BTreeMap::new(),
            seed: 0,
            params: Params::default(),
        }
    }
}

/// Why a column stays out of models.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reserved {
    /// "it is the `label_time` of `customers`".
    pub reason: String,
    /// Whether options that name it (`include`, `kinds`) let it in all the same: an id may be a category too.
    pub may_be_named: bool,
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
pub enum FeatureKind {
    /// A number; missing values are kept.
    Numeric,
    /// Yes or no.
    Boolean,
    /// One of a few values.
    Categorical,
    /// Prose: its words are counted.
    Text,
    /// A moment: its parts (hour, weekday, month) are read.
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

impl TrainOptions {
    /// Every setting within its range.
    pub(crate) fn check(&self) -> Result<(), TrainError> {
        let params = &self.params;
        let is_share = |value: f64| value.is_finite() && value > 0.0 && value <= 1.0;
        let checks = [
            ("rounds", params.rounds.to_string(), (1..=100_000).contains(&params.rounds), "use 1 to 100000"),
            (
                "learning_rate",
                params.learning_rate.to_string(),
                is_share(params.learning_rate),
                "use a number above 0, at most 1",
            ),
            ("max_leaves", params.max_leaves.to_string(), (2..=10_000).contains(&params.max_leaves), "use 2 to 10000"),
            ("max_depth", format!("{:?}", params.max_depth), params.max_depth != Some(0), "use 1 or more"),
            ("min_child", params.min_child.to_string(), params.min_child >= 1, "use 1 or more"),
            ("l2", format!("{:?}", params.l2), params.l2.is_none_or(|l2| l2.is_finite() && l2 >= 0.0), "use 0 or more"),
            ("patience", format!("{:?}", params.patience), params.patience != Some(0), "use 1 or more"),
            (
                "max_categories",
                params.max_categories.to_string(),
                (1..=10_000).contains(&params.max_categories),
                "use 1 to 10000",
            ),
            (
                "max_terms",
                format!("{:?}", params.max_terms),
                params.max_terms.is_none_or(|most| (1..=200_000).contains(&most)),
                "use 1 to 200000",
            ),
            ("max_iterations", params.max_iterations.to_string(), params.max_iterations >= 1, "use 1 or more"),
            (
                "threads",
                format!("{:?}", params.threads),
                params.threads.is_none_or(|threads| (1..=1024).contains(&threads)),
                "use 1 to 1024",
            ),
        ];
        match checks.into_iter().find(|(_, _, is_good, _)| !is_good) {
            None => Ok(()),
            Some((name, value, _, expected)) => Err(TrainError::BadParam { name, value, expected }),
        }
    }
}
