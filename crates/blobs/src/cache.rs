//! Which files need no hashing again. An entry is believed only while the file's size, inode, modification and
//! change time are the ones it had when it was hashed; nothing ever depends on the cache but the time spent.

use std::{
    collections::HashMap,
    fs::{self, File, Metadata, OpenOptions},
    io::{self, Write},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use kilter_domain::digest::Digest;

use crate::{
    atomic::{self, CopyError},
    content::Content,
    error::BlobError,
    tree::{Tree, TreeEntry},
    walk::{is_executable, open_plain, walk},
};

/// A file written this shortly before it was hashed could be written once more within one tick of the file system's
/// clock and keep its times; it is hashed again next time.
const TICK: Duration = Duration::from_millis(20);
/// Most entries kept on disk; beyond it the cache starts afresh.
const MAX_ENTRIES: usize = 2_000_000;

/// Finds the digest and size of one file of a walked folder.
type DigestOf<'a> = dyn FnMut(&Path, &Metadata) -> Result<(Digest, u64), BlobError> + 'a;

/// What a file looked like from outside when it was hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    bytes: u64,
    modified_ns: i128,
    changed_ns: i128,
    inode: u64,
}

impl Stamp {
    pub(crate) fn of(found: &Metadata) -> Self {
        let nanos = |seconds: i64, rest: i64| i128::from(seconds) * 1_000_000_000 + i128::from(rest);
        Self {
            bytes: found.len(),
            modified_ns: nanos(found.mtime(), found.mtime_nsec()),
            changed_ns: nanos(found.ctime(), found.ctime_nsec()),
            inode: found.ino(),
        }
    }

    /// Whether any later write must show in the times: the last one lies a tick before `began`.
    fn is_settled(&self, began: SystemTime) -> bool {
        let began = began.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as i128);
        self.modified_ns + (TICK.as_nanos() as i128) <= began
    }
}

#[derive(Default)]
struct State {
    known: HashMap<PathBuf, (Stamp, Digest)>,
    unsaved: String,
    lines: usize,
}

/// A persistent memory of (path, size, times, inode) → digest. Shared between threads.
#[derive(Default)]
pub struct HashCache {
    file: Option<PathBuf>,
    state: Mutex<State>,
}

