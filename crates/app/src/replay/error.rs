//! Why a past cannot be played.

use std::path::PathBuf;

use kilter_domain::time::{Span, Timestamp};
use kilter_lake::LakeError;

use crate::{
    causes::{ScoringError, StorageError, from_causes},
    data_folder::DataFolderError,
    dataset::RolesError,
    model::VersionError,
    prediction::{LabelError, PredictionError},
    project::{FetchError, ProjectError},
    reconcile::ReconcileError,
    registration::RegisterError,
    replay::periods,
    runs::TrainAndDeployError,
};

/// Why a past could not be played.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant says what it is")]
pub enum ReplayError {
    #[error(transparent)]
    Project(#[from] ProjectError),
    #[error(transparent)]
    Fetch(#[from] FetchError),
    #[error(transparent)]
    Roles(#[from] RolesError),
    #[error(transparent)]
    DataFolder(#[from] DataFolderError),
    #[error(transparent)]
    Register(#[from] RegisterError),
    #[error(transparent)]
    TrainAndDeploy(#[from] TrainAndDeployError),
    #[error(transparent)]
    Predict(#[from] PredictionError),
    #[error(transparent)]
    Label(#[from] LabelError),
    #[error(transparent)]
    Reconcile(#[from] ReconcileError),
    /// A version that served cannot be read.
    #[error(transparent)]
    Version(#[from] VersionError),
    /// The first version does not accept the rows that a later one answered.
    #[error(transparent)]
    Scoring(#[from] ScoringError),
    #[error(transparent)]
    Storage(#[from] StorageError),
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

from_causes!(ReplayError: Storage(LakeError));

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
