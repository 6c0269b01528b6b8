//! The codes of the errors of each use case.

use kilter_api::Code;
use kilter_app::{
    DownloadError,
    alert::AlertError,
    authz::AuthorizeError,
    column_stats::ColumnStatsError,
    data_folder::{BackupError, DataFolderError},
    dataset::RolesError,
    garbage::GarbageError,
    gate::GateError,
    monitor::MonitorError,
    prediction::{ImportError, LabelError, PredictionError},
    project::{DatasetError, FetchCause, FetchError, ProjectError},
    publish::PublishError,
    reconcile::ReconcileError,
    registration::RegisterError,
    registry::RegistryError,
    replay::ReplayError,
    reproduce::ReproduceError,
    retrain::RetrainError,
    runs::{RunLogError, StartRunError, TrainAndDeployError},
    tracking::TrackingError,
    training::TrainError,
    webhook::WebhookError,
};
use kilter_store::QueryError;
use kilter_workflow::{DeclaredFilesError, PlanError, RunError};

use super::answered::{Answer, Answered, of_disk};

impl Answered for ProjectError {
    fn answer(&self) -> Answer {
        match self {
            Self::NoContract(_) => Code::FileNotFound.into(),
            Self::Contract(_) | Self::NoName(_) | Self::NotInContract { .. } => Code::ContractInvalid.into(),
            Self::NotFound(error) => error.answer(),
            Self::Storage(error) => error.answer(),
        }
    }
}

impl Answered for RegisterError {
    fn answer(&self) -> Answer {
        match self {
            Self::Denied(error) => error.answer(),
            Self::Proposed(_) => Code::PolicyProposed.into(),
            Self::Project(error) => error.answer(),
            Self::Storage(error) => error.answer(),
        }
    }
}

impl Answered for WebhookError {
    fn answer(&self) -> Answer {
        match self {
            Self::Denied(error) => error.answer(),
            Self::NotFound(error) => error.answer(),
            Self::Storage(error) => error.answer(),
        }
    }
}

impl Answered for AuthorizeError {
    fn answer(&self) -> Answer {
        match self {
            Self::Denied(error) => error.answer(),
            Self::Storage(error) => error.answer(),
        }
    }
}

impl Answered for RolesError {
    fn answer(&self) -> Answer {
        match self {
            Self::NotATime { .. } => Code::FileInvalid.into(),
            Self::NoTime { .. } | Self::NoLabel { .. } => Code::ContractInvalid.into(),
            Self::Column { .. } => Code::ColumnUnknown.into(),
        }
    }
}

impl Answered for DatasetError {
    fn answer(&self) -> Answer {
        match self {
            Self::Project(error) => error.answer(),
            Self::NotFound(error) => error.answer(),
            Self::Roles(error) => error.answer(),
            Self::Storage(error) => error.answer(),
        }
    }
}

impl Answered for FetchError {
    fn answer(&self) -> Answer {
        match &self.cause {
            FetchCause::Object(error) => match error.answer().code {
                Code::StorageRefused => Code::DatasetRefused.into(),
                Code::StorageUnavailable => Code::DatasetUnavailable.into(),
                code => code.into(),
            },
            FetchCause::Download(error) => match error {
                DownloadError::NotFound { .. } => Code::FileNotFound.into(),
                DownloadError::Refused { .. } | DownloadError::Elsewhere { .. } => Code::DatasetRefused.into(),
                DownloadError::Unavailable { .. } => Code::DatasetUnavailable.into(),
                DownloadError::Address { .. } => Code::ContractInvalid.into(),
                DownloadError::TooLarge { .. } => Code::FileInvalid.into(),
                DownloadError::File { .. } => of_disk(error).unwrap_or(Code::StorageFailed).into(),
            },
            FetchCause::Query { source: QueryError::Database(_), .. } => Code::DatasetUnavailable.into(),
            FetchCause::Query { .. } => {
                Answer::with_hint(Code::SqlInvalid, "correct the query, and try it on the database")
            }
            FetchCause::NoObject(_) => Code::FileNotFound.into(),
            FetchCause::TooMuch { .. } => Code::FileInvalid.into(),
            FetchCause::Address(_) => Code::ContractInvalid.into(),
            FetchCause::Table(error) => of_disk(error).unwrap_or(Code::FileInvalid).into(),
            FetchCause::Disk(error) => of_disk(error).unwrap_or(Code::StorageFailed).into(),
        }
    }
}

impl Answered for PlanError {
    fn answer(&self) -> Answer {
        Code::ContractInvalid.into()
    }
}

impl Answered for RunError {
    fn answer(&self) -> Answer {
        match self {
            Self::Plan(error) => error.answer(),
            _ => of_disk(self).unwrap_or(Code::StepFailed).into(),
        }
    }
}

