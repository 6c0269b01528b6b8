//! Why rows are not answered, or labels not recorded.

use kilter_domain::time::Timestamp;
use kilter_serving::{InferError, LogError};

use crate::causes::NoLiveVersion;

/// Why rows are not answered.
#[derive(Debug, thiserror::Error)]
pub enum PredictionError {
    #[error(transparent)]
    NoLiveVersion(#[from] NoLiveVersion),
    #[error(transparent)]
    Infer(#[from] InferError),
}

/// Why labels are not recorded.
#[derive(Debug, thiserror::Error)]
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
    pub id: String,
    pub known_at: Timestamp,
    pub now: Timestamp,
}
