//! What a model answers to the rows of a request.

use std::sync::Arc;

/// What a [`Predictor`] answered; one entry a row.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ModelOutput {
    /// Binary: probability of the second class; regression: the value; multiclass: probability of the predicted class.
    pub scores: Vec<f64>,
    /// The predicted class; `None` for a regression.
    pub labels: Option<Vec<Arc<str>>>,
    /// Row-major `rows × classes`; `None` for a regression.
    pub probabilities: Option<Vec<f32>>,
}
