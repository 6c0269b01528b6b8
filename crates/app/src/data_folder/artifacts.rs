//! The place of artifacts that is not the data folder.
//!
//! Invariants: a folder stays with the place that it began with, and a place holds the artifacts of one platform: its file or object
//! `platform` says which, by the time at which its database was made. What was kept before there was a place stays where it is.

use std::{fs, io, path::Path};

use kilter_blobs::{BlobStore, atomic};
use kilter_storage::{CachedStorage, DEFAULT_CACHE_BYTES, ObjectStorage};
use kilter_store::Store;

use crate::{
    app::AppOptions,
    artifact_place::ArtifactPlace,
    causes::StorageError,
    data_folder::{
        bucket::{self, CACHE_FOLDER},
        error::DataFolderError,
        layout::read_lines,
    },
};

/// The file by which a folder knows the place.
const PLACE_FILE: &str = "artifacts";
/// The file that says whose artifacts a folder holds.
const PLATFORM: &str = "platform";

/// Opens the place of artifacts that the options name, or the one that the folder began with; `None`: the data folder itself.
pub(crate) fn open(folder: &Path, options: &AppOptions, store: &Store) -> Result<Option<BlobStore>, DataFolderError> {
    let Some(place) = place_of(folder, options)? else { return Ok(None) };
    let made = store.made_at()?.to_string();
    let blobs = match &place {
        ArtifactPlace::Folder(path) => {
            take_folder(folder, path, &made)?;
            BlobStore::open(path)?
        }
        ArtifactPlace::Storage(url) => {
            let storage = ObjectStorage::open(url)?;
            bucket::take(folder, &storage, &made)?;
            BlobStore::open_before(&folder.join(CACHE_FOLDER).join(PLACE_FILE), Some(cached(folder, storage, options)))?
        }
    };
    if known(folder)?.is_none() {
        atomic::write_atomic(&folder.join(PLACE_FILE), format!("{place}\n").as_bytes())?;
    }
    Ok(Some(blobs))
}

/// As [`open`], to look at it: nothing is made, and nothing is asked of an object store.
pub(crate) fn open_for_reading(folder: &Path, options: &AppOptions) -> Result<Option<BlobStore>, DataFolderError> {
    Ok(match place_of(folder, options)? {
        None => None,
        Some(ArtifactPlace::Folder(path)) => Some(BlobStore::open_for_reading(&path, None)),
        Some(ArtifactPlace::Storage(url)) => {
            let storage = cached(folder, ObjectStorage::open(&url)?, options);
            Some(BlobStore::open_for_reading(&folder.join(CACHE_FOLDER).join(PLACE_FILE), Some(storage)))
        }
    })
}

/// The place that is wanted, if it is the one that the folder began with.
fn place_of(folder: &Path, options: &AppOptions) -> Result<Option<ArtifactPlace>, DataFolderError> {
    let known = known(folder)?;
    match (&options.artifacts, known) {
        (Some(wanted), Some(known)) if *wanted != known => Err(DataFolderError::ArtifactsElsewhere {
            folder: folder.to_owned(),
            place: known.to_string(),
            wanted: wanted.to_string(),
        }),
        (Some(wanted), _) => Ok(Some(wanted.clone())),
        (None, known) => Ok(known),
    }
}

fn known(folder: &Path) -> Result<Option<ArtifactPlace>, StorageError> {
    let path = folder.join(PLACE_FILE);
    let Some([text]) = read_lines(&path)? else { return Ok(None) };
    let read =
        text.parse().map_err(|error: crate::artifact_place::InvalidArtifactPlace| io::Error::other(error.to_string()));
    read.map(Some).map_err(|source| StorageError::ReadFile { path, source })
}

fn take_folder(folder: &Path, place: &Path, made: &str) -> Result<(), DataFolderError> {
    let path = place.join(PLATFORM);
    let failed = |source| StorageError::WriteFile { path: path.clone(), source };
    match read_lines::<1>(&path)? {
        Some([owner]) if owner == made => Ok(()),
        Some(_) => Err(bucket::other_platform(folder, place.display().to_string())),
        None => {
            fs::create_dir_all(place).map_err(failed)?;
            Ok(atomic::write_atomic(&path, format!("{made}\n").as_bytes())?)
        }
    }
}

fn cached(folder: &Path, storage: ObjectStorage, options: &AppOptions) -> CachedStorage {
    let cache = folder.join(CACHE_FOLDER);
    let bytes = options.storage.as_ref().map_or(DEFAULT_CACHE_BYTES, |storage| storage.cache_bytes);
    CachedStorage::new(storage, cache.join("partial-artifacts"), vec![cache.join(PLACE_FILE).join("objects")], bytes)
}
