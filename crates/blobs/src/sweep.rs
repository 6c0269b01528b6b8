//! Removing objects that nobody needs any more, while others write.
//!
//! Invariants: an object that someone relied on within [`RENEWED_AFTER`] of now has a modification time that says so, and a
//! sweep leaves it: whoever stored or found it has that long, less than the age at which objects go, to write down that
//! it is needed. Looking at that time and removing the object exclude renewing it, across processes. A sweep that is killed
//! has removed some objects and left the others whole. Out of scope: what is needed; who sweeps knows it.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use kilter_domain::digest::Digest;
use kilter_storage::{CachedStorage, ObjectFacts};

use crate::{
    error::BlobError,
    store::{BlobStore, FOLDER},
    walk::walk,
};

/// An object whose time is older than this gets a new one when someone relies on it.
pub(crate) const RENEWED_AFTER: Duration = Duration::from_secs(6 * 60 * 60);
/// The least age at which an object is removed.
pub const MIN_SWEEP_AGE: Duration = Duration::from_secs(24 * 60 * 60);

/// What a sweep removed, or would remove.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Objects.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Objects that nothing needs and that are too young to be removed.
    pub young: u64,
}

/// How a sweep is done.
pub struct Sweep<'a> {
    /// Whether an object must stay.
    pub is_needed: &'a dyn Fn(&Digest) -> bool,
    /// Objects that someone relied on since then stay. At least [`MIN_SWEEP_AGE`] before now, unless nobody else can write.
    pub before: SystemTime,
    /// `false`: nothing is removed, only counted.
    pub deletes: bool,
    /// Whether to go on; asked before each object that is removed.
    pub goes_on: &'a dyn Fn() -> bool,
}

impl BlobStore {
    /// Removes the objects that are not needed and are old enough, or counts them.
    ///
    /// # Errors
    /// When the folder cannot be listed, or an object not be removed.
    pub fn sweep(&self, sweep: &Sweep<'_>) -> Result<Swept, BlobError> {
        if let Some(storage) = self.storage() {
            return self.sweep_storage(storage, sweep);
        }
        let objects = self.root().join("objects");
        let mut swept = Swept::default();
        if !objects.is_dir() {
            return Ok(swept);
        }
        for (name, path, found) in walk(&objects)? {
            // A file whose name is no digest is not ours to remove; a check of the store reports it.
            let Ok(digest) = name.as_str().replace('/', "").parse::<Digest>() else { continue };
            if (sweep.is_needed)(&digest) {
                continue;
            }
            let is_old = |found: &fs::Metadata| found.modified().is_ok_and(|at| at < sweep.before);
            if !is_old(&found) {
                swept.young += 1;
                continue;
            }
            if sweep.deletes {
                if !(sweep.goes_on)() {
                    break;
                }
                let _lock = self.lock_sweep(true)?;
                match path.metadata() {
                    Ok(now) if is_old(&now) => remove(&path)?,
                    _ => continue,
                }
            }
            swept.objects += 1;
            swept.bytes += found.len();
        }
        Ok(swept)
    }

    /// The same in the object store; a file that is a copy of an object goes with it. Looking at the time of an object and
    /// deleting it are two requests: whoever relies on it in between stores it anew when it is stored next.
    fn sweep_storage(&self, storage: &CachedStorage, sweep: &Sweep<'_>) -> Result<Swept, BlobError> {
        let mut swept = Swept::default();
        let is_old = |found: &ObjectFacts| {
            let modified = Duration::from_millis(u64::try_from(found.modified.millis()).unwrap_or(0));
            UNIX_EPOCH + modified < sweep.before
        };
        for found in storage.storage().list(FOLDER)? {
            let name = found.key.strip_prefix(FOLDER).unwrap_or(&found.key).replace('/', "");
            let Ok(digest) = name.parse::<Digest>() else { continue };
            if (sweep.is_needed)(&digest) {
                continue;
            }
            if !is_old(&found) {
                swept.young += 1;
                continue;
            }
            if sweep.deletes {
                if !(sweep.goes_on)() {
                    break;
                }
                let _lock = self.lock_sweep(true)?;
                match storage.storage().facts(&found.key)? {
                    Some(now) if is_old(&now) => storage.delete(&found.key, &self.path_of(&digest))?,
                    _ => continue,
                }
            }
            swept.objects += 1;
            swept.bytes += found.bytes;
        }
        Ok(swept)
    }

    /// Whether the object may be relied on from now on: one that has become old gets a new time, so that no sweep removes it
    /// before it is written down that it is needed. `false`: store it anew.
    pub(crate) fn renew(&self, path: &Path, found: &fs::Metadata) -> bool {
        let is_old = |found: &fs::Metadata| {
            let age = found.modified().ok().and_then(|at| SystemTime::now().duration_since(at).ok());
            age.is_some_and(|age| age > RENEWED_AFTER)
        };
        if self.is_read_only() || !is_old(found) {
            return true;
        }
        let renew = || {
            let _lock = self.lock_sweep(false)?;
            let failed = |source| BlobError::io("renew", path, source);
            File::open(path).and_then(|file| file.set_modified(SystemTime::now())).map_err(failed)
        };
        renew().is_ok()
    }

    /// The lock between those who remove objects and those who rely on them. It ends with the file.
    fn lock_sweep(&self, excludes: bool) -> Result<File, BlobError> {
        let path: PathBuf = self.root().join("sweep.lock");
        let take = || -> io::Result<File> {
            let file = File::options().create(true).truncate(false).write(true).open(&path)?;
            if excludes {
                file.lock()?
            } else {
                file.lock_shared()?
            }
            Ok(file)
        };
        take().map_err(|source| BlobError::io("lock", &path, source))
    }
}

fn remove(path: &Path) -> Result<(), BlobError> {
    match fs::remove_file(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(BlobError::io("remove", path, source)),
        _ => Ok(()),
    }
}
