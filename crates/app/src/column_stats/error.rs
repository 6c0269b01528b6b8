//! Why column statistics are not kept or read.

use kilter_blobs::BlobError;
use kilter_store::StoreError;

use crate::{
    causes::{StorageError, from_causes},
    column_stats::file::ColumnStatsFileError,
    model::VersionError,
};

/// Why column statistics are not kept or read.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant says what it is")]
pub enum ColumnStatsError {
    #[error(transparent)]
    File(#[from] ColumnStatsFileError),
    /// The version whose reference they are compared with.
    #[error(transparent)]
    Version(#[from] VersionError),
    #[error(transparent)]
    Storage(#[from] StorageError),
}

from_causes!(ColumnStatsError: Storage(StoreError, BlobError));
