//! Why the rows of a dataset cannot be used.

use kilter_blobs::BlobError;
use kilter_domain::table::TableError;
use kilter_lake::LakeError;
use kilter_store::StoreError;

use crate::{
    causes::{NotFound, StorageError, from_causes},
    dataset::column_roles::RolesError,
    project::error::ProjectError,
};

/// Why the rows of a dataset cannot be used.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant says what it is")]
pub enum DatasetError {
    /// The contract does not say where the rows are.
    #[error(transparent)]
    Project(#[from] ProjectError),
    /// The run wrote no such output.
    #[error(transparent)]
    NotFound(#[from] NotFound),
    #[error(transparent)]
    Roles(#[from] RolesError),
    #[error(transparent)]
    Storage(#[from] StorageError),
}

from_causes!(DatasetError: Storage(StoreError, BlobError, LakeError, TableError));
