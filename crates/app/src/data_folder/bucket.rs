//! The object store that a data folder belongs to.
//!
//! Invariants: a folder stays with the storage that it began with, and a prefix of a bucket holds one platform: the object
//! [`PLATFORM`] says which, by the time at which its database was made. What lies in [`CACHE_FOLDER`] are copies of objects, and
//! may be deleted while no process has the folder.

use std::path::Path;

use kilter_blobs::atomic;
use kilter_lake::Lake;
use kilter_storage::{CachedStorage, Created, ObjectError, ObjectStorage};
use kilter_store::{PageRequest, Store, model};

use crate::{
    app::StorageOptions,
    causes::StorageError,
    data_folder::{
        error::DataFolderError,
        layout::{first_file, read_lines},
    },
};

/// The folder of a data folder with copies of objects.
pub(crate) const CACHE_FOLDER: &str = "cache";
/// The object that says whose objects these are.
const PLATFORM: &str = "platform";
/// The file by which a folder knows its storage: the platform, and the address for a person.
const STORAGE_FILE: &str = "storage";
/// A note of a time is shorter.
const MAX_NOTE_BYTES: u64 = 1000;

/// Opens the object store of a data folder, and binds a new folder to it. A store that is away is no error once the folder is
/// bound: what lies in the folder is served meanwhile.
pub(crate) fn open(
    folder: &Path,
    options: Option<&StorageOptions>,
    store: &Store,
) -> Result<Option<CachedStorage>, DataFolderError> {
    let Some(options) = options else { return refuse_folder_of_storage(folder).map(|()| None) };
    let (storage, made) = (ObjectStorage::open(&options.url)?, store.made_at()?.to_string());
    let name = options.url.to_string();
    match read_file(folder)? {
        Some((platform, _)) if platform != made => return Err(other_platform(folder, name)),
        Some(_) => match owner(&storage) {
            Ok(Some(found)) if found == made => {}
            Ok(Some(_)) => return Err(other_platform(folder, name)),
            Ok(None) => return Err(DataFolderError::StorageLost { folder: folder.to_owned(), storage: name }),
            Err(error) if error.is_transient() => {
                tracing::warn!(%error, "the object store is away; what lies in the data folder is served meanwhile");
            }
            Err(error) => return Err(error.into()),
        },
        None => {
            refuse_bytes(folder, &name)?;
            claim(folder, &storage, store, &made)?;
            write_file(folder, &made, &name)?;
        }
    }
    Ok(Some(cached(folder, storage, options)))
}

/// Refuses an object store that holds nothing of the platform of a folder, or the objects of another.
pub(crate) fn check_owner(folder: &Path, storage: &CachedStorage, store: &Store) -> Result<(), DataFolderError> {
    let (name, made) = (storage.storage().url().to_string(), store.made_at()?.to_string());
    match owner(storage.storage())? {
        Some(found) if found == made => Ok(()),
        Some(_) => Err(other_platform(folder, name)),
        None => Err(DataFolderError::StorageLost { folder: folder.to_owned(), storage: name }),
    }
}

/// Opens the object store that a platform is copied to; its prefix is free, or has a part of such a copy.
pub(crate) fn open_for_copy(
    folder: &Path,
    options: Option<&StorageOptions>,
    source: &Store,
) -> Result<Option<CachedStorage>, DataFolderError> {
    let Some(options) = options else { return Ok(None) };
    let (storage, made) = (ObjectStorage::open(&options.url)?, source.made_at()?.to_string());
    take(folder, &storage, &made)?;
    Ok(Some(cached(folder, storage, options)))
}

/// Opens the object store of a data folder that is looked at. Nothing is asked of it.
pub(crate) fn open_for_reading(
    folder: &Path,
    options: Option<&StorageOptions>,
) -> Result<Option<CachedStorage>, DataFolderError> {
    match options {
        None => refuse_folder_of_storage(folder).map(|()| None),
        Some(options) => Ok(Some(cached(folder, ObjectStorage::open(&options.url)?, options))),
    }
}

