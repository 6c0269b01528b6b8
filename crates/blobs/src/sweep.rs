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

use kilter_domain::{digest::Digest, time::Timestamp};
use kilter_storage::{CachedStorage, RENEWED_AFTER};

use crate::{
    error::BlobError,
    store::{BlobStore, FOLDER},
    walk::walk,
};

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

/// An object that may go.
struct Candidate<P> {
    digest: Digest,
    bytes: u64,
    modified: SystemTime,
    /// Its file, or its name in the object store.
    place: P,
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
        if !objects.is_dir() {
            return Ok(Swept::default());
        }
        let listed = walk(&objects)?.into_iter().filter_map(|(name, path, found)| {
            // A file whose name is no digest is not ours to remove; a check of the store reports it.
            let digest = name.as_str().replace('/', "").parse().ok()?;
            Some(Candidate { digest, bytes: found.len(), modified: found.modified().ok()?, place: path })
        });
        let modified = |path: &PathBuf| Ok(path.metadata().and_then(|found| found.modified()).ok());
        self.sweep_listed(sweep, listed, &modified, &|path, _| remove(path))
    }

    /// The same in the object store; a file that is a copy of an object goes with it. Looking at the time of an object and
    /// deleting it are two requests: whoever relies on it in between stores it anew when it is stored next.
    fn sweep_storage(&self, storage: &CachedStorage, sweep: &Sweep<'_>) -> Result<Swept, BlobError> {
        let time = |time: Timestamp| UNIX_EPOCH + Duration::from_millis(u64::try_from(time.millis()).unwrap_or(0));
        let listed = storage.storage().list(FOLDER)?.into_iter().filter_map(|found| {
            let digest = found.key.strip_prefix(FOLDER).unwrap_or(&found.key).replace('/', "").parse().ok()?;
            Some(Candidate { digest, bytes: found.bytes, modified: time(found.modified), place: found.key })
        });
        let modified = |key: &String| Ok(storage.storage().facts(key)?.map(|found| time(found.modified)));
        self.sweep_listed(sweep, listed, &modified, &|key, digest| Ok(storage.delete(key, &self.path_of(digest))?))
    }

    fn sweep_listed<P>(
        &self,
        sweep: &Sweep<'_>,
        listed: impl Iterator<Item = Candidate<P>>,
        modified: &dyn Fn(&P) -> Result<Option<SystemTime>, BlobError>,
        remove: &dyn Fn(&P, &Digest) -> Result<(), BlobError>,
    ) -> Result<Swept, BlobError> {
        let mut swept = Swept::default();
        for found in listed.filter(|found| !(sweep.is_needed)(&found.digest)) {
            if found.modified >= sweep.before {
                swept.young += 1;
                continue;
            }
            if sweep.deletes {
                if !(sweep.goes_on)() {
                    break;
                }
                let _lock = self.lock_sweep(true)?;
                match modified(&found.place)? {
                    Some(now) if now < sweep.before => remove(&found.place, &found.digest)?,
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
