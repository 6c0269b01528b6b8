//! An object store with folders of this machine in front of it: [`CachedStorage`].
//!
//! Invariants: a file that has its name has all bytes of its object, compared with their digest. When the files have more bytes
//! than allowed, those go that were not used for the longest time: never one that this process used in the last ten minutes,
//! and never one whose name begins with a dot, because that may be in no store yet. Nothing is listed in the store.

use std::{
    collections::{HashMap, HashSet},
    fs::{self, File, Permissions},
    io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant, SystemTime},
};

use kilter_domain::{digest::Digest, time::Timestamp};

use crate::{
    error::ObjectError,
    objects::{Created, ObjectStorage},
};

/// Bytes that the files may have together, where nobody says another number.
pub const DEFAULT_CACHE_BYTES: u64 = 20 << 30;
/// A file stays for this long after this process used it.
const KEPT_AFTER_USE: Duration = Duration::from_secs(600);
/// What a process that was ended left of a download goes after this long.
const LEFTOVER_AGE: Duration = Duration::from_secs(3600);
/// An object that is older than this gets a new time when someone relies on it.
pub const RENEWED_AFTER: Duration = Duration::from_secs(6 * 60 * 60);
/// Requests for many objects that are under way at the same time.
const MAX_REQUESTS: usize = 8;
/// Uses that are remembered before old ones are forgotten.
const MAX_USES: usize = 100_000;

/// An object store with folders of this machine in front of it. Clones share it.
#[derive(Clone)]
pub struct CachedStorage(Arc<Inner>);

struct Inner {
    storage: ObjectStorage,
    /// What is being fetched lies here until it is whole.
    partial: PathBuf,
    /// The folders whose files are copies of objects.
    folders: Vec<PathBuf>,
    limit: u64,
    state: Mutex<State>,
    fetched: Condvar,
}

#[derive(Default)]
struct State {
    /// Bytes of all files; `None` until they were counted.
    bytes: Option<u64>,
    used: HashMap<PathBuf, Instant>,
    /// Files that a thread fetches now.
    under_way: HashSet<PathBuf>,
    /// Why the last request failed; `None` when it did not.
    failure: Option<String>,
}

/// A file that is a copy of an object.
struct Copy {
    path: PathBuf,
    bytes: u64,
    /// As the file system remembers it, which may be a day late.
    used: SystemTime,
}

/// An object and the file with its bytes.
#[derive(Clone, Debug)]
pub struct Upload {
    /// The name of the object, which says what its bytes are.
    pub key: String,
    /// The file.
    pub path: PathBuf,
}

impl CachedStorage {
    /// `storage` with `folders` in front of it, whose files may have `limit` bytes together. `partial` is a folder on the same
    /// file system, made when it is needed. Nothing is read, made or asked yet.
    pub fn new(storage: ObjectStorage, partial: PathBuf, folders: Vec<PathBuf>, limit: u64) -> Self {
        Self(Arc::new(Inner { storage, partial, folders, limit, state: Mutex::default(), fetched: Condvar::new() }))
    }

    /// The store itself.
    pub fn storage(&self) -> &ObjectStorage {
        &self.0.storage
    }

    /// Why the last request to the store failed; `None` when it did not.
    pub fn failure(&self) -> Option<String> {
        self.0.state().failure.clone()
    }

    /// Writes files as objects unless these are there, several at a time. Only for keys that say what the bytes are.
    ///
    /// # Errors
    /// The first reason why one could not be read or written; others may be there then.
    pub fn create_files(&self, files: &[Upload]) -> Result<(), ObjectError> {
        for_all(files, |file| self.create_file(file).map(drop))
    }

    /// Writes a file as an object unless that is there. One that is there for long is written again: its new time says that
    /// someone relies on it, so that it is no garbage before that is written down.
    fn create_file(&self, file: &Upload) -> Result<Created, ObjectError> {
        let storage = &self.0.storage;
        let create = || match storage.create_file(&file.key, &file.path)? {
            Created::Exists if storage.facts(&file.key)?.is_none_or(|found| is_old(found.modified)) => {
                storage.replace_file(&file.key, &file.path).map(|()| Created::Exists)
            }
            created => Ok(created),
        };
        self.noted(create())
    }

    /// Deletes objects that have no files, several at a time; those that are not there are no error.
    ///
    /// # Errors
    /// The first reason why one could not be deleted; others may be gone then.
    pub fn delete_objects(&self, keys: &[String]) -> Result<(), ObjectError> {
        for_all(keys, |key| self.noted(self.0.storage.delete(key)))
    }

    /// Writes an object unless there is one of this name.
    ///
    /// # Errors
    /// When the store refuses, fails or does not answer.
    pub fn create(&self, key: &str, bytes: Vec<u8>) -> Result<Created, ObjectError> {
        self.noted(self.0.storage.create(key, bytes))
    }

