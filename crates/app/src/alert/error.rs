//! Why an alert does not move.

use kilter_domain::alert::IllegalAlertTransition;
use kilter_store::StoreError;

use crate::{
    causes::{AuditedError, InvalidState, PermissionDenied, StorageError, from_causes},
    model::VersionError,
    project::ProjectError,
};

/// Why an alert does not move: by the hand of a person, by the result of a window or with its version.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant says what it is")]
pub enum AlertError {
    #[error(transparent)]
    Denied(#[from] PermissionDenied),
    /// Its state does not allow what a person asked.
    #[error(transparent)]
    InvalidState(#[from] InvalidState),
    /// Its state does not allow what a window says.
    #[error(transparent)]
    Move(#[from] IllegalAlertTransition),
    /// The recorded contract, which says who may, cannot be read.
    #[error(transparent)]
    Project(#[from] ProjectError),
    /// The version that serves now cannot be read.
    #[error(transparent)]
    Version(#[from] VersionError),
    #[error(transparent)]
    Storage(#[from] StorageError),
}

from_causes!(AlertError: Storage(StoreError));

impl AuditedError for AlertError {
    fn is_refusal(&self) -> bool {
        // A missing right has its entry where it is asked for.
        matches!(self, Self::InvalidState(_) | Self::Move(_))
    }

    fn is_race(&self) -> bool {
        matches!(self, Self::Storage(error) if error.is_race())
    }
}