/// The prediction log of a data folder that is looked at: in the folder, or in its object store.
///
/// # Errors
/// When the folder belongs to a storage that is not named, or a setting of the storage is wrong.
pub fn open_lake(folder: &Path, options: Option<&StorageOptions>) -> Result<Lake, DataFolderError> {
    let storage = open_for_reading(folder, options)?;
    let above = if storage.is_some() { folder.join(CACHE_FOLDER) } else { folder.to_owned() };
    Ok(Lake::new(above.join("lake")).with_storage(storage))
}

/// The storage that the folder belongs to, for a person; `None` where its bytes lie in it.
pub(crate) fn storage_of(folder: &Path) -> Result<Option<String>, StorageError> {
    Ok(read_file(folder)?.map(|(_, storage)| storage))
}

fn cached(folder: &Path, storage: ObjectStorage, options: &StorageOptions) -> CachedStorage {
    let cache = folder.join(CACHE_FOLDER);
    let folders = vec![cache.join("blobs").join("objects"), cache.join("lake")];
    CachedStorage::new(storage, cache.join("partial"), folders, options.cache_bytes)
}

/// Refuses to go on without the storage that holds the bytes.
fn refuse_folder_of_storage(folder: &Path) -> Result<(), DataFolderError> {
    match storage_of(folder)? {
        None => Ok(()),
        Some(storage) => Err(DataFolderError::InStorage { folder: folder.to_owned(), storage }),
    }
}

/// Refuses a folder that has the bytes of a platform, where they are to lie in a storage.
fn refuse_bytes(folder: &Path, storage: &str) -> Result<(), DataFolderError> {
    let own = ["lake", "served"].into_iter().find_map(|name| first_file(&folder.join(name)));
    match own {
        None => Ok(()),
        Some(_) => Err(DataFolderError::InFolder { folder: folder.to_owned(), storage: storage.to_owned() }),
    }
}

/// Takes a prefix that belongs to nobody, for a platform without bytes; or finds that it belongs to this platform.
fn claim(folder: &Path, storage: &ObjectStorage, store: &Store, made: &str) -> Result<(), DataFolderError> {
    match owner(storage)? {
        None if has_versions(store)? => {
            let storage = storage.url().to_string();
            Err(DataFolderError::InFolder { folder: folder.to_owned(), storage })
        }
        _ => take(folder, storage, made),
    }
}

/// Makes a platform the owner of a prefix that belongs to nobody, or finds that it is.
pub(super) fn take(folder: &Path, storage: &ObjectStorage, made: &str) -> Result<(), DataFolderError> {
    let found = match owner(storage)? {
        Some(found) => found,
        None => match storage.create(PLATFORM, made.as_bytes().to_vec())? {
            Created::New => made.to_owned(),
            Created::Exists => owner(storage)?.unwrap_or_default(),
        },
    };
    if found == made { Ok(()) } else { Err(other_platform(folder, storage.url().to_string())) }
}

fn has_versions(store: &Store) -> Result<bool, DataFolderError> {
    Ok(store.read(|reader| Ok(!model::list_models(reader, None, &PageRequest::first(1))?.items.is_empty()))?)
}

/// Whose objects lie below the prefix; `None` where it is free.
fn owner(storage: &ObjectStorage) -> Result<Option<String>, ObjectError> {
    match storage.read(PLATFORM, MAX_NOTE_BYTES)? {
        Some(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).trim().to_owned())),
        // A store answers the same for a bucket that is not there.
        None => storage.check().map(|()| None),
    }
}

pub(super) fn other_platform(folder: &Path, storage: String) -> DataFolderError {
    DataFolderError::OtherStorage { folder: folder.to_owned(), storage }
}

fn read_file(folder: &Path) -> Result<Option<(String, String)>, StorageError> {
    Ok(read_lines(&folder.join(STORAGE_FILE))?.map(|[platform, storage]| (platform, storage)))
}

fn write_file(folder: &Path, platform: &str, storage: &str) -> Result<(), StorageError> {
    Ok(atomic::write_atomic(&folder.join(STORAGE_FILE), format!("{platform}\n{storage}\n").as_bytes())?)
}
