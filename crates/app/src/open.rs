//! Opening a data folder.

use std::path::Path;

use kilter_blobs::{BlobError, BlobStore};
use kilter_store::Store;

use crate::{
    app::{App, AppOptions},
    authz::access_map,
    causes::StorageError,
    data_folder::{DataFolderError, layout},
    deployment::routes,
    private_files,
};

/// Makes the data folder when it is missing: it tells what was predicted of whom, so only its owner reads it.
///
/// # Errors
/// What the disk answers.
pub fn make_data_folder(folder: &Path) -> Result<(), StorageError> {
    private_files::create_private_folder(folder)
        .map_err(|source| BlobError::Io { attempted: "create the data folder", path: folder.to_owned(), source }.into())
}

impl App {
    /// Opens a data folder, made when missing, and everything that served in it.
    ///
    /// # Errors
    /// When another process has it, it lost its database, or it cannot be read.
    pub fn open(folder: &Path, options: AppOptions) -> Result<Self, DataFolderError> {
        make_data_folder(folder)?;
        layout::refuse_lost_database(folder)?;
        let app = Self::new(folder, options, Store::open(folder)?, BlobStore::open(&folder.join("blobs"))?);
        if let Some(path) = app.store().changed_while_closed() {
            tracing::error!(changed = %layout::changed_database(&path), "the database is not what was closed");
        }
        access_map::load_access(&app)?;
        routes::load_live_endpoints(&app)?;
        Ok(app)
    }

    /// Opens a data folder to look at it, also while another process has it, or where nobody can write. Nothing serves,
    /// and every change is refused.
    ///
    /// # Errors
    /// When there is no data folder, or it is of another version of this program.
    pub fn open_for_reading(folder: &Path, options: AppOptions) -> Result<Self, DataFolderError> {
        let blobs = BlobStore::open_for_reading(&folder.join("blobs"));
        let app = Self::new(folder, options, Store::open_for_reading(folder)?, blobs);
        access_map::load_access(&app)?;
        Ok(app)
    }
}
