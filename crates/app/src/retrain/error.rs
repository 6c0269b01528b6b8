//! Why it cannot be decided whether to retrain.

use kilter_blobs::BlobError;
use kilter_store::StoreError;

use crate::{
    causes::{NotFound, StorageError, from_causes},
    project::{DatasetError, ProjectError},
};

/// Why it cannot be decided whether to retrain. What holds a retraining back is no error: it is a decision.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant says what it is")]
pub enum RetrainError {
    /// A trigger names a dataset that the contract does not have.
    #[error(transparent)]
    NotFound(#[from] NotFound),
    /// The rows that a trigger counts cannot be read.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    #[error(transparent)]
    Storage(#[from] StorageError),
}

from_causes!(RetrainError: Dataset(ProjectError), Storage(StoreError, BlobError));
