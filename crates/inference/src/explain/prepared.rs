//! A model in the form that explanations read: tree ensembles, or the terms of a linear model.

use kilter_stats::explain::TreeEnsemble;

use super::estimator::Term;

/// What is computed once a model.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(super) scores: Scores,
    /// What each score speaks for.
    pub(super) outputs: Vec<String>,
    /// Why the training rows cannot be the background; `None` when they can.
    pub(super) gap: Option<&'static str>,
}

#[derive(Debug)]
pub(super) enum Scores {
    /// The slot of the features, how many of them, and the trees of each score.
    Trees {
        slot: usize,
        width: usize,
        ensembles: Vec<TreeEnsemble>,
    },
    Linear {
        terms: Vec<Term>,
        intercepts: Vec<f64>,
    },
}
