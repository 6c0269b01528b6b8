//! Whether everything in a data folder is whole: database, blobs, prediction log, lake, counts of what was served.
//!
//! Invariants: nothing is changed, and a server may have the folder meanwhile; each fault names its file and what to do.
//! Out of scope: repairs. What is damaged comes back from a backup, or a person accepts its loss
//! ([`accept_losses`]).

use std::{
    collections::BTreeSet,
    fmt, fs,
    path::{Path, PathBuf},
};

use kilter_blobs::BlobStore;
use kilter_domain::{digest::Digest, ids::EndpointName, plural::counted, time::Timestamp};
use kilter_lake::{Lake, LakeError, LogKind};
use kilter_serving::prediction_log::check_folder;
use kilter_storage::CachedStorage;
use kilter_store::{DATABASE_FILE, DatabaseUrl, PageRequest, Store, audit, model as versions, prediction as index};

use crate::{
    app::{App, StorageOptions},
    authz::AuthorizedContext,
    causes::StorageError,
    column_stats::collect,
    context::RequestContext,
    data_folder::{bucket, error::DataFolderError, layout},
    identity,
    model::kept::is_kept,
    prediction::partition_index::{self, endpoints, kind_of, known, list_partitions},
};

const RESTORE: &str = "restore it from a backup (`kilter restore`)";
const RESTORE_OR_ACCEPT: &str =
    "restore it from a backup (`kilter restore`), or accept that its rows are lost with `kilter doctor --accept-loss`";

/// Something that is wrong in a data folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The file or folder that is concerned; for a database on a server, its address.
    pub path: PathBuf,
    /// What is wrong with it.
    pub what: String,
    /// What to do next.
    pub cure: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}; {}", self.path.display(), self.what, self.cure)
    }
}

/// One part of a data folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartCheck {
    /// What the part is, for a person.
    pub name: &'static str,
    /// How many files were looked at.
    pub files: u64,
    /// What is wrong; empty where the part is whole.
    pub faults: Vec<Fault>,
}

impl PartCheck {
    fn new(name: &'static str) -> Self {
        Self { name, files: 0, faults: Vec::new() }
    }

    fn fault(&mut self, path: impl Into<PathBuf>, what: impl ToString, cure: &str) {
        self.faults.push(Fault { path: path.into(), what: what.to_string(), cure: cure.to_owned() });
    }
}

/// Checks every file of a data folder, and the database on a server where its metadata lie in one. A folder without anything
/// in it is whole.
pub fn check_data_folder(
    folder: &Path,
    database: Option<&DatabaseUrl>,
    storage: Option<&StorageOptions>,
) -> Vec<PartCheck> {
    let (database, store) = match database {
        None => check_database(folder),
        Some(url) => check_server(url),
    };
    let store = store.as_ref();
    let (object_store, storage) = match (check_storage(folder, storage, store), storage) {
        (Ok(storage), None) => (None, storage),
        (Ok(storage), Some(_)) => (Some(PartCheck::new("object store")), storage),
        (Err(part), _) => return [database, part, check_log(folder, store)].into(),
    };
    let (blobs, lake) = match &storage {
        None => (check_blobs(folder, store), Lake::new(folder.join("lake"))),
        Some(storage) => {
            let cache = folder.join(bucket::CACHE_FOLDER);
            let blobs = BlobStore::open_for_reading(&cache.join("blobs"), Some(storage.clone()));
            (check_stored_packages(&blobs, store), Lake::new(cache.join("lake")).with_storage(Some(storage.clone())))
        }
    };
    let parts = [blobs, check_log(folder, store), check_lake(&lake, folder, store), check_served(folder, store)];
    [Some(database), object_store].into_iter().flatten().chain(parts).collect()
}

/// The object store, if there is one and it belongs to the folder; or what is wrong with it.
fn check_storage(
    folder: &Path,
    options: Option<&StorageOptions>,
    store: Option<&Store>,
) -> Result<Option<CachedStorage>, PartCheck> {
    let fault = |error: DataFolderError| {
        let mut part = PartCheck::new("object store");
        let path = options.map_or_else(|| folder.to_owned(), |options| PathBuf::from(options.url.to_string()));
        part.fault(path, with_cause(&error), "see that the store runs, and that address and credentials are right");
        part
    };
    let found = bucket::open_for_reading(folder, options).map_err(fault)?;
    if let (Some(storage), Some(store)) = (&found, store) {
        bucket::check_owner(folder, storage, store).map_err(fault)?;
    }
    Ok(found)
}

