//! What an error answers: its place in the table of codes, written once per cause.

use std::{error::Error, io, sync::Arc};

use axum::http::HeaderValue;
use kilter_api::{Code, Problem};
use kilter_app::{
    ObjectError,
    causes::{InvalidState, NoLiveVersion, NotFound, PermissionDenied, ScoringError, StorageError},
};
use kilter_domain::model::IllegalVersionTransition;
use kilter_serving::{InferError, prediction_log::LogError};
use kilter_store::StoreError;

/// When a request that was refused for lack of room may come again, in seconds.
pub(crate) const RETRY_AFTER: HeaderValue = HeaderValue::from_static("1");

/// A place in the table of codes, and a hint that says more than that of the code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    pub(crate) code: Code,
    pub(crate) hint: Option<&'static str>,
}

impl Answer {
    pub(super) const fn with_hint(code: Code, hint: &'static str) -> Self {
        Self { code, hint: Some(hint) }
    }
}

impl From<Code> for Answer {
    fn from(code: Code) -> Self {
        Self { code, hint: None }
    }
}

/// An error that has a place in the table of codes.
pub trait Answered: Error + 'static {
    /// The code of the error, and what to do next where more is known than the code says.
    fn answer(&self) -> Answer;
}

/// An error as a problem.
pub fn problem_of(error: &impl Answered) -> Problem {
    let Answer { code, hint } = error.answer();
    let problem = Problem::of(code, error);
    match hint {
        Some(hint) => problem.hint(hint),
        None => problem,
    }
}

impl Answered for StorageError {
    fn answer(&self) -> Answer {
        if let Some(object) = self.object() {
            return object.answer();
        }
        match self {
            Self::Store(error) => error.answer(),
            Self::Log(error) => error.answer(),
            Self::Table(_) => Code::ColumnUnknown.into(),
            error if error.is_damaged() => Code::DataDamaged.into(),
            Self::Lake(_) => of_disk(self).unwrap_or(Code::FileInvalid).into(),
            Self::Blob(_)
            | Self::Object(_)
            | Self::ReadFile { .. }
            | Self::WriteFile { .. }
            | Self::Document { .. } => of_disk(self).unwrap_or(Code::StorageFailed).into(),
        }
    }
}

impl Answered for ObjectError {
    fn answer(&self) -> Answer {
        match self {
            Self::Refused { .. } | Self::NoBucket { .. } | Self::Settings { .. } => Code::StorageRefused.into(),
            Self::Unavailable { .. } | Self::Closed => Code::StorageUnavailable.into(),
            Self::Damaged { .. } => Code::DataDamaged.into(),
            _ => of_disk(self).unwrap_or(Code::StorageFailed).into(),
        }
    }
}

impl Answered for NotFound {
    fn answer(&self) -> Answer {
        Code::NotFound.into()
    }
}

impl Answered for InvalidState {
    fn answer(&self) -> Answer {
        Code::InvalidState.into()
    }
}

impl Answered for NoLiveVersion {
    fn answer(&self) -> Answer {
        Code::NoLiveVersion.into()
    }
}

impl Answered for ScoringError {
    fn answer(&self) -> Answer {
        Code::InvalidRows.into()
    }
}

impl Answered for PermissionDenied {
    fn answer(&self) -> Answer {
        if self.is_nameless {
            return Answer::with_hint(
                Code::PermissionDenied,
                "say who asks with the header `x-kilter-actor: user:NAME` (or `svc:NAME`), or give the role to `svc:api`, which is \
                 whoever says nothing",
            );
        }
        Code::PermissionDenied.into()
    }
}

impl Answered for IllegalVersionTransition {
    fn answer(&self) -> Answer {
        match self {
            Self::Right(_) => Code::PermissionDenied.into(),
            Self::State { .. } | Self::Evidence { .. } => Code::InvalidState.into(),
        }
    }
}

impl Answered for InferError {
    fn answer(&self) -> Answer {
        match self {
            error if error.status() < 500 => Code::RequestInvalid.into(),
            Self::NotRecorded { source } => source.answer(),
            error if error.status() == 504 => Code::TimedOut.into(),
            error if error.executor().is_some() && error.status() == 503 => Code::Overloaded.into(),
            error if error.not_loaded().is_some() => Code::Overloaded.into(),
            _ => of_disk(self).unwrap_or(Code::StorageFailed).into(),
        }
    }
}

impl Answered for LogError {
    fn answer(&self) -> Answer {
        let code = match self {
            Self::DiskFull { .. } => Code::DiskFull,
            Self::Busy { .. } => Code::Overloaded,
            Self::TooLarge { .. } => Code::BodyTooLarge,
            Self::InUse { .. } => Code::DataFolderInUse,
            Self::Vanished { .. } => Code::DataVanished,
            Self::NotCopied { .. } => Code::StorageUnavailable,
            _ => Code::StorageFailed,
        };
        code.into()
    }
}

impl Answered for StoreError {
    fn answer(&self) -> Answer {
        let code = match self {
            Self::InUse { .. } => Code::DataFolderInUse,
            Self::ReplicaInUse { .. } => Code::ReplicaInUse,
            Self::Unavailable { .. }
            | Self::ConnectionRefused { .. }
            | Self::CommitUnknown { .. }
            | Self::DatabaseReadOnly { .. } => Code::DatabaseUnavailable,
            Self::NewerSchema { .. } => Code::SchemaNewer,
            Self::ForeignServer { .. } => Code::DatabaseMismatch,
            Self::NotFound { .. } => Code::NotFound,
            Self::Conflict { .. }
            | Self::Moved { .. }
            | Self::LeaseLost { .. }
            | Self::ParamChanged { .. }
            | Self::RunDeleted { .. } => Code::InvalidState,
            Self::Invalid { .. } | Self::InvalidCursor(_) => Code::RequestInvalid,
            Self::DiskFull { .. } => Code::DiskFull,
            Self::Busy { .. } => Code::TimedOut,
            Self::Damaged { .. } | Self::ForeignDatabase { .. } => Code::DataDamaged,
            Self::Vanished { .. } => Code::DataVanished,
            error => of_disk(error).unwrap_or(Code::StorageFailed),
        };
        code.into()
    }
}

/// What the disk answered, somewhere beneath.
pub(super) fn of_disk(error: &(dyn Error + 'static)) -> Option<Code> {
    let mut link = Some(error);
    let mut found = None;
    while let Some(error) = link {
        let shared = || error.downcast_ref::<Arc<io::Error>>().map(|error| &**error);
        found = found.or_else(|| error.downcast_ref::<io::Error>()).or_else(shared);
        link = error.source();
    }
    found.map(|error| match error.kind() {
        io::ErrorKind::NotFound => Code::FileNotFound,
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => Code::DiskFull,
        _ => Code::StorageFailed,
    })
}
