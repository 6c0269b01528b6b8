//! A model in the form that explanations read: tree ensembles, or the terms of a linear model.

use kilter_stats::explain::TreeEnsemble;

use crate::estimator::Term;

/// What is computed once a model.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) scores: Scores,
    /// What each score speaks for.
    pub(crate) outputs: Vec<String>,
    /// Why the training rows cannot be the background; `None` when they can.
    pub(crate) gap: Option<&'static str>,
}

impl Prepared {
    /// The memory that it takes, in bytes.
    pub(crate) fn memory_bytes(&self) -> usize {
        match &self.scores {
            Scores::Trees { ensembles, .. } => ensembles.iter().map(TreeEnsemble::memory_bytes).sum(),
            Scores::Linear { terms, .. } => terms.iter().map(|term| term.weights.capacity() * size_of::<f64>()).sum(),
        }
    }
}

#[derive(Debug)]
pub(crate) enum Scores {
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