/// Whether every package is in the object store, without reading it.
fn check_stored_packages(blobs: &BlobStore, store: Option<&Store>) -> PartCheck {
    let mut part = PartCheck::new("blobs");
    for (name, digest) in store.map(packages).into_iter().flatten() {
        let mut missing = |digest: Digest, what: String| {
            part.fault(format!("blobs/{digest}"), what, "restore the object from a copy of the bucket");
        };
        match blobs.tree(&digest) {
            Err(error) => missing(digest, format!("package {} of {name}: {}", digest.short(), with_cause(&error))),
            Ok(tree) => {
                for entry in tree.entries().iter().filter(|entry| !blobs.has(&entry.digest)) {
                    let what = format!("it is part of package {} of {name}, and is missing", digest.short());
                    missing(entry.digest, what);
                }
                part.files += 1 + tree.entries().len() as u64;
            }
        }
    }
    part
}

fn check_database(folder: &Path) -> (PartCheck, Option<Store>) {
    let (path, mut part) = (folder.join(DATABASE_FILE), PartCheck::new("database"));
    let refused = layout::refuse_folder_of_server(folder).and_then(|()| layout::refuse_lost_database(folder));
    if let Err(lost) = refused {
        part.fault(&path, lost, RESTORE);
        return (part, None);
    }
    if !path.exists() {
        return (part, None);
    }
    part.files = 1;
    let store = match Store::open_for_reading(folder) {
        Ok(store) => store,
        Err(error) => {
            part.fault(&path, with_cause(&error), RESTORE);
            return (part, None);
        }
    };
    if store.is_as_closed() == Some(false) {
        part.fault(
            &path,
            "it is not what it was when it was closed: another program wrote it, or it is damaged",
            RESTORE,
        );
    }
    match store.check_file() {
        Ok(found) => found.into_iter().for_each(|what| part.fault(&path, what, RESTORE)),
        Err(error) => part.fault(&path, with_cause(&error), RESTORE),
    }
    check_audit(&store, &path, &mut part);
    (part, Some(store))
}

fn check_server(url: &DatabaseUrl) -> (PartCheck, Option<Store>) {
    let (name, mut part) = (PathBuf::from(url.to_string()), PartCheck::new("database"));
    match Store::open_server_for_reading(url) {
        Ok(store) => {
            check_audit(&store, &name, &mut part);
            (part, Some(store))
        }
        Err(error) => {
            part.fault(&name, with_cause(&error), "see that the server runs and that the address is right");
            (part, None)
        }
    }
}

fn check_audit(store: &Store, database: &Path, part: &mut PartCheck) {
    match store.read(audit::verify) {
        Ok(found) => found.faults.iter().for_each(|fault| {
            let restore = "see `kilter audit verify`, and restore a backup";
            part.fault(database, format!("the audit table says: {fault}"), restore);
        }),
        Err(error) => part.fault(database, with_cause(&error), RESTORE),
    }
}

fn check_blobs(folder: &Path, store: Option<&Store>) -> PartCheck {
    let (root, mut part) = (folder.join("blobs"), PartCheck::new("blobs"));
    if !root.join("objects").is_dir() {
        for (name, digest) in store.map(packages).into_iter().flatten() {
            part.fault(root.join("objects"), format!("package {} of {name} is missing", digest.short()), RESTORE);
        }
        return part;
    }
    let mut whole: BTreeSet<Digest> = BTreeSet::new();
    let checked = BlobStore::check(&root, &mut |path, found| {
        part.files += 1;
        match found {
            Ok(digest) => drop(whole.insert(digest)),
            Err(error) => {
                part.fault(path, with_cause(&error), "delete it and run the step that made it, or restore a backup")
            }
        }
    });
    if let Err(error) = checked {
        part.fault(&root, with_cause(&error), RESTORE);
    }
    for (name, digest) in store.map(packages).into_iter().flatten() {
        for missing in BlobStore::missing_of(&root, &digest, &whole) {
            let what = format!("it is part of package {} of {name}, and is missing or damaged", digest.short());
            part.fault(BlobStore::path_in(&root, &missing), what, RESTORE);
        }
    }
    part
}