    /// Writes an object, in place of the one of this name.
    ///
    /// # Errors
    /// When the store refuses, fails or does not answer.
    pub fn replace(&self, key: &str, bytes: Vec<u8>) -> Result<(), ObjectError> {
        self.noted(self.0.storage.replace(key, bytes))
    }

    /// The bytes of an object, which gets no file; `None` where there is no such object.
    ///
    /// # Errors
    /// When it has more than `limit` bytes; when the store refuses, fails or does not answer.
    pub fn read(&self, key: &str, limit: u64) -> Result<Option<Vec<u8>>, ObjectError> {
        self.noted(self.0.storage.read(key, limit))
    }

    /// How many bytes an object has; `None` where there is no such object.
    ///
    /// # Errors
    /// When the store refuses, fails or does not answer.
    pub fn size(&self, key: &str) -> Result<Option<u64>, ObjectError> {
        Ok(self.noted(self.0.storage.facts(key))?.map(|found| found.bytes))
    }

    /// Brings an object to the file `target`, unless that is there; whether there is such an object. Threads that want the same
    /// file wait for the first of them.
    ///
    /// # Errors
    /// When the store refuses, fails or does not answer, the object has other bytes than its digest says, or the file cannot be
    /// written. Then there is no file.
    pub fn fetch(&self, key: &str, digest: &Digest, target: &Path) -> Result<bool, ObjectError> {
        let _turn = self.0.take_turn(target);
        self.note_use(target);
        if target.is_file() {
            return Ok(true);
        }
        let fetched = self.fetch_anew(key, digest, target)?;
        if let Some(bytes) = fetched {
            self.count(bytes)?;
        }
        Ok(fetched.is_some())
    }

    /// Says that this process reads a file, which keeps it for a while.
    pub fn note_use(&self, path: &Path) {
        let now = Instant::now();
        let mut state = self.0.state();
        if state.used.len() >= MAX_USES {
            state.used.retain(|_, used| now.duration_since(*used) < KEPT_AFTER_USE);
        }
        state.used.insert(path.to_owned(), now);
    }

    /// Counts a file that this process wrote and uploaded, and removes old ones when there are too many bytes.
    ///
    /// # Errors
    /// When the folders cannot be listed, or an old file cannot be removed.
    pub fn count(&self, bytes: u64) -> Result<(), ObjectError> {
        let counted = self.0.state().bytes;
        let sum = match counted {
            Some(counted) => counted.saturating_add(bytes),
            None => self.0.copies()?.iter().map(|copy| copy.bytes).sum(),
        };
        self.0.state().bytes = Some(sum);
        if sum <= self.0.limit { Ok(()) } else { self.0.make_room() }
    }

    /// Removes a file whose bytes are not those of its object, so that the object is fetched again.
    ///
    /// # Errors
    /// When the file cannot be removed.
    pub fn forget(&self, path: &Path) -> Result<(), ObjectError> {
        remove(path)
    }

    /// Deletes an object and its file; what is not there is no error.
    ///
    /// # Errors
    /// When the store refuses, fails or does not answer, or the file cannot be removed.
    pub fn delete(&self, key: &str, path: &Path) -> Result<(), ObjectError> {
        self.noted(self.0.storage.delete(key))?;
        remove(path)
    }

    fn fetch_anew(&self, key: &str, digest: &Digest, target: &Path) -> Result<Option<u64>, ObjectError> {
        let partial = Partial::begin(&self.0.partial)?;
        let file = File::create_new(&partial.0).map_err(failed("create", &partial.0))?;
        let Some(bytes) = self.noted(self.0.storage.fetch(key, &partial.0, file))? else { return Ok(None) };
        let found = partial.digest()?;
        if found != *digest {
            let (storage, key) = (self.0.storage.url().to_string(), key.to_owned());
            return Err(ObjectError::Damaged { storage, key, expected: *digest, found });
        }
        partial.place(target)?;
        Ok(Some(bytes))
    }

    /// Remembers whether the store answered.
    fn noted<T>(&self, answer: Result<T, ObjectError>) -> Result<T, ObjectError> {
        let failure = match &answer {
            Ok(_) => None,
            Err(error) if error.is_of_this_machine() => return answer,
            Err(error) => Some(error.to_string()),
        };
        self.0.state().failure = failure;
        answer
    }
}

