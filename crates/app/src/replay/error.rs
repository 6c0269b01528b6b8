//! Why a past cannot be played.

use std::path::PathBuf;

use kilter_domain::time::{Span, Timestamp};
use kilter_lake::LakeError;
use kilter_store::StoreError;

use crate::{
    causes::{ScoringError, StorageError, from_causes},
    data_folder::DataFolderError,
    dataset::RolesError,
    deployment::DeployError,
    error::AppError,
    gate::GateError,
    model::VersionError,
    prediction::{LabelError, PredictionError},
    project::{DatasetError, ProjectError},
    registration::RegisterError,
    replay::periods,
    runs::TrainAndDeployError,
};

/// Why a past could not be played.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    #[error(transparent)]
    App(#[from] AppError),
    #[error("dataset `{dataset}` holds no rows to play")]
    Empty { dataset: String },
    #[error("serving cannot begin: {reason}; set `start` in [replay] to a date at which enough labels are known")]
    NoStart { reason: String },
    #[error(
        "a period of {period} cuts the data into more than {} pieces; set `period = \"{longer}\"` in [replay]",
        periods::MAX_PERIODS
    )]
    TooManyPeriods { period: Span, longer: Span },
    #[error(
        "dataset `{dataset}`: row {row} of time column `{column}` is {value}, {away} away from half of all rows, and the \
         time between would be played empty; correct it, or set `start` and `end` in [replay]"
    )]
    Alone { dataset: String, column: String, row: usize, value: Timestamp, away: Span },
    #[error("the first training failed: {reason}; try it with `kilter run`{}", log.as_ref().map_or_else(String::new, StepLog::end))]
    FirstTraining { reason: String, log: Option<StepLog> },
}

from_causes!(
    ReplayError:
    App(
        DataFolderError, DatasetError, DeployError, GateError, LabelError, PredictionError, ProjectError, RegisterError,
        RolesError, ScoringError, StorageError, TrainAndDeployError, VersionError, LakeError, StoreError,
    ),
);

/// What a failed step wrote.
#[derive(Clone, Debug)]
pub struct StepLog {
    /// Its last lines.
    pub tail: String,
    /// All of it, in the state of the replay.
    pub file: PathBuf,
}

impl StepLog {
    fn end(&self) -> String {
        format!("\nits log ends:\n    {}", self.tail.trim_end().replace('\n', "\n    "))
    }
}
