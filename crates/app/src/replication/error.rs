//! Why a replica does not follow, or a server does not give or take something.

use kilter_blobs::BlobError;
use kilter_package::PackageError;
use kilter_serving::{LoadRejected, LogError, RouteError, prediction_log::InvalidRecords};
use kilter_store::StoreError;

use crate::{
    causes::{NoLiveVersion, NotFound, StorageError, from_causes},
    keys::SigningKeyError,
    model::VersionError,
    project::ProjectError,
};

/// Why a replica does not follow, or a server does not give or take something.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant says what it is")]
pub enum ReplicationError {
    #[error("{what} is not believed: {reason}")]
    Untrusted { what: String, reason: String },
    #[error("{what} is not what it claims to be: {reason}")]
    Invalid { what: String, reason: String },
    #[error("the package has not come, and is fetched again: {0}")]
    NotFetched(String),
    #[error("the records cannot be read")]
    Records(#[from] InvalidRecords),
    #[error("the records of the replica are not taken: {0}")]
    Refused(String),
    #[error(transparent)]
    NoLiveVersion(#[from] NoLiveVersion),
    #[error(transparent)]
    NotFound(#[from] NotFound),
    #[error(transparent)]
    Key(#[from] SigningKeyError),
    #[error(transparent)]
    Version(#[from] VersionError),
    #[error(transparent)]
    Admit(#[from] LoadRejected),
    #[error("this cannot be served")]
    Routes(#[from] RouteError),
    #[error(transparent)]
    Project(#[from] ProjectError),
    #[error(transparent)]
    Storage(#[from] StorageError),
}

from_causes!(ReplicationError: Storage(StoreError, BlobError, LogError), Version(PackageError));

impl ReplicationError {
    pub(super) fn untrusted(what: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Untrusted { what: what.into(), reason: reason.into() }
    }

    pub(super) fn invalid(what: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Invalid { what: what.into(), reason: reason.into() }
    }

    /// Whether bytes that are kept here are missing or damaged: they are fetched again.
    pub(super) const fn is_damaged(&self) -> bool {
        match self {
            Self::Version(VersionError::Package(error)) => error.is_damaged(),
            Self::Version(VersionError::Storage(error)) | Self::Storage(error) => error.is_damaged(),
            _ => false,
        }
    }
}
