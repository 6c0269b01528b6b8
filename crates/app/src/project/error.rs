//! Why a project cannot be read.

use std::path::PathBuf;

use kilter_store::StoreError;

use crate::causes::{NotFound, StorageError, from_causes};

/// Why a project cannot be read, or its contract does not say what is needed.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant says what it is")]
pub enum ProjectError {
    #[error("there is no kilter.toml in {}; write one with `kilter init --from DATA`", .0.display())]
    NoContract(PathBuf),
    #[error("{0}")]
    Contract(String),
    #[error("the project has no name and its folder {} gives none; add `name = \"...\"` to [project]", .0.display())]
    NoName(PathBuf),
    #[error("the contract says nothing of {what}; {how}")]
    NotInContract { what: String, how: String },
    /// No contract was recorded for the name.
    #[error(transparent)]
    NotFound(#[from] NotFound),
    #[error(transparent)]
    Storage(#[from] StorageError),
}

from_causes!(ProjectError: Storage(StoreError));
