//! Causes that the errors of several use cases share.
//!
//! Each use case has an error of its own beside its noun, with only the reasons that it can have. A cause that several of
//! them have is a type here, so that its text and its API code are written once.

use std::{io, path::PathBuf};

use kilter_blobs::BlobError;
use kilter_domain::{ids::EndpointName, table::TableError};
use kilter_inference::PredictError;
use kilter_lake::LakeError;
use kilter_serving::LogError;
use kilter_storage::ObjectError;
use kilter_store::StoreError;

/// Reading or writing failed: of the metadata, of blobs, of tables, of the prediction log or of a file.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant says what it is")]
pub enum StorageError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Blob(#[from] BlobError),
    #[error(transparent)]
    Lake(#[from] LakeError),
    #[error(transparent)]
    Log(#[from] LogError),
    /// An object could not be read or written.
    #[error(transparent)]
    Object(#[from] ObjectError),
    /// A table lacks a column, or columns do not fit together.
    #[error(transparent)]
    Table(#[from] TableError),
    #[error("could not read {}", path.display())]
    ReadFile {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("could not write {}", path.display())]
    WriteFile {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("could not read or write the {what} document")]
    Document {
        what: &'static str,
        #[source]
        source: serde_json::Error,
    },
}

impl StorageError {
    /// Whether a stored file is missing or has other bytes than were written; the error names it.
    pub const fn is_damaged(&self) -> bool {
        match self {
            Self::Blob(error) => error.is_damaged(),
            Self::Lake(error) => error.is_damaged(),
            Self::Object(error) => error.is_damaged(),
            _ => false,
        }
    }

    /// What the object store answered, if the cause is there.
    pub const fn object(&self) -> Option<&ObjectError> {
        match self {
            Self::Object(error) | Self::Blob(BlobError::Storage(error)) | Self::Lake(LakeError::Storage(error)) => {
                Some(error)
            }
            _ => None,
        }
    }

    /// Whether someone else changed the same thing meanwhile.
    pub const fn is_race(&self) -> bool {
        matches!(self, Self::Store(StoreError::Moved { .. } | StoreError::Conflict { .. }))
    }
}

/// What was named does not exist.
#[derive(Debug, thiserror::Error)]
#[error("there is no {what} `{id}`; {how}")]
pub struct NotFound {
    /// The kind of thing, such as `model`.
    pub what: &'static str,
    /// The name or id that was asked for.
    pub id: String,
    /// What to do next.
    pub how: String,
}

/// The state of a thing does not allow what was asked.
#[derive(Debug, thiserror::Error)]
#[error("{what} `{id}` is {state}; {how}")]
pub struct InvalidState {
    /// The kind of thing, such as `alert`.
    pub what: &'static str,
    /// Its name or id.
    pub id: String,
    /// What it is instead, as the sentence goes on: a state, such as `resolved`, or why it was not started.
    pub state: String,
    /// What to do next.
    pub how: String,
}

/// No version answers at the endpoint.
#[derive(Debug, thiserror::Error)]
#[error(
    "the endpoint `{endpoint}` has no live version; train one with `kilter run`, or deploy one with `kilter deploy`"
)]
pub struct NoLiveVersion {
    /// The endpoint that was asked.
    pub endpoint: EndpointName,
}

/// A model does not accept the rows.
#[derive(Debug, thiserror::Error)]
#[error("could not score {what}")]
pub struct ScoringError {
    /// Which rows.
    pub what: String,
    /// Why the model does not accept them.
    #[source]
    pub source: PredictError,
}

impl ScoringError {
    /// For [`Result::map_err`]: the model does not accept the rows of `what`.
    pub(crate) fn of(what: &str) -> impl Fn(PredictError) -> Self + '_ {
        move |source| Self { what: what.to_owned(), source }
    }
}

/// Who asks has no right to it.
#[derive(Debug, thiserror::Error)]
#[error("{sentence}")]
pub struct PermissionDenied {
    /// Who may not do what, and who may, for a person.
    pub sentence: String,
    /// The caller did not say who they are.
    pub is_nameless: bool,
}

/// An error of what someone asked for: a refusal has its entry in the audit table.
pub(crate) trait AuditedError: std::error::Error {
    /// Whether what was asked may not be, as things stand.
    fn is_refusal(&self) -> bool;

    /// Whether someone else changed the same thing meanwhile.
    fn is_race(&self) -> bool;
}

/// Lets `?` turn causes of a cause into an error: `from_causes!(TrainError: Storage(StoreError, LakeError))`.
macro_rules! from_causes {
    ($error:ty: $($variant:ident($($cause:ty),+ $(,)?)),+ $(,)?) => {
        $($(
            impl From<$cause> for $error {
                fn from(cause: $cause) -> Self {
                    Self::$variant(cause.into())
                }
            }
        )+)+
    };
}
pub(crate) use from_causes;
