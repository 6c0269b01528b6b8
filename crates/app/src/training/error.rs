//! Why a run cannot be done, or makes no version.

use kilter_blobs::BlobError;
use kilter_domain::{model::IllegalVersionTransition, table::TableError};
use kilter_lake::LakeError;
use kilter_package::{PackageError, golden::GoldenError};
use kilter_store::StoreError;
use kilter_workflow::{PlanError, RunError};

use crate::{
    causes::{NotFound, ScoringError, StorageError, from_causes},
    dataset::column_roles::RolesError,
    gate::GateError,
    model::{InputRuleError, VersionError},
    project::{DatasetError, FetchError, ProjectError},
};

/// Why a run cannot be done, or makes no version. A step that fails and a gate that refuses are results.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant says what it is")]
pub enum TrainError {
    #[error(transparent)]
    Plan(#[from] PlanError),
    #[error(transparent)]
    Run(#[from] RunError),
    #[error(
        "the model reads `{column}`, which no model may read: the contract names it as {role}; leave it out of the training \
         (`--exclude {column}`)"
    )]
    Leakage { column: String, role: &'static str },
    #[error(
        "the model reads `{column}`, and names that begin with `__` are kept for what Kilter records, so no request could \
         carry it; rename the column, or leave it out of the training (`--exclude {column}`)"
    )]
    ReservedInput { column: String },
    /// The contract says of an input what the model cannot keep.
    #[error(transparent)]
    InputRule(#[from] InputRuleError),
    /// A dataset that lies elsewhere cannot be read.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// The version is not measured or judged.
    #[error(transparent)]
    Gate(#[from] GateError),
}

from_causes!(
    TrainError:
    Gate(
        DatasetError, ProjectError, NotFound, RolesError, ScoringError, VersionError, PackageError, GoldenError,
        IllegalVersionTransition, StorageError, StoreError, BlobError, LakeError, TableError,
    ),
);
