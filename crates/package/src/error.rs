//! Why a package is not written or read.

use std::path::PathBuf;

use kilter_blobs::{BlobError, TreeError};
use kilter_domain::{digest::Digest, table::TableError};
use kilter_evaluation::reference_format::ProfileError;
use kilter_inference::LoadError;
use kilter_lake::LakeError;
use kilter_storage::ObjectError;

use crate::{archive::ArchiveError, golden::GoldenError, manifest::ManifestError, statement::SignatureError};

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
    /// The manifest is none, or of a later layout.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The files are not those that the manifest lists.
    #[error(
        "the package {} is not what its package.json lists: `{part}` differs; it is damaged, or was changed", digest.short()
    )]
    NotAsListed {
        /// The package.
        digest: Digest,
        /// The path of a part that differs.
        part: String,
    },
    /// An early layout does not say which files there are.
    #[error(
        "the package {} has layout {schema}, which lists no files, so nothing of it would be signed; sign it by its version, which reads \
         every file: kilter package sign MODEL@VERSION", digest.short()
    )]
    Unlisted {
        /// The package.
        digest: Digest,
        /// Its layout.
        schema: u32,
    },
    /// The golden requests cannot be read, written or asked.
    #[error(transparent)]
    Golden(#[from] GoldenError),
    /// The archive is none, or has what a package has not.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// The package cannot be signed, or its signature is not believed.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// There is no folder with a package.
    #[error("there is no package at `{}`", .0.display())]
    NoFolder(PathBuf),
    /// The package would be written where something is.
    #[error("`{}` is there already; name another place, or move it away", .0.display())]
    Exists(PathBuf),
    /// A folder has more files than a package may have.
    #[error("the folder has more files than a package may have")]
    TooManyFiles,
    /// The files of a folder make no tree.
    #[error("the files of `{}` are no package", folder.display())]
    Tree {
        /// The folder.
        folder: PathBuf,
        /// What is wrong.
        #[source]
        source: TreeError,
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

    /// Whether a folder has what no package has: a link, a device, a path that is none.
    pub const fn has_foreign_file(&self) -> bool {
        matches!(self, Self::Blob(BlobError::NotPlain { .. } | BlobError::Path { .. }))
    }

    /// True when stored bytes are not those that were written.
    pub const fn is_damaged(&self) -> bool {
        match self {
            Self::Blob(error) => error.is_damaged(),
            Self::Lake(error) => error.is_damaged(),
            Self::NotAsListed { .. } => true,
            Self::PartMissing { .. }
            | Self::Document { .. }
            | Self::Unlisted { .. }
            | Self::Reference(_)
            | Self::Model { .. }
            | Self::Table(_)
            | Self::Manifest(_)
            | Self::Golden(_)
            | Self::Archive(_)
            | Self::Signature(_)
            | Self::NoFolder(_)
            | Self::Exists(_)
            | Self::TooManyFiles
            | Self::Tree { .. } => false,
        }
    }
}
