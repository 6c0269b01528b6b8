//! Why a step of the loop fails.

use kilter_blobs::BlobError;
use kilter_store::StoreError;

use crate::{
    break_glass::BreakGlassError,
    causes::{StorageError, from_causes},
    deployment::{DeployError, TuneError},
    monitor::MonitorError,
    objective::ObjectiveError,
    project::{DatasetError, ProjectError},
    retrain::RetrainError,
    runs::TrainAndDeployError,
};

/// Why a step of the loop fails, by the use case that it runs.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant says what it is")]
pub enum ReconcileError {
    #[error(transparent)]
    Project(#[from] ProjectError),
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    #[error(transparent)]
    Deploy(#[from] DeployError),
    #[error(transparent)]
    Tune(#[from] TuneError),
    #[error(transparent)]
    Monitor(#[from] MonitorError),
    #[error(transparent)]
    BreakGlass(#[from] BreakGlassError),
    #[error(transparent)]
    Objective(#[from] ObjectiveError),
    #[error(transparent)]
    Retrain(#[from] RetrainError),
    #[error(transparent)]
    TrainAndDeploy(#[from] TrainAndDeployError),
    #[error(transparent)]
    Storage(#[from] StorageError),
}

from_causes!(ReconcileError: Storage(StoreError, BlobError));
