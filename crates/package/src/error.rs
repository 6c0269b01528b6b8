//! Why a package is not written or read.

use kilter_blobs::BlobError;
use kilter_domain::{digest::Digest, table::TableError};
use kilter_evaluation::reference_format::ProfileError;
use kilter_inference::LoadError;
use kilter_lake::LakeError;
use kilter_storage::ObjectError;

/// Why a package is not written or read.
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    /// The tree of blobs has no such part.
    #[error("package {} lacks `{part}`; it was not made by this platform or is damaged", digest.short())]
    PartMissing {
        /// The package.
        digest: Digest,
        /// The path of the part inside of the package.
        part: String,
    },
    /// A part is not the JSON that it should be, or cannot be written as JSON.
    #[error("could not read or write the {what} document")]
    Document {
        /// Which part.
        what: &'static str,
        /// Where the JSON is wrong.
        #[source]
        source: serde_json::Error,
    },
    /// The reference is not of its layout.
    #[error(transparent)]
    Reference(#[from] ProfileError),
    /// The bytes are not a model that this version of Kilter runs.
    #[error("the model {} cannot be loaded", digest.short())]
    Model {
        /// The package, or the model file where there is no package yet.
        digest: Digest,
        /// What is wrong with the model.
        #[source]
        source: LoadError,
    },
    /// A stored table lacks a column that it should have.
    #[error(transparent)]
    Table(#[from] TableError),
    /// A blob cannot be read or written, or its bytes do not match its digest.
    #[error(transparent)]
    Blob(#[from] BlobError),
    /// A stored table cannot be read or written.
    #[error(transparent)]
    Lake(#[from] LakeError),
}

impl PackageError {
    /// What the object store answered, if the cause is there.
    pub const fn object(&self) -> Option<&ObjectError> {
        match self {
            Self::Blob(BlobError::Storage(error)) | Self::Lake(LakeError::Storage(error)) => Some(error),
            _ => None,
        }
    }

    /// True when stored bytes are not those that were written.
    pub const fn is_damaged(&self) -> bool {
        match self {
            Self::Blob(error) => error.is_damaged(),
            Self::Lake(error) => error.is_damaged(),
            Self::PartMissing { .. }
            | Self::Document { .. }
            | Self::Reference(_)
            | Self::Model { .. }
            | Self::Table(_) => false,
        }
    }
}
