//! Why it is not known whether a result can be made again.

use std::{io, path::PathBuf};

use kilter_domain::{digest::Digest, ids::DatasetName};
use kilter_workflow::DeclaredFilesError;

use crate::{
    project::{DatasetError, FetchError, ProjectError},
    training::TrainError,
};

/// Why it is not known whether a result can be made again. A step that fails, or makes something else, is a result.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant says what it is")]
pub enum ReproduceError {
    #[error(transparent)]
    Train(#[from] TrainError),
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    #[error(transparent)]
    Fetch(#[from] FetchError),
    #[error(transparent)]
    Project(#[from] ProjectError),
    #[error(transparent)]
    Files(#[from] DeclaredFilesError),
    #[error(
        "dataset `{dataset}` is not here: there is nothing at `{path}`; name its file with `--data-file {dataset}=PATH`, or the project \
         with `--project DIR`"
    )]
    DataMissing { dataset: DatasetName, path: String },
    #[error(
        "dataset `{dataset}` at `{}` is not what the package was made from: its digest is {}, and was {}; name the right file with \
         `--data-file {dataset}=PATH`",
        path.display(), now.short(), was.short()
    )]
    OtherData { dataset: DatasetName, path: PathBuf, was: Digest, now: Digest },
    #[error("a clean copy of the project could not be made: {}", path.display())]
    Copy {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}
