//! Why a package does not leave the platform.

use kilter_blobs::BlobError;
use kilter_package::oci::OciError;
use kilter_store::StoreError;

use crate::{causes::StorageError, model::VersionError};

/// Why a package does not leave the platform.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant says what it is")]
pub enum PublishError {
    #[error(transparent)]
    Storage(#[from] StorageError),
    #[error(transparent)]
    Registry(#[from] OciError),
    #[error(transparent)]
    Version(#[from] VersionError),
    #[error("`push` in [package] needs the environment variable {variable}, which is not set")]
    Variable { variable: String },
}

impl From<StoreError> for PublishError {
    fn from(error: StoreError) -> Self {
        Self::Storage(error.into())
    }
}

impl From<BlobError> for PublishError {
    fn from(error: BlobError) -> Self {
        Self::Storage(error.into())
    }
}
