//! Why garbage is not collected.

use kilter_blobs::BlobError;
use kilter_lake::LakeError;
use kilter_store::StoreError;

use crate::{
    causes::{StorageError, from_causes},
    project::ProjectError,
};

/// Why garbage is not collected; what was removed until then is gone, and the rest stays.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant says what it is")]
pub enum GarbageError {
    /// The contract of a project cannot be read, so nobody knows what it keeps.
    #[error(transparent)]
    Project(#[from] ProjectError),
    #[error(transparent)]
    Storage(#[from] StorageError),
}

from_causes!(GarbageError: Storage(StoreError, BlobError, LakeError));