impl Answered for GateError {
    fn answer(&self) -> Answer {
        match self {
            Self::Dataset(error) => error.answer(),
            Self::Scoring(error) => error.answer(),
            Self::Version(error) => error.answer(),
        }
    }
}

impl Answered for GarbageError {
    fn answer(&self) -> Answer {
        match self {
            Self::Project(error) => error.answer(),
            Self::Storage(error) => error.answer(),
        }
    }
}

impl Answered for TrainError {
    fn answer(&self) -> Answer {
        match self {
            Self::Plan(error) => error.answer(),
            Self::Run(error) => error.answer(),
            Self::Fetch(error) => error.answer(),
            Self::Leakage { .. } | Self::ReservedInput { .. } | Self::InputRule(_) => Code::TrainingRefused.into(),
            Self::Gate(error) => error.answer(),
        }
    }
}

/// A filter that can be copied, for whoever wrote one that cannot be read.
const SEARCH_HINT: &str = "write it like `metrics.auc > 0.8 AND (params.depth = '3' OR tags.team IS NULL)`; docs/reference/search.md has every key";

impl Answered for TrackingError {
    fn answer(&self) -> Answer {
        match self {
            Self::Denied(error) => error.answer(),
            Self::NotFound(error) => error.answer(),
            Self::NameTaken { .. } | Self::Deleted { .. } | Self::Kept { .. } | Self::ParamChanged { .. } => {
                Code::InvalidState.into()
            }
            Self::Search(_) => Answer::with_hint(Code::RequestInvalid, SEARCH_HINT),
            Self::Storage(error) => error.answer(),
        }
    }
}

impl Answered for RegistryError {
    fn answer(&self) -> Answer {
        match self {
            Self::Denied(error) => error.answer(),
            Self::NotFound(error) => error.answer(),
            Self::NameTaken { .. } | Self::Governed { .. } => Code::InvalidState.into(),
            Self::NoAlias { .. } => Code::NotFound.into(),
            Self::FilesElsewhere { .. } | Self::NoModel { .. } | Self::Flavor { .. } | Self::TooLarge { .. } => {
                Code::ModelInvalid.into()
            }
            Self::Package(error) => error.answer(),
            Self::Alias(_)
            | Self::NothingToArchive { .. }
            | Self::Source { .. }
            | Self::Scheme { .. }
            | Self::Search(_) => Code::RequestInvalid.into(),
            Self::Refused { refused, .. } => refused.answer(),
            Self::Tracking(error) => error.answer(),
            Self::Storage(error) => error.answer(),
        }
    }
}

impl Answered for PublishError {
    fn answer(&self) -> Answer {
        match self {
            Self::Storage(error) => error.answer(),
            Self::Registry(error) => error.answer(),
            Self::Version(error) => error.answer(),
            Self::Variable { .. } => Code::ContractInvalid.into(),
        }
    }
}

impl Answered for ReproduceError {
    fn answer(&self) -> Answer {
        match self {
            Self::Train(error) => error.answer(),
            Self::Dataset(error) => error.answer(),
            Self::Fetch(error) => error.answer(),
            Self::Project(error) => error.answer(),
            Self::Files(DeclaredFilesError::Code(_)) => Code::ContractInvalid.into(),
            Self::Files(DeclaredFilesError::Environment(_)) => Code::FileNotFound.into(),
            Self::DataMissing { .. } => Code::FileNotFound.into(),
            Self::OtherData { .. } => Code::FileInvalid.into(),
            Self::Copy { .. } => of_disk(self).unwrap_or(Code::StorageFailed).into(),
        }
    }
}

impl Answered for StartRunError {
    fn answer(&self) -> Answer {
        match self {
            Self::Register(error) => error.answer(),
            Self::Plan(error) => error.answer(),
            Self::InvalidState(error) => error.answer(),
            Self::Storage(error) => error.answer(),
        }
    }
}

impl Answered for TrainAndDeployError {
    fn answer(&self) -> Answer {
        match self {
            Self::Train(error) => error.answer(),
            Self::Deploy(error) => error.answer(),
        }
    }
}

impl Answered for RunLogError {
    fn answer(&self) -> Answer {
        match self {
            Self::NotFound(error) => error.answer(),
            Self::Storage(error) => error.answer(),
        }
    }
}

impl Answered for PredictionError {
    fn answer(&self) -> Answer {
        match self {
            Self::NoLiveVersion(error) => error.answer(),
            Self::Infer(error) => error.answer(),
        }
    }
}

impl Answered for LabelError {
    fn answer(&self) -> Answer {
        match self {
            Self::NoLiveVersion(error) => error.answer(),
            Self::FromFuture(_) => Code::RequestInvalid.into(),
            Self::Log(error) => error.answer(),
        }
    }
}

