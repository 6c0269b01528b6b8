//! What the errors of the crates below mean to the person who typed the command.

use std::io;

use kilter_api::{Code, Problem};
use kilter_app::{
    causes::StorageError,
    data_folder::{BackupError, DataFolderError},
    dataset::RolesError,
    deployment::DeployError,
    gate::GateError,
    model::PackageError,
    package::PackageUseError,
    prediction::LabelError,
    project::{DatasetError, ProjectError},
    registration::RegisterError,
    registry::RegistryError,
    replay::ReplayError,
    runs::TrainAndDeployError,
};
use kilter_inference::PredictError;
use kilter_lake::LakeError;
use kilter_server::{ServerError, error::problem_of};
use kilter_train::TrainError;

/// What keeps a command from answering.
#[derive(Debug)]
pub enum CliError {
    /// It failed, and this is what to tell. Boxed: it is large, and rare.
    Problem(Box<Problem>),
    /// Whoever read the answer has seen enough (`kilter … | head`).
    PipeClosed,
}

impl From<Problem> for CliError {
    fn from(problem: Problem) -> Self {
        Self::Problem(Box::new(problem))
    }
}

impl CliError {
    /// What a failed write of an answer means.
    pub fn of_write(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::PipeClosed,
            _ => Problem::new(Code::StorageFailed, "could not write the answer").caused_by(Some(error)).into(),
        }
    }
}

/// The code of what the disk answered.
pub(crate) fn code_of(error: &io::Error) -> Code {
    match error.kind() {
        io::ErrorKind::NotFound => Code::FileNotFound,
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Code::DiskFull,
        io::ErrorKind::AlreadyExists => Code::FileExists,
        // It was read, or looked at, and is not what it should be.
        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => Code::FileInvalid,
        _ => Code::StorageFailed,
    }
}

/// A failure to `doing` (an infinitive) `path`.
pub(crate) fn disk(doing: &str, path: &std::path::Path, error: &io::Error) -> CliError {
    Problem::new(code_of(error), format!("could not {doing} `{}`", path.display()))
        .at(path.display().to_string())
        .caused_by(Some(error))
        .into()
}

/// Arguments that are each right, and wrong together.
pub(crate) fn usage(detail: impl Into<String>) -> CliError {
    Problem::new(Code::UsageInvalid, detail).into()
}

impl From<LakeError> for CliError {
    fn from(error: LakeError) -> Self {
        let code = match &error {
            LakeError::Io { source, .. } => code_of(source),
            LakeError::UnknownFormat { .. } => Code::UsageInvalid,
            LakeError::UnknownColumn { .. } => Code::ColumnUnknown,
            LakeError::Sql(_) => Code::SqlInvalid,
            _ => Code::FileInvalid,
        };
        Problem::of(code, &error).into()
    }
}

impl From<TrainError> for CliError {
    fn from(error: TrainError) -> Self {
        let code = match &error {
            TrainError::NoSuchColumn { .. } => Code::ColumnUnknown,
            TrainError::BadParam { .. } => Code::UsageInvalid,
            _ => Code::TrainingRefused,
        };
        Problem::of(code, &error).into()
    }
}

impl From<PredictError> for CliError {
    fn from(error: PredictError) -> Self {
        let code = match &error {
            PredictError::MissingColumns { .. } | PredictError::BlockWidth { .. } => Code::ColumnUnknown,
            PredictError::Node { .. } => Code::ModelInvalid,
            _ => Code::InvalidRows,
        };
        Problem::of(code, &error).into()
    }
}

impl From<ServerError> for CliError {
    fn from(error: ServerError) -> Self {
        Problem::from(error).into()
    }
}

/// Errors of the platform answer in the terminal with the codes that the server gives them.
macro_rules! from_platform {
    ($($error:ty),+ $(,)?) => {
        $(
            impl From<$error> for CliError {
                fn from(error: $error) -> Self {
                    problem_of(&error).into()
                }
            }
        )+
    };
}

from_platform!(
    BackupError,
    DataFolderError,
    DatasetError,
    DeployError,
    GateError,
    LabelError,
    PackageError,
    PackageUseError,
    ProjectError,
    RegisterError,
    RegistryError,
    ReplayError,
    RolesError,
    TrainAndDeployError,
    StorageError,
);
