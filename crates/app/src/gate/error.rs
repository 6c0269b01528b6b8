//! Why a version cannot be measured or judged.

use kilter_blobs::BlobError;
use kilter_domain::{model::IllegalVersionTransition, table::TableError};
use kilter_lake::LakeError;
use kilter_package::{PackageError, golden::GoldenError};
use kilter_store::StoreError;

use crate::{
    causes::{NotFound, ScoringError, StorageError, from_causes},
    dataset::column_roles::RolesError,
    model::VersionError,
    project::{DatasetError, ProjectError},
};

/// Why a version cannot be measured or judged. What a gate decides is no error: it is a result.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant says what it is")]
pub enum GateError {
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    #[error(transparent)]
    Scoring(#[from] ScoringError),
    #[error(transparent)]
    Version(#[from] VersionError),
}

from_causes!(
    GateError:
    Dataset(ProjectError, NotFound, RolesError, StorageError, StoreError, BlobError, LakeError, TableError),
    Version(PackageError, GoldenError, IllegalVersionTransition),
);
