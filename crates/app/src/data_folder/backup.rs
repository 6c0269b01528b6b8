//! Backups of a data folder, and folders from backups.
//!
//! A backup is taken of the files, also while a server writes them. What makes it consistent is the order:
//!
//! 1. the prediction log: a segment that is handed over meanwhile stands in partitions that the database knows by then;
//! 2. the database, as one snapshot; whatever it names was there before it was named;
//! 3. the partitions, blobs and counts that are there then.
//!
//! So a backup holds everything that was acknowledged before it began. Rows that stand both in a segment and in a partition
//! of it are recognised when they are sealed again. The list of files with their digests is written last: without it a
//! folder is no backup.
//!
//! Invariants: a backup is compared with the digests that the platform keeps while it is taken, and with its own list when
//! it is restored; neither writes into a folder that holds something. Out of scope: the cache of steps, which can be
//! made again, and backups of a part.

use kilter_blobs::{BlobError, atomic};
use kilter_domain::{digest::Digest, time::Timestamp};
use kilter_lake::{Lake, LakeError, LogKind};
use kilter_serving::prediction_log::copy_segment;
use kilter_store::{DATABASE_FILE, Store, StoreError};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use crate::{
    causes::{StorageError, from_causes},
    data_folder::{bucket, layout},
    prediction::partition_index::{endpoints, known, list_partitions},
};

/// The list of the files of a backup.
pub const MANIFEST: &str = "kilter-backup.json";
const FORMAT: u32 = 1;
/// Times that the database is copied anew because partitions were merged, or named, while they were copied.
const MAX_ATTEMPTS: usize = 5;
const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(200);

/// Why there is no backup, or no folder from one.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant says what it is")]
pub enum BackupError {
    #[error("`{}` is not empty: name a new or empty folder", .0.display())]
    TargetNotEmpty(PathBuf),
    #[error("`{}` lies in the data folder itself: name a folder outside of it", .0.display())]
    TargetInside(PathBuf),
    #[error("there is nothing to back up in `{}`: it has no {DATABASE_FILE}; name the folder that `kilter server --data` uses", .0.display())]
    NoDatabase(PathBuf),
    #[error("the metadata of `{}` lie in the database {database}: back that up with the tools of its server (`pg_dump`), and copy the folder \
             while no server has it", folder.display())]
    OnServer { folder: PathBuf, database: String },
    #[error("packages and prediction log of `{}` lie in {storage}: keep copies of the objects there with the tools of that store", folder.display())]
    InStorage { folder: PathBuf, storage: String },
    #[error("`{}` is not a backup: it has no {MANIFEST}, or one that cannot be read; name a folder that `kilter backup` made", path.display())]
    NoBackup {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("`{}` was made by a newer version of Kilter (format {found}, this one knows {FORMAT}): restore it with that one", path.display())]
    Newer { path: PathBuf, found: u32 },
    #[error("the backup is damaged: `{}` {what}; take another backup, nothing was restored", path.display())]
    Damaged { path: PathBuf, what: String },
    #[error("{0}; the backup would not be whole, so there is none")]
    DamagedData(String),
    #[error(transparent)]
    Storage(#[from] StorageError),
}

from_causes!(BackupError: Storage(BlobError, StoreError, LakeError, kilter_serving::LogError));

/// What a backup holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The version of the layout of backups; a program restores those that it knows.
    pub format: u32,
    /// The version of Kilter that made it.
    pub kilter: String,
    /// When the backup was taken.
    pub created: Timestamp,
    /// Every file of it, this list excepted.
    pub files: Vec<FileEntry>,
}

/// One file of a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// Below the folder, with `/` between its parts.
    pub path: String,
    /// The size of the file.
    pub bytes: u64,
    /// The digest of its bytes.
    pub digest: Digest,
}

impl Manifest {
    /// Bytes of all files.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }
}

