//! Why an answer cannot be explained.

use kilter_stats::Unmeasured;

use crate::error::PredictError;

/// Why a model or its answers cannot be explained.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant says what it is")]
pub enum ExplainError {
    #[error("this model cannot be explained exactly: {0}; permutation importance needs no look inside")]
    Opaque(String),
    #[error(
        "the file does not say {0}, from which attributions start; hand in rows of the training data as a background"
    )]
    NoTraining(&'static str),
    #[error("the background has no rows; hand in rows of the training data")]
    NoBackground,
    #[error("the rows could not be explained")]
    Predict(#[from] PredictError),
    #[error("the attributions could not be computed: {0}")]
    Unmeasured(#[from] Unmeasured),
}
