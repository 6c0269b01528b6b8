//! Why a package is not built, verified, signed or imported.

use std::path::PathBuf;

use kilter_blobs::BlobError;
use kilter_package::PackageError;
use kilter_store::StoreError;

use crate::{
    authz::AuthorizeError,
    causes::{NotFound, PermissionDenied, StorageError, from_causes},
    keys::SigningKeyError,
    model::{InputRuleError, VersionError},
    project::ProjectError,
};

/// Why a package is not built, verified, signed or imported.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant says what it is")]
pub enum PackageUseError {
    #[error("`{}` has neither a package.json nor an MLmodel with the flavor `onnx`, `lightgbm` or `xgboost`", .0.display())]
    NoPackage(PathBuf),
    #[error("the package is not what it claims to be, so it is not used: {0}")]
    Invalid(String),
    /// The contract says of an input what the model cannot keep.
    #[error(transparent)]
    InputRule(#[from] InputRuleError),
    #[error(transparent)]
    NotFound(#[from] NotFound),
    #[error(transparent)]
    Denied(#[from] AuthorizeError),
    #[error(transparent)]
    Project(#[from] ProjectError),
    #[error(transparent)]
    Version(#[from] VersionError),
}

from_causes!(
    PackageUseError:
    Version(PackageError, SigningKeyError, StorageError, StoreError, BlobError),
    Denied(PermissionDenied),
);
