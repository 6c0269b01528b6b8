//! Why a right is not given.

use kilter_store::StoreError;

use crate::causes::{PermissionDenied, StorageError, from_causes};

/// Why a right is not given.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant says what it is")]
pub enum AuthorizeError {
    #[error(transparent)]
    Denied(#[from] PermissionDenied),
    /// Whose the thing is cannot be read.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

from_causes!(AuthorizeError: Storage(StoreError));