/// The package of every version that may serve. That of one that is rejected, retired or revoked and was never deployed may have
/// been removed as garbage.
fn packages(store: &Store) -> Vec<(String, Digest)> {
    let listed = store.read(|reader| {
        let mut found = Vec::new();
        for model in versions::list_models(reader, None, &PageRequest::first(1000))?.items {
            for version in versions::list(reader, &model.name, None, &PageRequest::first(1000))?.items {
                if is_kept(reader, &version, Timestamp(i64::MAX))? {
                    found.push((format!("{}@{}", version.model, version.number), version.digest));
                }
            }
        }
        Ok(found)
    });
    listed.unwrap_or_default()
}

fn check_log(folder: &Path, store: Option<&Store>) -> PartCheck {
    let (root, mut part) = (folder.join("log"), PartCheck::new("prediction log"));
    let mut names: BTreeSet<String> = fs::read_dir(&root)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into())
        .collect();
    let known = store.map(|store| endpoints(store).unwrap_or_default()).unwrap_or_default();
    let replica = store.and_then(|store| layout::replica_of(folder, store).ok().flatten()).unwrap_or_default();
    names.extend(known.iter().map(ToString::to_string));
    for name in names {
        let dir = root.join(&name);
        let endpoint = name.parse::<EndpointName>().ok();
        let recording = endpoint.and_then(|endpoint| {
            store
                .and_then(|store| store.read(|reader| index::find_recording(reader, &endpoint, replica)).ok().flatten())
        });
        let segments = if dir.is_dir() { check_folder(&dir) } else { Ok(Vec::new()) };
        match segments {
            Err(error) => part.fault(&dir, with_cause(&error), RESTORE),
            Ok(segments) => {
                part.files += segments.len() as u64;
                let found: Vec<_> = segments.iter().map(|segment| segment.segment).collect();
                for loss in
                    recording.iter().flat_map(|sealed| crate::prediction::open_log::losses(&dir, sealed, &found))
                {
                    part.fault(&dir, loss, "see above");
                }
                let last = segments.len().saturating_sub(1);
                for (at, segment) in segments.into_iter().enumerate() {
                    for damage in &segment.damage {
                        part.fault(&segment.path, damage, RESTORE);
                    }
                    // Of the last one the end may be a write that goes on.
                    if at < last && segment.torn_bytes > 0 {
                        let what = format!("after its last whole record are {}", counted(segment.torn_bytes, "byte"));
                        part.fault(&segment.path, what, RESTORE);
                    }
                }
            }
        }
        for entry in fs::read_dir(dir.join("aside")).into_iter().flatten().flatten() {
            let what = "these bytes were no records when the log was opened, and were set aside";
            part.fault(
                entry.path(),
                what,
                "look at what the server logged then, and delete the file when it is settled",
            );
        }
    }
    part
}

fn check_lake(lake: &Lake, folder: &Path, store: Option<&Store>) -> PartCheck {
    let mut part = PartCheck::new("lake");
    let Some(store) = store else { return part };
    for kind in [LogKind::Predictions, LogKind::Labels] {
        let named = match endpoints(store) {
            Ok(named) => named,
            Err(error) => {
                part.fault(folder.join(DATABASE_FILE), with_cause(&error), RESTORE);
                return part;
            }
        };
        let mut all: BTreeSet<EndpointName> = named.into_iter().collect();
        all.extend(lake.endpoints(kind).unwrap_or_default());
        for endpoint in all {
            check_partitions(lake, store, kind, &endpoint, &mut part);
        }
    }
    part
}

