//! Why a copy failed: what was read or written, and what kept it from that.

use std::{
    io,
    path::{Path, PathBuf},
};

use kilter_api::Problem;

/// Why a copy failed.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant says what it is")]
pub enum TransferError {
    #[error("{address} is no address of an MLflow server: {reason}")]
    Address { address: String, reason: String },
    #[error("{address} could not be read: {reason}")]
    Unavailable { address: String, reason: String },
    #[error("{address} refuses {what} (status {status}): {message}")]
    Refused { address: String, what: String, status: u16, message: String },
    #[error("what {what} has cannot be read: {reason}")]
    Unreadable { what: String, reason: String },
    #[error("could not {doing} {}", path.display())]
    File { doing: &'static str, path: PathBuf, source: io::Error },
    #[error("{} is refused: {reason}", path.display())]
    Hostile { path: PathBuf, reason: &'static str },
    #[error("{0}")]
    Platform(Box<Problem>),
}

impl From<Problem> for TransferError {
    fn from(problem: Problem) -> Self {
        Self::Platform(Box::new(problem))
    }
}

impl TransferError {
    pub(crate) fn unreadable(what: impl Into<String>, reason: impl ToString) -> Self {
        Self::Unreadable { what: what.into(), reason: reason.to_string() }
    }

    /// What a file system answers.
    pub(crate) fn file(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { doing, path, source }
    }
}
