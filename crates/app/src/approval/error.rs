//! Why a decision about a version is not taken.

use kilter_domain::model::IllegalVersionTransition;
use kilter_package::PackageError;
use kilter_store::StoreError;

use crate::{
    causes::{AuditedError, InvalidState, NotFound, PermissionDenied, StorageError, from_causes},
    deployment::error::DeployError,
    gate::GateError,
    model::error::VersionError,
    project::ProjectError,
};

/// Why a decision about a version is not taken.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant says what it is")]
pub enum ApproveError {
    /// There is no such model, gate, rule or waiver.
    #[error(transparent)]
    NotFound(#[from] NotFound),
    #[error(transparent)]
    Denied(#[from] PermissionDenied),
    #[error(transparent)]
    Move(#[from] IllegalVersionTransition),
    #[error(transparent)]
    InvalidState(#[from] InvalidState),
    #[error(transparent)]
    Project(#[from] ProjectError),
    #[error(transparent)]
    Version(#[from] VersionError),
    #[error(transparent)]
    Gate(#[from] GateError),
    /// What serves could not be changed.
    #[error(transparent)]
    Deploy(#[from] DeployError),
    #[error(transparent)]
    Storage(#[from] StorageError),
}

from_causes!(ApproveError: Storage(StoreError), Version(PackageError));

impl AuditedError for ApproveError {
    fn is_refusal(&self) -> bool {
        // A missing right has its entry where it is asked for.
        match self {
            Self::Move(_) | Self::InvalidState(_) => true,
            Self::Deploy(error) => error.is_refusal(),
            _ => false,
        }
    }

    fn is_race(&self) -> bool {
        match self {
            Self::Storage(error) => error.is_race(),
            Self::Deploy(error) => error.is_race(),
            _ => false,
        }
    }
}
