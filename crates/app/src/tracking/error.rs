//! Why something of tracking was refused or failed.

use kilter_domain::search::SearchError;
use kilter_store::StoreError;

use crate::{
    authz::AuthorizeError,
    causes::{NotFound, PermissionDenied, StorageError},
};

/// Why something of tracking was refused or failed.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant says what it is")]
pub enum TrackingError {
    #[error(transparent)]
    Denied(#[from] PermissionDenied),
    #[error(transparent)]
    NotFound(#[from] NotFound),
    /// The name of an experiment is taken, also by one that is deleted.
    #[error("there is an experiment `{name}` already{}", if *.is_deleted { "; it is deleted: restore it, or use another name" } else { "; use another name" })]
    NameTaken { name: String, is_deleted: bool },
    /// An experiment or a run is deleted.
    #[error("the {what} `{id}` is deleted; restore it first")]
    Deleted { what: &'static str, id: String },
    /// The experiment of a project, and what its runs made, stays.
    #[error("the {what} `{name}` cannot be {act}: {reason}")]
    Kept { what: &'static str, name: String, act: &'static str, reason: &'static str },
    /// A parameter was logged with another value.
    #[error("the parameter `{name}` of run `{run}` is `{present}` already and cannot become `{given}`")]
    ParamChanged { run: String, name: String, present: String, given: String },
    /// A filter or an order that cannot be read.
    #[error(transparent)]
    Search(#[from] SearchError),
    #[error(transparent)]
    Storage(StorageError),
}

impl From<StoreError> for TrackingError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound { what, id } => Self::not_found(what, id),
            StoreError::RunDeleted { id } => Self::Deleted { what: "run", id },
            StoreError::ParamChanged { run, name, present, given } => Self::ParamChanged { run, name, present, given },
            other => Self::Storage(other.into()),
        }
    }
}

impl From<StorageError> for TrackingError {
    fn from(error: StorageError) -> Self {
        match error {
            StorageError::Store(error) => error.into(),
            other => Self::Storage(other),
        }
    }
}

impl From<AuthorizeError> for TrackingError {
    fn from(error: AuthorizeError) -> Self {
        match error {
            AuthorizeError::Denied(error) => Self::Denied(error),
            AuthorizeError::Storage(error) => error.into(),
        }
    }
}

impl TrackingError {
    pub(crate) fn not_found(what: &'static str, id: impl Into<String>) -> Self {
        Self::NotFound(NotFound { what, id: id.into(), how: "see what there is with `kilter runs list`".to_owned() })
    }
}
