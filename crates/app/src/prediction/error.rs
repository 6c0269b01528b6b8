//! Why rows are not answered, or labels not recorded.

use kilter_domain::time::Timestamp;
use kilter_serving::{InferError, LogError};

use crate::causes::NoLiveVersion;

/// Why rows are not answered.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant says what it is")]
pub enum PredictionError {
    #[error(transparent)]
    NoLiveVersion(#[from] NoLiveVersion),
    #[error(transparent)]
    Infer(#[from] InferError),
}

/// Why labels are not recorded.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant says what it is")]
pub enum LabelError {
    #[error(transparent)]
    NoLiveVersion(#[from] NoLiveVersion),
    #[error(transparent)]
    FromFuture(#[from] LabelFromFuture),
    #[error(transparent)]
    Log(#[from] LogError),
}

/// A label becomes known only later.
#[derive(Debug, thiserror::Error)]
#[error(
    "the label of `{id}` becomes known at {known_at}, and it is {now}: what is still to come is not known; correct the \
     time, or send the label then"
)]
pub struct LabelFromFuture {
    /// The prediction id that the label belongs to.
    pub id: String,
    /// When the label becomes known, as it was sent.
    pub known_at: Timestamp,
    /// The time at which it was sent.
    pub now: Timestamp,
}