/// Takes a backup of the data folder `folder` into `target`, which must not exist yet or be empty. A server may have the
/// folder meanwhile.
///
/// # Errors
/// When there is no platform, a file of it is damaged, or the target cannot be written; then there is no target.
pub fn back_up(folder: &Path, target: &Path, now: Timestamp) -> Result<Manifest, BackupError> {
    if let Some(database) = layout::database_on_server(folder)? {
        return Err(BackupError::OnServer { folder: folder.to_owned(), database });
    }
    if let Some(storage) = bucket::storage_of(folder)? {
        return Err(BackupError::InStorage { folder: folder.to_owned(), storage });
    }
    if !folder.join(DATABASE_FILE).is_file() {
        return Err(BackupError::NoDatabase(folder.to_owned()));
    }
    if absolute(target).starts_with(absolute(folder)) {
        return Err(BackupError::TargetInside(target.to_owned()));
    }
    let work = Work::begin(target)?;
    let mut copy = Copy { from: folder, to: work.path(), files: Vec::new() };
    copy.log()?;
    copy.database_and_partitions()?;
    copy.blobs()?;
    copy.folder(Path::new("served"))?;
    let mut files = copy.files;
    files.sort_by(|one, other| one.path.cmp(&other.path));
    let manifest = Manifest { format: FORMAT, kilter: env!("CARGO_PKG_VERSION").to_owned(), created: now, files };
    let text = serde_json::to_vec_pretty(&manifest)
        .map_err(|source| StorageError::Document { what: "list of the backup", source })?;
    atomic::write_atomic(&work.path().join(MANIFEST), &text)?;
    work.finish()?;
    Ok(manifest)
}

/// Makes the data folder `target`, which must not exist yet or be empty, from a backup; each file is compared with the
/// list, and the database with itself.
///
/// # Errors
/// When the backup is none or is damaged, or the target cannot be written; then there is no target.
pub fn restore(backup: &Path, target: &Path) -> Result<Manifest, BackupError> {
    let manifest = read_manifest(backup)?;
    let work = Work::begin(target)?;
    let mut copied = BTreeSet::new();
    for file in &manifest.files {
        let damaged = |what: &str| BackupError::Damaged { path: backup.join(&file.path), what: what.to_owned() };
        let relative = Path::new(&file.path);
        let is_plain = relative.components().all(|part| matches!(part, std::path::Component::Normal(_)));
        if !is_plain || !copied.insert(file.path.clone()) {
            return Err(damaged("is no place in a folder"));
        }
        let to = work.path().join(relative);
        atomic::create_dirs(to.parent().unwrap_or(work.path()))?;
        let (digest, bytes) = atomic::copy_new(&backup.join(relative), &to).map_err(|error| match error {
            BlobError::Io { attempted: "read", source, .. } => damaged(&format!("cannot be read ({source})")),
            other => other.into(),
        })?;
        if (digest, bytes) != (file.digest, file.bytes) {
            return Err(damaged("has other bytes than when the backup was taken"));
        }
    }
    let faults = Store::open_for_reading(work.path()).and_then(|store| store.check_file())?;
    if let Some(what) = faults.into_iter().next() {
        return Err(BackupError::Damaged { path: backup.join(DATABASE_FILE), what });
    }
    // What reading left beside the database is of no use to whoever opens it.
    for leftover in ["-wal", "-shm"] {
        let _ = fs::remove_file(work.path().join(format!("{DATABASE_FILE}{leftover}")));
    }
    work.finish()?;
    Ok(manifest)
}

/// The list of a backup.
///
/// # Errors
/// When the folder is no backup, or one of a newer program.
pub fn read_manifest(backup: &Path) -> Result<Manifest, BackupError> {
    let path = backup.join(MANIFEST);
    let none = |source| BackupError::NoBackup { path: backup.to_owned(), source };
    let text = fs::read(&path).map_err(none)?;
    let manifest: Manifest = serde_json::from_slice(&text).map_err(|error| none(error.into()))?;
    match manifest.format {
        FORMAT => Ok(manifest),
        found => Err(BackupError::Newer { path: backup.to_owned(), found }),
    }
}

/// A folder in the making beside its place; dropped unfinished, it is gone.
struct Work {
    path: PathBuf,
    target: PathBuf,
    is_finished: bool,
}

