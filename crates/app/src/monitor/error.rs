//! Why the monitors of an endpoint cannot be evaluated.

use kilter_package::PackageError;
use kilter_store::StoreError;

use crate::{
    alert::AlertError,
    causes::{StorageError, from_causes},
    model::VersionError,
};

/// Why the monitors of an endpoint cannot be evaluated. What a window shows is no error: it is a reading.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant says what it is")]
pub enum MonitorError {
    /// A version that answered cannot be read.
    #[error(transparent)]
    Version(#[from] VersionError),
    /// An alert does not move.
    #[error(transparent)]
    Alert(#[from] AlertError),
    #[error(transparent)]
    Storage(#[from] StorageError),
}

from_causes!(MonitorError: Version(PackageError), Storage(StoreError));
