//! What a model answered.

use std::sync::Arc;

use crate::signature::Task;

/// The answers to the rows of one table, in their order.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction {
    pub(crate) task: Task,
    pub(crate) scores: Vec<f64>,
    /// Row-major rows x classes; empty for regression.
    pub(crate) probabilities: Vec<f32>,
    /// The predicted class of each row; empty for regression.
    pub(crate) predicted: Vec<u32>,
    pub(crate) classes: Arc<[Arc<str>]>,
}

impl Prediction {
    pub fn rows(&self) -> usize {
        self.scores.len()
    }

    pub fn task(&self) -> Task {
        self.task
    }

    /// One number a row. Binary: the probability of the second class; regression: the value; multiclass: the
    /// probability of the predicted class.
    pub fn scores(&self) -> &[f64] {
        &self.scores
    }

    /// Row-major `rows x classes`, in the order of [`crate::Signature::classes`]; `None` for regression.
    pub fn probabilities(&self) -> Option<&[f32]> {
        (self.task != Task::Regression).then_some(&self.probabilities[..])
    }

    /// The predicted class of each row; `None` for regression.
    pub fn labels(&self) -> Option<Vec<Arc<str>>> {
        (self.task != Task::Regression)
            .then(|| self.predicted.iter().map(|&class| Arc::clone(&self.classes[class as usize])).collect())
    }

    /// The index of the predicted class of each row; `None` for regression.
    pub fn predicted(&self) -> Option<&[u32]> {
        (self.task != Task::Regression).then_some(&self.predicted[..])
    }
}
