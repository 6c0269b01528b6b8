//! Opening a data folder.

use std::path::Path;

use kilter_blobs::{BlobError, BlobStore};
use kilter_lake::Lake;
use kilter_storage::CachedStorage;
use kilter_store::{DatabaseUrl, Store, StoreOptions};

use crate::{
    app::{App, AppOptions, StoredBytes},
    authz::access_map,
    causes::StorageError,
    data_folder::{DataFolderError, artifacts, bucket, layout},
    deployment::routes,
    identity, private_files, replicas, tracking,
};

/// Makes the data folder when it is missing: it tells what was predicted of whom, so only its owner reads it.
///
/// # Errors
/// What the disk answers.
pub fn make_data_folder(folder: &Path) -> Result<(), StorageError> {
    private_files::create_private_folder(folder)
        .map_err(|source| BlobError::Io { attempted: "create the data folder", path: folder.to_owned(), source }.into())
}

/// The metadata of a data folder: in a file of it, or on a server. A folder stays with the database that it began with, under
/// the number of a replica that it has there.
fn open_store(folder: &Path, database: Option<&DatabaseUrl>) -> Result<Store, DataFolderError> {
    let Some(url) = database else {
        layout::refuse_folder_of_server(folder)?;
        layout::refuse_lost_database(folder)?;
        return Ok(Store::open(folder)?);
    };
    layout::refuse_folder_with_file(folder, url)?;
    let store = Store::open_server(folder, url, StoreOptions::default())?;
    store.write_as(layout::keep_to_server(folder, &store)?);
    Ok(store)
}

/// Packages and the sealed log: in the data folder, or in an object store with copies in the data folder.
fn stored_bytes(
    folder: &Path,
    storage: Option<CachedStorage>,
    open: impl FnOnce(&Path, Option<CachedStorage>) -> Result<BlobStore, BlobError>,
) -> Result<StoredBytes, DataFolderError> {
    let above = if storage.is_some() { folder.join(bucket::CACHE_FOLDER) } else { folder.to_owned() };
    let blobs = open(&above.join("blobs"), storage.clone())?;
    Ok(StoredBytes {
        blobs,
        artifacts: None,
        lake: Lake::new(above.join("lake")).with_storage(storage.clone()),
        storage,
    })
}

impl App {
    /// Opens a data folder, made when missing, and everything that served in it.
    ///
    /// # Errors
    /// When another process has it, it lost its database, it belongs to another object store, or it cannot be read.
    pub fn open(folder: &Path, options: AppOptions) -> Result<Self, DataFolderError> {
        make_data_folder(folder)?;
        let store = open_store(folder, options.database.as_ref())?;
        let storage = bucket::open(folder, options.storage.as_ref(), &store)?;
        let bytes = stored_bytes(folder, storage, BlobStore::open_before)?;
        let bytes = StoredBytes { artifacts: artifacts::open(folder, &options, &store)?, ..bytes };
        let app = Self::new(folder, options, store, bytes);
        if let Some(path) = app.store().changed_while_closed() {
            tracing::error!(changed = %layout::changed_database(&path), "the database is not what was closed");
        }
        if app.store().is_shared() {
            replicas::join(&app)?;
        }
        tracking::ensure_default_experiment(&app)?;
        access_map::load_access(&app)?;
        identity::load_identities(&app)?;
        routes::load_live_endpoints(&app)?;
        Ok(app)
    }

    /// Opens a data folder to look at it, also while another process has it, or where nobody can write. Nothing serves,
    /// and every change is refused.
    ///
    /// # Errors
    /// When there is no data folder, or it is of another version of this program.
    pub fn open_for_reading(folder: &Path, options: AppOptions) -> Result<Self, DataFolderError> {
        let store = match &options.database {
            None => Store::open_for_reading(folder)?,
            Some(url) => Store::open_server_for_reading(url)?,
        };
        let storage = bucket::open_for_reading(folder, options.storage.as_ref())?;
        let bytes = stored_bytes(folder, storage, |root, storage| Ok(BlobStore::open_for_reading(root, storage)))?;
        let bytes = StoredBytes { artifacts: artifacts::open_for_reading(folder, &options)?, ..bytes };
        let app = Self::new(folder, options, store, bytes);
        access_map::load_access(&app)?;
        identity::load_identities(&app)?;
        Ok(app)
    }
}