/// Whether an object that is relied on needs a new time.
fn is_old(modified: Timestamp) -> bool {
    let modified = SystemTime::UNIX_EPOCH + Duration::from_millis(u64::try_from(modified.millis()).unwrap_or(0));
    SystemTime::now().duration_since(modified).is_ok_and(|age| age > RENEWED_AFTER)
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until no other thread fetches a file.
    fn take_turn(&self, path: &Path) -> Turn<'_> {
        let mut state = self.state();
        while !state.under_way.insert(path.to_owned()) {
            state = self.fetched.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        Turn { inner: self, path: path.to_owned() }
    }

    /// Removes what was not used for the longest time, until nine tenths of the limit remain.
    fn make_room(&self) -> Result<(), ObjectError> {
        let mut copies = self.copies()?;
        copies.sort_by_key(|copy| copy.used);
        let mut sum: u64 = copies.iter().map(|copy| copy.bytes).sum();
        for copy in copies {
            if sum <= self.limit - self.limit / 10 {
                break;
            }
            // The lock is held while the file goes, so that nobody begins to use it meanwhile.
            let state = self.state();
            if state.used.get(&copy.path).is_some_and(|used| used.elapsed() < KEPT_AFTER_USE) {
                continue;
            }
            remove(&copy.path)?;
            sum = sum.saturating_sub(copy.bytes);
        }
        self.state().bytes = Some(sum);
        self.sweep();
        Ok(())
    }

    fn copies(&self) -> Result<Vec<Copy>, ObjectError> {
        let mut found = Vec::new();
        let mut folders = self.folders.clone();
        while let Some(folder) = folders.pop() {
            let entries = match fs::read_dir(&folder) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                entries => entries.map_err(failed("list", &folder))?,
            };
            for entry in entries {
                let entry = entry.map_err(failed("list", &folder))?;
                // It may have gone meanwhile.
                let Ok(facts) = entry.metadata() else { continue };
                if facts.is_dir() {
                    folders.push(entry.path());
                } else if !entry.file_name().to_string_lossy().starts_with('.') {
                    let used = [facts.accessed(), facts.modified()].into_iter().flatten().max();
                    let used = used.unwrap_or(SystemTime::UNIX_EPOCH);
                    found.push(Copy { path: entry.path(), bytes: facts.len(), used });
                }
            }
        }
        Ok(found)
    }

    /// Removes what ended processes left of downloads.
    fn sweep(&self) {
        for entry in fs::read_dir(&self.partial).into_iter().flatten().flatten() {
            let age = entry.metadata().and_then(|facts| facts.modified()).ok().and_then(|at| at.elapsed().ok());
            if age.is_some_and(|age| age > LEFTOVER_AGE) {
                // It takes room until the next time.
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}

/// Makes a request for each of `items`, several at a time, and stops with the first that fails.
fn for_all<T: Sync>(items: &[T], request: impl Fn(&T) -> Result<(), ObjectError> + Sync) -> Result<(), ObjectError> {
    let next = AtomicUsize::new(0);
    let work = || -> Result<(), ObjectError> {
        while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
            request(item)?;
        }
        Ok(())
    };
    if items.len() <= 1 {
        return work();
    }
    thread::scope(|scope| {
        let threads: Vec<_> = (0..items.len().min(MAX_REQUESTS)).map(|_| scope.spawn(work)).collect();
        let done = threads.into_iter().map(|thread| thread.join().unwrap_or(Err(ObjectError::Closed)));
        done.fold(Ok(()), Result::and)
    })
}

/// The right to fetch a file.
struct Turn<'a> {
    inner: &'a Inner,
    path: PathBuf,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.inner.state().under_way.remove(&self.path);
        self.inner.fetched.notify_all();
    }
}

/// A file that is not whole yet; dropped before it has its place, it is gone.
struct Partial(PathBuf);

static COUNT: AtomicU64 = AtomicU64::new(0);

impl Partial {
    fn begin(folder: &Path) -> Result<Self, ObjectError> {
        fs::create_dir_all(folder).map_err(failed("create", folder))?;
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        Ok(Self(folder.join(format!("{}.{count}.tmp", std::process::id()))))
    }

    fn digest(&self) -> Result<Digest, ObjectError> {
        let mut hasher = blake3::Hasher::new();
        let file = File::open(&self.0).map_err(failed("read", &self.0))?;
        hasher.update_reader(file).map_err(failed("read", &self.0))?;
        Ok(Digest::from_raw(*hasher.finalize().as_bytes()))
    }

    /// Gives the file its name once its bytes would survive a loss of power.
    fn place(&self, target: &Path) -> Result<(), ObjectError> {
        let finish = || {
            let file = File::options().write(true).open(&self.0)?;
            file.set_permissions(Permissions::from_mode(0o444))?;
            file.sync_all()?;
            target.parent().map_or(Ok(()), fs::create_dir_all)?;
            fs::rename(&self.0, target)
        };
        finish().map_err(failed("write", target))
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        // It has its place, or it is swept later.
        let _ = fs::remove_file(&self.0);
    }
}

fn failed<'a>(attempted: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> ObjectError + 'a {
    move |source| ObjectError::File { attempted, path: path.to_owned(), source }
}

fn remove(path: &Path) -> Result<(), ObjectError> {
    match fs::remove_file(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(failed("remove", path)(source)),
        _ => Ok(()),
    }
}