fn check_partitions(lake: &Lake, store: &Store, kind: LogKind, endpoint: &EndpointName, part: &mut PartCheck) {
    let always = (Timestamp(i64::MIN), Timestamp(i64::MAX));
    let listed = match store.read(|reader| list_partitions(reader, kind, endpoint, always)) {
        Ok(listed) => listed,
        Err(error) => return part.fault(lake.folder(kind, endpoint), with_cause(&error), RESTORE),
    };
    for partition in &listed {
        part.files += 1;
        let known = known(partition);
        if let Err(error) = lake.check(kind, endpoint, &known) {
            // It may have been merged, and its file removed, since the index was read.
            let now = store.read(|reader| list_partitions(reader, kind, endpoint, always));
            if now.is_ok_and(|now| now.contains(partition)) {
                part.fault(lake.path_of(kind, endpoint, known.seq), damage_of(&error), RESTORE_OR_ACCEPT);
            }
        }
    }
    let listing = lake.list(kind, endpoint).unwrap_or_default();
    for found in listing.partitions {
        let seq = i64::try_from(found.seq).unwrap_or(i64::MAX);
        let is_known = store.read(|reader| index::find_partition(reader, kind_of(kind), endpoint, seq));
        if is_known.is_ok_and(|known| known.is_none()) {
            let what =
                format!("the index does not know it, so nobody reads what it holds: {}", counted(found.rows, "row"));
            part.fault(found.path, what, "restore the backup that it belongs to, or move it away");
        }
    }
}

fn damage_of(error: &LakeError) -> String {
    match error {
        LakeError::PartitionMissing { .. } => "it is missing, and the index of the prediction log knows it".to_owned(),
        LakeError::Changed { expected, found, .. } => {
            format!("it is damaged: its digest is {}, and {} was recorded", found.short(), expected.short())
        }
        other => with_cause(other),
    }
}

fn check_served(folder: &Path, store: Option<&Store>) -> PartCheck {
    let mut part = PartCheck::new("counts of what was served");
    let own = store.and_then(|store| layout::replica_of(folder, store).ok().flatten()).unwrap_or_default();
    for (endpoint, store) in store
        .into_iter()
        .flat_map(|store| endpoints(store).unwrap_or_default().into_iter().map(move |endpoint| (endpoint, store)))
    {
        let noted = store.read(|reader| index::list_served(reader, &endpoint, i64::MIN, i64::MAX)).unwrap_or_default();
        let noted = noted.into_iter().filter(|name| collect::replica_of(name) == own);
        for path in noted.map(|name| folder.join("served").join(endpoint.as_str()).join(name)) {
            if !path.exists() {
                part.fault(path, "it is missing: its counts are not reported", RESTORE);
            }
        }
    }
    for (path, damage) in collect::check_files(&folder.join("served"), &mut part.files) {
        part.fault(path, damage, "move it away (its hour is then counted from nothing), or restore a backup");
    }
    part
}

/// An error with what is beneath it.
fn with_cause(error: &dyn std::error::Error) -> String {
    kilter_domain::error_chain::with_causes(error)
}

/// Whoever can read the data folder accepts that the rows of every partition that is missing or damaged are lost: they leave the index, each with
/// its entry in the audit table. Which they were.
///
/// # Errors
/// When the metadata cannot be read or written.
pub fn accept_losses(app: &App, context: &RequestContext) -> Result<Vec<PathBuf>, StorageError> {
    let by = AuthorizedContext::of_folder(identity::by_folder(app, &context.actor, context.at));
    let always = (Timestamp(i64::MIN), Timestamp(i64::MAX));
    let listed = app
        .store()
        .read(|reader| Ok(kilter_store::deployment::list_endpoints(reader, None, &PageRequest::first(1000))?.items))?;
    // A store that is away has lost nothing.
    app.storage().map_or(Ok(()), |storage| storage.storage().check())?;
    let mut lost = Vec::new();
    for endpoint in listed.into_iter().map(|endpoint| endpoint.name) {
        for kind in [LogKind::Predictions, LogKind::Labels] {
            for partition in partition_index::partitions(app, kind, &endpoint, always)? {
                let Err(error) = app.lake().verify(kind, &endpoint, &known(&partition)) else { continue };
                let path = app.lake().path_of(kind, &endpoint, known(&partition).seq);
                let draft = by.audit_event("recording.accept_loss", damage_of(&error), vec![]);
                let (of_log, endpoint, seq) = (kind_of(kind), endpoint.clone(), partition.seq);
                app.store()
                    .write(move |tx| index::accept_loss(&tx.audited(draft), of_log, &endpoint, seq).map(drop))?;
                if path.exists() {
                    // Kept for whoever may still read something of it; nothing of ours does.
                    let aside = path.with_extension("damaged");
                    fs::rename(&path, &aside).map_err(|source| StorageError::WriteFile { path: aside, source })?;
                }
                lost.push(path);
            }
        }
    }
    Ok(lost)
}
