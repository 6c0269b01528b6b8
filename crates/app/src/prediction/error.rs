//! Why rows are not answered, or labels not recorded.

use kilter_domain::time::Timestamp;
use kilter_serving::{InferError, LogError};
use kilter_store::StoreError;

use crate::{
    authz::AuthorizeError,
    causes::{NoLiveVersion, PermissionDenied, StorageError, from_causes},
    model::VersionError,
    project::ProjectError,
};

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

/// Why past predictions are not brought in.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant says what it is")]
pub enum ImportError {
    #[error(transparent)]
    NoLiveVersion(#[from] NoLiveVersion),
    #[error(transparent)]
    Denied(#[from] AuthorizeError),
    #[error("`{0}` is no SHA-256: 64 hexadecimal digits, a to f in lower case")]
    Digest(String),
    #[error("the file with SHA-256 `{sha256}` was not begun here: name it at `predictions/imports` first")]
    NotBegun { sha256: String },
    #[error("`{list}` has {found} entries for {rows} ids: there must be as many of each")]
    Ragged { list: String, found: usize, rows: usize },
    #[error(transparent)]
    Project(#[from] ProjectError),
    #[error(transparent)]
    Version(#[from] VersionError),
    #[error(transparent)]
    Log(#[from] LogError),
    #[error(transparent)]
    Storage(#[from] StorageError),
}

from_causes!(ImportError: Storage(StoreError), Denied(PermissionDenied));
