//! Files of column statistics in the object store, below `served/ENDPOINT/`, by the names that they have in the folder.
//!
//! Invariants: a file in the folder is never older than its object. What could not be written is remembered, and written with the
//! next files.

use std::path::Path;

use kilter_domain::ids::EndpointName;
use kilter_store::prediction as index;

use crate::{app::App, causes::StorageError, column_stats::folder};

/// The largest file that is read: an hour of a table with ten thousand columns is smaller.
const MAX_FILE_BYTES: u64 = 64 << 20;

/// Writes a file into the object store, if there is one, before the index knows it.
pub(super) fn upload(app: &App, endpoint: &EndpointName, name: &str, bytes: Vec<u8>) -> Result<(), StorageError> {
    let Some(storage) = app.storage() else { return Ok(()) };
    let written = storage.replace(&key_of(endpoint, name), bytes);
    let unsent = &app.components().column_stats;
    if written.is_ok() {
        unsent.forget_unsent(endpoint, name)
    } else {
        unsent.note_unsent(endpoint, name)
    }
    Ok(written?)
}

/// Writes again what could not be written.
pub(super) fn upload_unsent(
    app: &App,
    above: impl Fn(&EndpointName) -> std::path::PathBuf,
) -> Result<(), StorageError> {
    for (endpoint, name) in app.components().column_stats.unsent() {
        match folder::read(&above(&endpoint).join(&name))? {
            Some(bytes) => upload(app, &endpoint, &name, bytes)?,
            None => app.components().column_stats.forget_unsent(&endpoint, &name),
        }
    }
    Ok(())
}

/// Brings a file that is not in the folder from the object store; whether it is there then.
pub(super) fn fetch(app: &App, endpoint: &EndpointName, name: &str, path: &Path) -> Result<bool, StorageError> {
    let Some(storage) = app.storage() else { return Ok(false) };
    let Some(bytes) = storage.read(&key_of(endpoint, name), MAX_FILE_BYTES)? else { return Ok(false) };
    kilter_blobs::atomic::write_atomic(path, &bytes)?;
    Ok(true)
}

/// The bytes of a file, from the folder or from the object store; `None` where it is in neither.
pub(crate) fn read(app: &App, endpoint: &EndpointName, name: &str) -> Result<Option<Vec<u8>>, StorageError> {
    let path = app.folder().join("served").join(endpoint.as_str()).join(name);
    match (folder::read(&path)?, app.storage()) {
        (None, Some(storage)) => Ok(storage.read(&key_of(endpoint, name), MAX_FILE_BYTES)?),
        (found, _) => Ok(found),
    }
}

/// Deletes the objects of hours before `before`.
pub(super) fn delete_old(app: &App, endpoint: &EndpointName, before: i64) -> Result<(), StorageError> {
    let Some(storage) = app.storage() else { return Ok(()) };
    let old = app.store().read(|reader| index::list_served(reader, endpoint, i64::MIN, before.saturating_sub(1)))?;
    Ok(old.iter().try_for_each(|name| storage.storage().delete(&key_of(endpoint, name)))?)
}

/// The name of a file in the object store.
pub(crate) fn key_of(endpoint: &EndpointName, name: &str) -> String {
    format!("served/{endpoint}/{name}")
}