impl Work {
    fn begin(target: &Path) -> Result<Self, BackupError> {
        let is_free = match fs::read_dir(target) {
            Ok(mut entries) => entries.next().is_none(),
            Err(error) => error.kind() == io::ErrorKind::NotFound,
        };
        if !is_free {
            return Err(BackupError::TargetNotEmpty(target.to_owned()));
        }
        let target = absolute(target);
        let name = target.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let path = target.with_file_name(format!(".{name}.{}.partial", std::process::id()));
        // Of an attempt of a process with the same number that was ended.
        if path.exists() {
            fs::remove_dir_all(&path).map_err(|source| StorageError::WriteFile { path: path.clone(), source })?;
        }
        atomic::create_dirs(&path)?;
        private(&path)?;
        Ok(Self { path, target, is_finished: false })
    }

    fn path(&self) -> &Path {
        &self.path
    }

    fn finish(mut self) -> Result<(), BackupError> {
        sync_folders(&self.path)?;
        // An empty folder gives its place; one that was filled meanwhile does not.
        fs::rename(&self.path, &self.target)
            .map_err(|source| StorageError::WriteFile { path: self.target.clone(), source })?;
        self.is_finished = true;
        Ok(atomic::sync_dir(self.target.parent().unwrap_or(Path::new("/")))?)
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        if !self.is_finished
            && let Err(error) = fs::remove_dir_all(&self.path)
        {
            tracing::warn!(folder = %self.path.display(), %error, "could not remove an unfinished copy");
        }
    }
}

/// Predictions are personal data: the folder is its owner's.
fn private(path: &Path) -> Result<(), BackupError> {
    use std::os::unix::fs::PermissionsExt;
    let owner_only = fs::Permissions::from_mode(0o700);
    fs::set_permissions(path, owner_only)
        .map_err(|source| StorageError::WriteFile { path: path.to_owned(), source }.into())
}

fn sync_folders(folder: &Path) -> Result<(), BackupError> {
    for entry in fs::read_dir(folder).map_err(|source| StorageError::ReadFile { path: folder.to_owned(), source })? {
        let path = entry.map_err(|source| StorageError::ReadFile { path: folder.to_owned(), source })?.path();
        if path.is_dir() {
            sync_folders(&path)?;
        }
    }
    Ok(atomic::sync_dir(folder)?)
}

fn absolute(path: &Path) -> PathBuf {
    path.canonicalize().or_else(|_| std::path::absolute(path)).unwrap_or_else(|_| path.to_owned())
}

/// A copy in the making.
struct Copy<'a> {
    from: &'a Path,
    to: &'a Path,
    files: Vec<FileEntry>,
}

