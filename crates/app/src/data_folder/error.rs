//! Why a data folder cannot be opened.

use std::path::PathBuf;

use kilter_blobs::BlobError;
use kilter_domain::deployment::IllegalDeploymentTransition;
use kilter_store::StoreError;

use crate::causes::{StorageError, from_causes};

/// Why a data folder cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum DataFolderError {
    #[error(
        "{} is {}, but {} is there: this is the folder of a platform that lost its database, not a new one; restore it \
         from a backup (`kilter restore`), or choose another --data to begin anew",
        path.display(), if *is_missing { "missing" } else { "empty" }, beside.display()
    )]
    DatabaseLost { path: PathBuf, is_missing: bool, beside: PathBuf },
    /// A deployment that a process left under way cannot be ended.
    #[error(transparent)]
    Move(#[from] IllegalDeploymentTransition),
    #[error(transparent)]
    Storage(#[from] StorageError),
}

from_causes!(DataFolderError: Storage(StoreError, BlobError));
