//! Any error of the platform: for whoever runs several use cases, as background tasks and commands do.
//!
//! A function returns the error of its use case, never this one. Out of scope: texts and codes; each use case has its own.

use kilter_blobs::BlobError;
use kilter_domain::{alert::IllegalAlertTransition, table::TableError};
use kilter_lake::LakeError;
use kilter_package::PackageError;
use kilter_serving::LogError;
use kilter_store::StoreError;

use crate::{
    approval::ApproveError,
    authz::AuthorizeError,
    causes::{AuditedError, InvalidState, NotFound, PermissionDenied, ScoringError, StorageError, from_causes},
    column_stats::ColumnStatsError,
    data_folder::DataFolderError,
    dataset::RolesError,
    deployment::{DeployError, TuneError},
    gate::GateError,
    model::VersionError,
    prediction::{LabelError, PredictionError},
    project::{DatasetError, ProjectError},
    registration::RegisterError,
    runs::{RunLogError, StartRunError, TrainAndDeployError},
    training::TrainError,
};

/// Any error of the platform, by use case.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    #[error(transparent)]
    Project(#[from] ProjectError),
    #[error(transparent)]
    Register(#[from] RegisterError),
    #[error(transparent)]
    Authorize(#[from] AuthorizeError),
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    #[error(transparent)]
    Gate(#[from] GateError),
    #[error(transparent)]
    Train(#[from] TrainError),
    #[error(transparent)]
    RunLog(#[from] RunLogError),
    #[error(transparent)]
    StartRun(#[from] StartRunError),
    #[error(transparent)]
    TrainAndDeploy(#[from] TrainAndDeployError),
    #[error(transparent)]
    Version(#[from] VersionError),
    #[error(transparent)]
    Approve(#[from] ApproveError),
    #[error(transparent)]
    Deploy(#[from] DeployError),
    #[error(transparent)]
    Tune(#[from] TuneError),
    #[error(transparent)]
    Predict(#[from] PredictionError),
    #[error(transparent)]
    Label(#[from] LabelError),
    #[error(transparent)]
    ColumnStats(#[from] ColumnStatsError),
    #[error(transparent)]
    DataFolder(#[from] DataFolderError),
    #[error(transparent)]
    Storage(#[from] StorageError),
    // Of monitors, alerts and retraining.
    #[error(transparent)]
    AlertMove(#[from] IllegalAlertTransition),
    #[error(transparent)]
    InvalidState(#[from] InvalidState),
    #[error(transparent)]
    NotFound(#[from] NotFound),
    #[error(transparent)]
    Denied(#[from] PermissionDenied),
    #[error(transparent)]
    Scoring(#[from] ScoringError),
}

from_causes!(
    AppError:
    Storage(StoreError, BlobError, LakeError, LogError, TableError),
    Version(PackageError),
    Dataset(RolesError),
);

impl AppError {
    /// Whether it says of one version that it cannot serve as it is stored here: others can.
    pub const fn is_of_the_version(&self) -> bool {
        match self {
            Self::Version(error) => error.is_of_the_version(),
            Self::Deploy(error) => error.is_of_the_version(),
            Self::Storage(error) => matches!(error, StorageError::Blob(_)),
            _ => false,
        }
    }
}

impl AuditedError for AppError {
    fn is_refusal(&self) -> bool {
        matches!(self, Self::AlertMove(_) | Self::InvalidState(_))
    }

    fn is_race(&self) -> bool {
        matches!(self, Self::Storage(error) if error.is_race())
    }
}