impl Copy<'_> {
    /// Everything that was acknowledged and is not sealed.
    fn log(&mut self) -> Result<(), BackupError> {
        for folder in list(&self.from.join("log"))?.into_iter().filter(|path| path.is_dir()) {
            for path in
                list(&folder)?.into_iter().filter(|path| path.extension().is_some_and(|ending| ending == "klog"))
            {
                let to = self.place(&path)?;
                if copy_segment(&path, &to)?.is_some() {
                    self.add(&to)?;
                }
            }
            // Bytes that were set aside are kept for a person to look at.
            self.folder(self.below(&folder.join("aside")).to_owned().as_path())?;
        }
        Ok(())
    }

    /// A snapshot of the database, and every partition that it names.
    fn database_and_partitions(&mut self) -> Result<(), BackupError> {
        let database = self.to.join(DATABASE_FILE);
        let mut attempts = 0;
        loop {
            let kept = self.files.len();
            Store::open_for_reading(self.from)?.copy_to(&database)?;
            self.add(&database)?;
            match self.partitions() {
                Ok(()) => break,
                // Merged and removed, or noted and not named yet: the next snapshot says where the rows are.
                Err(BackupError::DamagedData(_)) if attempts < MAX_ATTEMPTS => {
                    attempts += 1;
                    self.files.truncate(kept);
                    remove(&database)?;
                    remove(&self.to.join("lake"))?;
                    thread::sleep(BETWEEN_ATTEMPTS);
                }
                Err(error) => return Err(error),
            }
        }
        for leftover in ["-wal", "-shm"] {
            remove(&self.to.join(format!("{DATABASE_FILE}{leftover}")))?;
        }
        Ok(())
    }

    fn partitions(&mut self) -> Result<(), BackupError> {
        let store = Store::open_for_reading(self.to)?;
        let lake = Lake::new(self.from.join("lake"));
        let always = (Timestamp(i64::MIN), Timestamp(i64::MAX));
        for endpoint in endpoints(&store)? {
            for kind in [LogKind::Predictions, LogKind::Labels] {
                for partition in store.read(|reader| list_partitions(reader, kind, &endpoint, always))? {
                    let path = lake.path_of(kind, &endpoint, known(&partition).seq);
                    let to = self.place(&path)?;
                    // Until its name is there, or after a kill before, it lies beside.
                    let from =
                        if path.exists() { Ok(path.clone()) } else { lake.verify(kind, &endpoint, &known(&partition)) };
                    let (digest, bytes) = match atomic::copy_new(from.as_ref().unwrap_or(&path), &to) {
                        Err(BlobError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                            return Err(BackupError::DamagedData(LakeError::PartitionMissing { path }.to_string()));
                        }
                        copied => copied?,
                    };
                    if digest != partition.digest {
                        let changed = LakeError::Changed { path, expected: partition.digest, found: digest };
                        return Err(BackupError::DamagedData(changed.to_string()));
                    }
                    self.note(&to, bytes, digest);
                }
            }
        }
        Ok(())
    }

    /// Every object, compared with its name.
    fn blobs(&mut self) -> Result<(), BackupError> {
        for folder in list(&self.from.join("blobs").join("objects"))? {
            for path in list(&folder)? {
                let to = self.place(&path)?;
                let (digest, bytes) = atomic::copy_new(&path, &to)?;
                let parts =
                    [folder.file_name(), path.file_name()].map(|part| part.unwrap_or_default().to_string_lossy());
                if parts.concat() != digest.to_string() {
                    let what = format!("`{}` is damaged: it has digest {digest}", path.display());
                    return Err(BackupError::DamagedData(what));
                }
                self.note(&to, bytes, digest);
            }
        }
        Ok(())
    }

    /// A folder of files that are written whole.
    fn folder(&mut self, below: &Path) -> Result<(), BackupError> {
        for path in list(&self.from.join(below))? {
            if path.is_dir() {
                self.folder(self.below(&path).to_owned().as_path())?;
            } else if !path.file_name().unwrap_or_default().to_string_lossy().starts_with('.') {
                let to = self.place(&path)?;
                match atomic::copy_new(&path, &to) {
                    // An old hour that was removed meanwhile.
                    Err(BlobError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {}
                    copied => {
                        let (digest, bytes) = copied?;
                        self.note(&to, bytes, digest);
                    }
                }
            }
        }
        Ok(())
    }

    /// Where the copy of a file goes; its folder is made.
    fn place(&self, path: &Path) -> Result<PathBuf, BackupError> {
        let to = self.to.join(self.below(path));
        atomic::create_dirs(to.parent().unwrap_or(self.to))?;
        Ok(to)
    }

    fn below<'p>(&self, path: &'p Path) -> &'p Path {
        path.strip_prefix(self.from).unwrap_or(path)
    }

    fn add(&mut self, to: &Path) -> Result<(), BackupError> {
        let (digest, bytes) = atomic::digest_of(to)?;
        self.note(to, bytes, digest);
        Ok(())
    }

    fn note(&mut self, to: &Path, bytes: u64, digest: Digest) {
        let path = to.strip_prefix(self.to).unwrap_or(to).to_string_lossy().into_owned();
        self.files.push(FileEntry { path, bytes, digest });
    }
}

/// What is in a folder, by name; nothing where there is none.
fn list(folder: &Path) -> Result<Vec<PathBuf>, BackupError> {
    let failed = |source| StorageError::ReadFile { path: folder.to_owned(), source };
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(failed)?,
    };
    let mut found: Vec<PathBuf> =
        entries.map(|entry| entry.map(|entry| entry.path()).map_err(failed)).collect::<Result<_, _>>()?;
    found.sort();
    Ok(found)
}

fn remove(path: &Path) -> Result<(), BackupError> {
    let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    match removed {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(StorageError::WriteFile { path: path.to_owned(), source }.into())
        }
        _ => Ok(()),
    }
}
