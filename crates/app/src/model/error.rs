//! Why a version cannot be used or moved.

use kilter_blobs::BlobError;
use kilter_domain::{digest::Digest, ids::ModelName, model::IllegalVersionTransition};
use kilter_package::{
    PackageError,
    golden::{Difference, GoldenError},
};
use kilter_store::StoreError;

use crate::{
    causes::{StorageError, from_causes},
    keys::SigningKeyError,
};

/// Why a version is not loaded, does not answer as it was packed, or does not move to another state.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant says what it is")]
pub enum VersionError {
    #[error(transparent)]
    Package(#[from] PackageError),
    #[error(transparent)]
    Golden(#[from] GoldenError),
    #[error(
        "version {version} answers {differing} of its {rows} golden requests otherwise than when it was packed (row {}: \
         {} {} was expected, {} found), so it does not serve; make a new version with `kilter run`",
        first.row, first.output, first.expected, first.found
    )]
    GoldenDiffers { version: u64, rows: usize, differing: usize, first: Box<Difference> },
    #[error(
        "the model of the package {} answers {differing} of its {rows} golden requests otherwise than when it was packed (row {}: \
         {} {} was expected, {} found), so it does not serve; make a new version with `kilter run`",
        digest.short(), first.row, first.output, first.expected, first.found
    )]
    GoldenOfPackage { digest: Digest, rows: usize, differing: usize, first: Box<Difference> },
    #[error("the model of the package {} takes other columns, or answers other classes, than its package states; make a new version with `kilter run`", digest.short())]
    OtherSignature { digest: Digest },
    #[error("the package of `{model}@{number}` is not validly signed: {reason}")]
    NotSigned { model: ModelName, number: u32, reason: String },
    #[error(transparent)]
    SigningKey(#[from] SigningKeyError),
    #[error(transparent)]
    Move(#[from] IllegalVersionTransition),
    #[error(transparent)]
    Storage(#[from] StorageError),
}

from_causes!(VersionError: Storage(StoreError, BlobError));

impl VersionError {
    /// Whether this one version cannot serve as it is stored here: others can.
    pub const fn is_of_the_version(&self) -> bool {
        match self {
            Self::Package(_) | Self::GoldenDiffers { .. } | Self::GoldenOfPackage { .. } => true,
            Self::OtherSignature { .. } | Self::NotSigned { .. } => true,
            Self::Golden(error) => matches!(error, GoldenError::Route(_) | GoldenError::Answer(_)),
            Self::Storage(error) => matches!(error, StorageError::Blob(_)),
            Self::Move(_) | Self::SigningKey(_) => false,
        }
    }
}