impl Answered for ImportError {
    fn answer(&self) -> Answer {
        match self {
            Self::NoLiveVersion(error) => error.answer(),
            Self::Denied(error) => error.answer(),
            Self::Digest(_) | Self::NotBegun { .. } | Self::Ragged { .. } => Code::RequestInvalid.into(),
            Self::Project(error) => error.answer(),
            Self::Version(error) => error.answer(),
            Self::Log(error) => error.answer(),
            Self::Storage(error) => error.answer(),
        }
    }
}

impl Answered for ColumnStatsError {
    fn answer(&self) -> Answer {
        match self {
            Self::File(_) => of_disk(self).unwrap_or(Code::StorageFailed).into(),
            Self::Version(error) => error.answer(),
            Self::Storage(error) => error.answer(),
        }
    }
}

impl Answered for DataFolderError {
    fn answer(&self) -> Answer {
        match self {
            Self::DatabaseLost { .. } => Code::DataDamaged.into(),
            Self::OnServer { .. } | Self::InFile { .. } | Self::OtherPlatform { .. } => Code::DatabaseMismatch.into(),
            Self::InStorage { .. }
            | Self::InFolder { .. }
            | Self::OtherStorage { .. }
            | Self::ArtifactsElsewhere { .. }
            | Self::Apart { .. } => Code::StorageMismatch.into(),
            Self::StorageLost { .. } => Code::DataDamaged.into(),
            Self::Move(_) => Code::InvalidState.into(),
            Self::Storage(error) => error.answer(),
        }
    }
}

impl Answered for BackupError {
    fn answer(&self) -> Answer {
        match self {
            Self::Storage(error) => error.answer(),
            Self::TargetNotEmpty(_) => Code::FileExists.into(),
            Self::TargetInside(_) => Code::UsageInvalid.into(),
            Self::OnServer { .. } => Code::DatabaseMismatch.into(),
            Self::InStorage { .. } => Code::StorageMismatch.into(),
            Self::NoDatabase(_) | Self::NoBackup { .. } => Code::FileNotFound.into(),
            Self::Newer { .. } => Code::FileInvalid.into(),
            Self::Damaged { .. } | Self::DamagedData(_) => Code::DataDamaged.into(),
        }
    }
}

impl Answered for AlertError {
    fn answer(&self) -> Answer {
        match self {
            Self::Denied(error) => error.answer(),
            Self::InvalidState(error) => error.answer(),
            Self::Move(_) => Code::InvalidState.into(),
            Self::Project(error) => error.answer(),
            Self::Version(error) => error.answer(),
            Self::Storage(error) => error.answer(),
        }
    }
}

impl Answered for MonitorError {
    fn answer(&self) -> Answer {
        match self {
            Self::Version(error) => error.answer(),
            Self::Alert(error) => error.answer(),
            Self::Storage(error) => error.answer(),
        }
    }
}

impl Answered for RetrainError {
    fn answer(&self) -> Answer {
        match self {
            Self::NotFound(error) => error.answer(),
            Self::Dataset(error) => error.answer(),
            Self::Storage(error) => error.answer(),
        }
    }
}

impl Answered for ReconcileError {
    fn answer(&self) -> Answer {
        match self {
            Self::Project(error) => error.answer(),
            Self::Dataset(error) => error.answer(),
            Self::Deploy(error) => error.answer(),
            Self::Tune(error) => error.answer(),
            Self::Monitor(error) => error.answer(),
            Self::BreakGlass(error) => error.answer(),
            Self::Objective(error) => error.answer(),
            Self::Retrain(error) => error.answer(),
            Self::TrainAndDeploy(error) => error.answer(),
            Self::Storage(error) => error.answer(),
        }
    }
}

impl Answered for ReplayError {
    fn answer(&self) -> Answer {
        match self {
            Self::Project(error) => error.answer(),
            Self::Fetch(error) => error.answer(),
            Self::Roles(error) => error.answer(),
            Self::DataFolder(error) => error.answer(),
            Self::Register(error) => error.answer(),
            Self::TrainAndDeploy(error) => error.answer(),
            Self::Predict(error) => error.answer(),
            Self::Label(error) => error.answer(),
            Self::Reconcile(error) => error.answer(),
            Self::Version(error) => error.answer(),
            Self::Scoring(error) => error.answer(),
            Self::Storage(error) => error.answer(),
            Self::Alone { .. } => Code::FileInvalid.into(),
            Self::FirstTraining { .. } => Code::StepFailed.into(),
            Self::Empty { .. } | Self::NoStart { .. } | Self::TooManyPeriods { .. } => Code::ContractInvalid.into(),
        }
    }
}
