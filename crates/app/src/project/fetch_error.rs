//! Why a dataset that lies elsewhere was not brought here.

use kilter_blobs::BlobError;
use kilter_domain::{error_chain::with_causes, ids::DatasetName};
use kilter_lake::LakeError;
use kilter_storage::{DownloadError, ObjectError};
use kilter_store::QueryError;

/// Why a dataset was not brought here.
#[derive(Debug, thiserror::Error)]
#[error("dataset `{dataset}`: {cause}")]
pub struct FetchError {
    /// The dataset.
    pub dataset: DatasetName,
    /// Why.
    pub cause: FetchCause,
}

/// Why a dataset cannot be read where it lies.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant says what it is")]
pub enum FetchCause {
    #[error(transparent)]
    Download(#[from] DownloadError),
    #[error("{}", with_causes(.0))]
    Object(#[from] ObjectError),
    #[error("there is nothing at {0}")]
    NoObject(String),
    #[error("{address} has {found}, more than {limit}")]
    TooMuch { address: String, found: String, limit: String },
    #[error("{0}")]
    Address(String),
    #[error("the query in {file}: {}", with_causes(source))]
    Query { file: String, source: QueryError },
    #[error("{}", with_causes(.0))]
    Table(#[from] LakeError),
    #[error("{}", with_causes(.0))]
    Disk(#[from] BlobError),
}
