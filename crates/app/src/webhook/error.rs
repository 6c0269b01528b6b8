//! Why a webhook is not shown, made or changed.

use kilter_store::StoreError;

use crate::causes::{NotFound, PermissionDenied, StorageError};

/// Why a webhook is not shown, made or changed.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant says what it is")]
pub enum WebhookError {
    #[error(transparent)]
    Denied(#[from] PermissionDenied),
    #[error(transparent)]
    NotFound(#[from] NotFound),
    #[error(transparent)]
    Storage(StorageError),
}

impl From<StoreError> for WebhookError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound { what, id } => {
                NotFound { what, id, how: "list them with `MlflowClient().list_webhooks()`".to_owned() }.into()
            }
            other => Self::Storage(other.into()),
        }
    }
}