impl HashCache {
    /// The cache kept in `file`. A missing or damaged file is an empty cache.
    pub fn load(file: &Path) -> Self {
        let text = fs::read_to_string(file).unwrap_or_default();
        let mut state = State::default();
        // A line without its end was torn by a crash.
        for line in text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n')) {
            state.lines += 1;
            if let Some((path, stamp, digest)) = parse(line) {
                state.known.insert(path, (stamp, digest));
            }
        }
        if !text.is_empty() && !text.ends_with('\n') {
            state.unsaved.push('\n');
        }
        if state.known.len() > MAX_ENTRIES {
            state.known.clear();
        }
        Self { file: Some(file.to_owned()), state: Mutex::new(state) }
    }

    /// A cache that is forgotten with the process.
    pub fn in_memory() -> Self {
        Self::default()
    }

    /// The digest and size of the file at `path`, read only when it is not known. Symbolic links are followed.
    pub fn digest_of(&self, path: &Path) -> Result<(Digest, u64), BlobError> {
        let found = fs::metadata(path).map_err(|source| BlobError::io("read", path, source))?;
        self.digest_known(path, &found, |file, began| self.hash(path, file, began))
    }

    /// What stands at `path`, a file or a folder of files, without storing it.
    pub fn content_of(&self, path: &Path) -> Result<Content, BlobError> {
        let found = fs::metadata(path).map_err(|source| BlobError::io("read", path, source))?;
        if !found.is_dir() {
            let (digest, bytes) = self.digest_of(path)?;
            return Ok(Content::file(digest, bytes, is_executable(&found)));
        }
        let tree = self.tree_with(path, &mut |file, found| {
            self.digest_known(file, found, |open, began| self.hash(file, open, began))
        })?;
        Ok(Content::tree(&tree))
    }

    /// Walks `folder` and asks `digest` for each plain file.
    pub(crate) fn tree_with(&self, folder: &Path, digest: &mut DigestOf<'_>) -> Result<Tree, BlobError> {
        let mut entries = Vec::new();
        for (path, file, found) in walk(folder)? {
            let (digest, bytes) = digest(&file, &found)?;
            entries.push(TreeEntry { path, executable: is_executable(&found), digest, bytes });
        }
        Tree::new(entries).map_err(|_| BlobError::Changed { path: folder.to_owned() })
    }

    /// The digest known for a file that looks like `found`, else what `read` makes of it.
    pub(crate) fn digest_known(
        &self,
        path: &Path,
        found: &Metadata,
        read: impl FnOnce(File, SystemTime) -> Result<(Digest, u64), BlobError>,
    ) -> Result<(Digest, u64), BlobError> {
        match self.lookup(path, found) {
            Some(digest) => Ok((digest, found.len())),
            None => {
                let began = SystemTime::now();
                read(open_plain(path)?, began)
            }
        }
    }

    pub(crate) fn lookup(&self, path: &Path, found: &Metadata) -> Option<Digest> {
        let state = self.state();
        state.known.get(path).filter(|(stamp, _)| *stamp == Stamp::of(found)).map(|(_, digest)| *digest)
    }

    fn hash(&self, path: &Path, file: File, began: SystemTime) -> Result<(Digest, u64), BlobError> {
        self.read_steady(path, file, began, &mut io::sink())
    }

    /// Copies `file` to `to` while hashing it, refuses when it changed meanwhile, and remembers the digest.
    pub(crate) fn read_steady(
        &self,
        path: &Path,
        mut file: File,
        began: SystemTime,
        to: &mut impl Write,
    ) -> Result<(Digest, u64), BlobError> {
        let stamp = |file: &File| file.metadata().map(|found| Stamp::of(&found));
        let before = stamp(&file).map_err(|source| BlobError::io("read", path, source))?;
        let (digest, bytes) = atomic::copy_hashing(&mut file, to).map_err(|error| match error {
            CopyError::Read(source) => BlobError::io("read", path, source),
            CopyError::Write(source) => BlobError::io("store a copy of", path, source),
        })?;
        let after = stamp(&file).map_err(|source| BlobError::io("read", path, source))?;
        if before != after || after.bytes != bytes {
            return Err(BlobError::Changed { path: path.to_owned() });
        }
        if after.is_settled(began) {
            self.remember(path, after, digest);
        }
        Ok((digest, bytes))
    }

    /// What is known of `from`, a file or a folder, is now known of `to`: it was renamed by us.
    pub fn moved(&self, from: &Path, to: &Path) {
        let moved: Vec<(PathBuf, Stamp, Digest)> = {
            let mut state = self.state();
            let paths: Vec<PathBuf> = state.known.keys().filter(|path| path.starts_with(from)).cloned().collect();
            paths.into_iter().filter_map(|path| state.known.remove(&path).map(|(s, d)| (path, s, d))).collect()
        };
        for (path, stamp, digest) in moved {
            let Ok(rest) = path.strip_prefix(from) else { continue };
            let target = if rest.as_os_str().is_empty() { to.to_owned() } else { to.join(rest) };
            let Ok(found) = fs::symlink_metadata(&target) else { continue };
            // A rename moves the change time and nothing else.
            let now = Stamp::of(&found);
            if (Stamp { changed_ns: now.changed_ns, ..stamp }) == now {
                self.remember(&target, now, digest);
            }
        }
    }

    fn remember(&self, path: &Path, stamp: Stamp, digest: Digest) {
        let mut state = self.state();
        if let Some(line) = line(path, &stamp, &digest) {
            state.unsaved.push_str(&line);
            state.lines += 1;
        }
        state.known.insert(path.to_owned(), (stamp, digest));
    }

    /// Appends what is new to the file; rewrites it when most of its lines are outdated.
    pub fn save(&self) -> Result<(), BlobError> {
        let Some(file) = &self.file else { return Ok(()) };
        let mut state = self.state();
        if state.unsaved.is_empty() {
            return Ok(());
        }
        if state.lines > 1024 && state.lines > state.known.len() * 2 {
            let known = state.known.iter().filter_map(|(path, (stamp, digest))| line(path, stamp, digest));
            let text: String = known.collect();
            atomic::write_atomic(file, text.as_bytes())?;
            state.lines = state.known.len();
        } else {
            atomic::create_dirs(&atomic::parent(file))?;
            let append =
                |text: &str| OpenOptions::new().append(true).create(true).open(file)?.write_all(text.as_bytes());
            append(&state.unsaved).map_err(|source| BlobError::io("append to", file, source))?;
        }
        state.unsaved.clear();
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // The map is valid between any two of its operations, so a panic elsewhere spoils nothing.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `DIGEST BYTES MODIFIED CHANGED INODE PATH`; `None` for a path that no line can hold.
fn line(path: &Path, stamp: &Stamp, digest: &Digest) -> Option<String> {
    let text = path.to_str().filter(|text| !text.contains(['\n', '\r']))?;
    let Stamp { bytes, modified_ns, changed_ns, inode } = stamp;
    Some(format!("{digest} {bytes} {modified_ns} {changed_ns} {inode} {text}\n"))
}

fn parse(line: &str) -> Option<(PathBuf, Stamp, Digest)> {
    let mut parts = line.splitn(6, ' ');
    let digest = parts.next()?.parse().ok()?;
    let stamp = Stamp {
        bytes: parts.next()?.parse().ok()?,
        modified_ns: parts.next()?.parse().ok()?,
        changed_ns: parts.next()?.parse().ok()?,
        inode: parts.next()?.parse().ok()?,
    };
    Some((PathBuf::from(parts.next()?), stamp, digest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Writes a file whose times lie an hour back, so that it counts as settled.
    fn write_old(path: &Path, bytes: &[u8], age: Duration) {
        fs::write(path, bytes).unwrap();
        File::options().write(true).open(path).unwrap().set_modified(SystemTime::now() - age).unwrap();
    }

    #[test]
    fn an_unchanged_file_is_not_read_again_even_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let (file, saved) = (folder.path().join("a"), folder.path().join("cache"));
        write_old(&file, b"one", Duration::from_secs(3600));
        let cache = HashCache::load(&saved);
        assert_eq!(cache.digest_of(&file).unwrap(), (Digest::of(b"one"), 3));
        cache.save().unwrap();
        let found = fs::metadata(&file).unwrap();
        assert_eq!(HashCache::load(&saved).lookup(&file, &found), Some(Digest::of(b"one")));
    }

    #[test]
    fn a_change_that_keeps_size_and_modification_time_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a");
        write_old(&file, b"one", Duration::from_secs(3600));
        let modified = fs::metadata(&file).unwrap().modified().unwrap();
        let cache = HashCache::in_memory();
        cache.digest_of(&file).unwrap();
        // The change time has a tick of its own; wait for the file system's clock, not for a span.
        let before = fs::metadata(&file).unwrap().ctime_nsec();
        while fs::metadata(&file).unwrap().ctime_nsec() == before {
            fs::write(&file, b"two").unwrap();
            File::options().write(true).open(&file).unwrap().set_modified(modified).unwrap();
        }
        assert_eq!(cache.digest_of(&file).unwrap().0, Digest::of(b"two"));
    }

    #[test]
    fn a_file_written_just_now_is_hashed_again() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a");
        write_old(&file, b"one", Duration::ZERO);
        let cache = HashCache::in_memory();
        cache.digest_of(&file).unwrap();
        assert_eq!(cache.lookup(&file, &fs::metadata(&file).unwrap()), None);
    }

    #[test]
    fn a_renamed_folder_keeps_what_is_known_of_its_files() {
        let folder = tempfile::tempdir().unwrap();
        let (old, new) = (folder.path().join("old"), folder.path().join("new"));
        fs::create_dir(&old).unwrap();
        write_old(&old.join("a"), b"one", Duration::from_secs(3600));
        let cache = HashCache::in_memory();
        cache.content_of(&old).unwrap();
        fs::rename(&old, &new).unwrap();
        cache.moved(&old, &new);
        let found = fs::metadata(new.join("a")).unwrap();
        assert_eq!(cache.lookup(&new.join("a"), &found), Some(Digest::of(b"one")));
    }

    #[test]
    fn a_cache_torn_by_a_crash_loses_the_torn_line_only() {
        let folder = tempfile::tempdir().unwrap();
        let (a, b, saved) = (folder.path().join("a"), folder.path().join("b"), folder.path().join("cache"));
        for file in [&a, &b] {
            write_old(file, b"one", Duration::from_secs(3600));
        }
        let cache = HashCache::load(&saved);
        cache.digest_of(&a).unwrap();
        cache.digest_of(&b).unwrap();
        cache.save().unwrap();
        let whole = fs::read(&saved).unwrap();
        fs::write(&saved, &whole[..whole.len() - 3]).unwrap();
        let torn = HashCache::load(&saved);
        assert!(torn.lookup(&a, &fs::metadata(&a).unwrap()).is_some());
        assert!(torn.lookup(&b, &fs::metadata(&b).unwrap()).is_none());
        torn.digest_of(&b).unwrap();
        torn.save().unwrap();
        assert!(HashCache::load(&saved).lookup(&b, &fs::metadata(&b).unwrap()).is_some());
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_cache(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let folder = tempfile::tempdir().unwrap();
            let saved = folder.path().join("cache");
            fs::write(&saved, bytes).unwrap();
            HashCache::load(&saved).save().unwrap();
        }
    }
}
