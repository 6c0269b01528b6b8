//! Why a data folder cannot be opened.

use std::path::PathBuf;

use kilter_blobs::BlobError;
use kilter_domain::{deployment::IllegalDeploymentTransition, replica::ReplicaId};
use kilter_storage::ObjectError;
use kilter_store::StoreError;

use crate::causes::{StorageError, from_causes};

/// Why a data folder cannot be opened.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant says what it is")]
pub enum DataFolderError {
    #[error(
        "{} is {}, but {} is there: this is the folder of a platform that lost its database, not a new one; restore it \
         from a backup (`kilter restore`), or choose another --data to begin anew",
        path.display(), if *is_missing { "missing" } else { "empty" }, beside.display()
    )]
    DatabaseLost { path: PathBuf, is_missing: bool, beside: PathBuf },
    #[error(
        "the metadata of {} lie in the database {database}; give its address with --database (or KILTER_DATABASE), or choose \
         another --data to begin anew", folder.display()
    )]
    OnServer { folder: PathBuf, database: String },
    #[error(
        "{} holds metadata in a file of its own, not in {database}; leave --database away, or choose another --data",
        folder.display()
    )]
    InFile { folder: PathBuf, database: String },
    #[error("{} belongs to another platform than the database {database} holds; choose another --data for it", folder.display())]
    OtherPlatform { folder: PathBuf, database: String },
    #[error(
        "packages and prediction log of {} lie in {storage}; give that address with --storage (or KILTER_STORAGE), or choose another \
         --data to begin anew", folder.display()
    )]
    InStorage { folder: PathBuf, storage: String },
    #[error(
        "{} and its database began without an object store, so packages and prediction log are not in {storage}; leave --storage \
         away, or move everything with `kilter storage copy`",
        folder.display()
    )]
    InFolder { folder: PathBuf, storage: String },
    #[error(
        "{storage} holds the objects of another platform than {}; choose another prefix, or the --data that belongs to it",
        folder.display()
    )]
    OtherStorage { folder: PathBuf, storage: String },
    #[error(
        "the artifacts of {} lie in {place}, not in {wanted}: leave --artifacts-destination away, or move them there and write the new \
         place into the file `artifacts` of the data folder",
        folder.display()
    )]
    ArtifactsElsewhere { folder: PathBuf, place: String, wanted: String },
    #[error(
        "{storage} is empty, but {} began with it: its objects are gone, or this is another place; see that the address and the \
         endpoint are right, and restore the objects from a copy",
        folder.display()
    )]
    StorageLost { folder: PathBuf, storage: String },
    #[error(
        "replica {replica} uses the database too, and its packages and prediction log lie in {}: several servers need the same \
         --storage (or KILTER_STORAGE), because each reads what the others wrote; stop that server, or start {} with the storage that both use",
        storage.as_deref().unwrap_or("its data folder"), folder.display()
    )]
    Apart { folder: PathBuf, replica: ReplicaId, storage: Option<String> },
    /// A deployment that a process left under way cannot be ended.
    #[error(transparent)]
    Move(#[from] IllegalDeploymentTransition),
    #[error(transparent)]
    Storage(#[from] StorageError),
}

from_causes!(DataFolderError: Storage(StoreError, BlobError, ObjectError, kilter_lake::LakeError));
