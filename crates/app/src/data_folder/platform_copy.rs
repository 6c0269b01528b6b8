//! A platform in another place: from a data folder to a database on a server and an object store, and back.
//!
//! Invariants: bytes come before the metadata that name them, and the metadata come in one transaction, so a copy that was
//! interrupted is none yet, and goes on when it is called again; each object is compared with its digest. The source is not
//! changed but for its log, which is sealed. Out of scope: who uses which of the two afterwards.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use kilter_blobs::{BlobStore, atomic};
use kilter_domain::{digest::Digest, ids::EndpointName, time::Timestamp};
use kilter_lake::{Lake, LogKind};
use kilter_storage::CachedStorage;
use kilter_store::{
    CopiedTable, DATABASE_FILE, DatabaseUrl, PageRequest, Reader, StoreError, copy_metadata, model, prediction as index,
};

use crate::{
    app::{App, StorageOptions},
    causes::StorageError,
    column_stats,
    data_folder::{bucket, error::DataFolderError},
    prediction::{
        compact,
        partition_index::{endpoints, known, list_partitions},
        predict,
    },
    private_files,
};

/// Where a platform is copied to.
#[derive(Clone, Copy, Debug)]
pub struct CopyTarget<'a> {
    /// The data folder; made when missing.
    pub folder: &'a Path,
    /// Where the metadata go; `None`: into a file of the folder.
    pub database: Option<&'a DatabaseUrl>,
    /// Where packages and log go; `None`: into the folder.
    pub storage: Option<&'a StorageOptions>,
}

/// What was copied, or was there already.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlatformCopy {
    /// Parts of packages.
    pub blobs: u64,
    /// Partitions of the prediction log.
    pub partitions: u64,
    /// Files of column statistics.
    pub column_stats: u64,
    /// Bytes of all of them.
    pub bytes: u64,
    /// The tables of the metadata.
    pub tables: Vec<CopiedTable>,
}

/// Places for what is copied.
struct Target {
    blobs: BlobStore,
    lake: Lake,
    storage: Option<CachedStorage>,
    served: PathBuf,
}

/// Copies everything that the platform of `app` holds to another place, which must be empty or hold a part of such a copy.
///
/// # Errors
/// When the target holds another platform, something of the source is missing or damaged, or one of the two cannot be read or
/// written.
pub fn copy_platform(app: &App, to: &CopyTarget<'_>) -> Result<PlatformCopy, DataFolderError> {
    for (endpoint, _) in predict::open_endpoints(app) {
        compact::compact_log(app, &endpoint)?;
    }
    private_files::create_private_folder(to.folder)
        .map_err(|source| StorageError::WriteFile { path: to.folder.to_owned(), source })?;
    let target = Target::open(app, to)?;
    let mut copied = PlatformCopy::default();
    for digest in app.store().read(packages)? {
        target.copy_package(app, &digest, &mut copied)?;
    }
    for endpoint in endpoints(app.store())? {
        target.copy_log(app, &endpoint, &mut copied)?;
        target.copy_column_stats(app, &endpoint, &mut copied)?;
    }
    let file = to.folder.join(DATABASE_FILE);
    copied.tables = app.store().read(|reader| copy_metadata(reader, &file, to.database))?;
    Ok(copied)
}

/// The package of every version.
fn packages(reader: &Reader) -> Result<BTreeSet<Digest>, StoreError> {
    let mut found = BTreeSet::new();
    let mut models = PageRequest::first(1000);
    loop {
        let listed = model::list_models(reader, None, &models)?;
        for listed in listed.items {
            let mut versions = PageRequest::first(1000);
            loop {
                let page = model::list(reader, &listed.name, None, &versions)?;
                found.extend(page.items.into_iter().map(|version| version.digest));
                let Some(cursor) = page.next else { break };
                versions = PageRequest::first(1000).after(cursor);
            }
        }
        let Some(cursor) = listed.next else { return Ok(found) };
        models = PageRequest::first(1000).after(cursor);
    }
}

impl Target {
    fn open(app: &App, to: &CopyTarget<'_>) -> Result<Self, DataFolderError> {
        let storage = bucket::open_for_copy(to.folder, to.storage, app.store())?;
        let above = if storage.is_some() { to.folder.join(bucket::CACHE_FOLDER) } else { to.folder.to_owned() };
        Ok(Self {
            blobs: BlobStore::open_before(&above.join("blobs"), storage.clone())?,
            lake: Lake::new(above.join("lake")).with_storage(storage.clone()),
            storage,
            served: to.folder.join("served"),
        })
    }

    fn copy_package(&self, app: &App, digest: &Digest, copied: &mut PlatformCopy) -> Result<(), DataFolderError> {
        let tree = app.blobs().tree(digest)?;
        for entry in tree.entries() {
            let path = app.blobs().fetch(&entry.digest)?;
            // Its bytes are compared with its digest while they are read.
            let written = self.blobs.put_file(&path)?;
            if written.digest != entry.digest {
                app.blobs().verify(&entry.digest)?;
            }
            copied.blobs += 1;
            copied.bytes += written.bytes;
        }
        self.blobs.put_bytes(&tree.to_bytes())?;
        copied.blobs += 1;
        Ok(())
    }

    fn copy_log(&self, app: &App, endpoint: &EndpointName, copied: &mut PlatformCopy) -> Result<(), StorageError> {
        let always = (Timestamp(i64::MIN), Timestamp(i64::MAX));
        for kind in [LogKind::Predictions, LogKind::Labels] {
            for partition in app.store().read(|reader| list_partitions(reader, kind, endpoint, always))? {
                let known = known(&partition);
                let path = app.lake().verify(kind, endpoint, &known)?;
                self.lake.import(kind, endpoint, &known, &path)?;
                copied.partitions += 1;
                copied.bytes += known.bytes;
            }
        }
        Ok(())
    }

    fn copy_column_stats(
        &self,
        app: &App,
        endpoint: &EndpointName,
        copied: &mut PlatformCopy,
    ) -> Result<(), StorageError> {
        let noted = app.store().read(|reader| index::list_served(reader, endpoint, i64::MIN, i64::MAX))?;
        for name in noted {
            // One that is missing is said by whoever asks for its hour.
            let Some(bytes) = column_stats::bucket::read(app, endpoint, &name)? else { continue };
            copied.column_stats += 1;
            copied.bytes += bytes.len() as u64;
            match &self.storage {
                Some(storage) => storage.replace(&column_stats::bucket::key_of(endpoint, &name), bytes)?,
                None => atomic::write_atomic(&self.served.join(endpoint.as_str()).join(&name), &bytes)?,
            }
        }
        Ok(())
    }
}
