//! Why what answers at an endpoint does not change.

use kilter_blobs::BlobError;
use kilter_domain::{
    deployment::IllegalDeploymentTransition, ids::EndpointName, model::IllegalVersionTransition, table::TableError,
};
use kilter_lake::LakeError;
use kilter_package::{PackageError, golden::GoldenError};
use kilter_serving::{LoadRejected, LogError, RouteError};
use kilter_store::StoreError;

use crate::{
    causes::{
        AuditedError, InvalidState, NoLiveVersion, NotFound, PermissionDenied, ScoringError, StorageError, from_causes,
    },
    gate::GateError,
    model::VersionError,
    project::{DatasetError, ProjectError},
};

/// Why what answers at an endpoint does not change.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant says what it is")]
pub enum DeployError {
    /// There is no such endpoint, or nothing to go back to.
    #[error(transparent)]
    NotFound(#[from] NotFound),
    #[error(transparent)]
    Denied(#[from] PermissionDenied),
    #[error(transparent)]
    InvalidState(#[from] InvalidState),
    #[error(transparent)]
    Move(#[from] IllegalDeploymentTransition),
    #[error(transparent)]
    NoLiveVersion(#[from] NoLiveVersion),
    /// What the new version takes and gives, and what callers of the live one rely on.
    #[error(
        "version {version} has another signature ({new}) than version {live} that callers of `{endpoint}` rely on ({old}); deploy it \
         to an endpoint of its own"
    )]
    SignatureDiffers { version: u32, live: u32, endpoint: EndpointName, new: String, old: String },
    #[error(transparent)]
    Version(#[from] VersionError),
    #[error(transparent)]
    Admit(#[from] LoadRejected),
    #[error("the version at `{endpoint}` cannot be loaded: {reason}")]
    NotLoaded { endpoint: String, reason: String },
    #[error("this cannot be served")]
    Routes(#[from] RouteError),
    #[error(transparent)]
    Project(#[from] ProjectError),
    #[error(transparent)]
    Storage(#[from] StorageError),
}

from_causes!(DeployError: Storage(StoreError, BlobError, LakeError, LogError), Version(PackageError));

impl DeployError {
    /// Whether this one version cannot serve at this endpoint as it is stored here: others can.
    pub const fn is_of_the_version(&self) -> bool {
        match self {
            Self::Version(error) => error.is_of_the_version(),
            Self::Storage(error) => matches!(error, StorageError::Blob(_)),
            Self::SignatureDiffers { .. } | Self::Admit(_) | Self::Routes(_) => true,
            Self::NotFound(_)
            | Self::NotLoaded { .. }
            | Self::Denied(_)
            | Self::InvalidState(_)
            | Self::Move(_)
            | Self::NoLiveVersion(_)
            | Self::Project(_) => false,
        }
    }
}

impl AuditedError for DeployError {
    fn is_refusal(&self) -> bool {
        // A missing right has its entry where it is asked for.
        matches!(self, Self::InvalidState(_) | Self::Move(_)) || self.is_of_the_version()
    }

    fn is_race(&self) -> bool {
        matches!(self, Self::Storage(error) if error.is_race())
    }
}

/// Why the threshold of a live version is not changed.
#[derive(Debug, thiserror::Error)]
pub enum TuneError {
    /// The version with the new threshold is not measured or judged.
    #[error(transparent)]
    Gate(#[from] GateError),
    /// It does not replace the live one.
    #[error(transparent)]
    Deploy(#[from] DeployError),
}

from_causes!(
    TuneError:
    Gate(
        DatasetError, ProjectError, ScoringError, VersionError, PackageError, GoldenError, IllegalVersionTransition,
        StorageError, StoreError, TableError,
    ),
);
