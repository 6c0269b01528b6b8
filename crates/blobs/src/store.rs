//! The store: `objects/aa/bb…` holds each blob under its digest, `tmp/` what is being written.
//!
//! With an object store behind it, an object is uploaded before it has its name in the folder, and before whoever puts it gets
//! an answer. So the folder is a cache: each file in it may go, and comes back when it is needed.

use std::{
    collections::BTreeSet,
    fs::{self, File, Permissions},
    io::{Read, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

use kilter_domain::digest::Digest;
use kilter_storage::{CachedStorage, Upload};

use crate::{
    atomic::{self, CopyError, Temporary},
    cache::HashCache,
    content::{Content, ContentKind},
    error::BlobError,
    tree::{Tree, TreeEntry},
    walk::{PlainFile, is_executable, open_plain, walk},
};

/// Files of a tree that are written before they are synced and moved into place together.
const BATCH_FILES: usize = 1024;
/// Longest manifest of a tree that is read: five million files of a hundred bytes each.
const MAX_MANIFEST_BYTES: u64 = 512 << 20;

/// A folder of blobs, alone or in front of an object store. Clones share it; any number of processes may use it at the same time.
#[derive(Clone)]
pub struct BlobStore {
    root: Arc<Root>,
}

struct Root {
    path: PathBuf,
    /// Held shared for as long as this process may write temporary files.
    lock: Option<File>,
    /// Where the objects are kept; `None`: in the folder alone.
    storage: Option<CachedStorage>,
}

impl BlobStore {
    /// Opens the store at `root`, creating it when missing. Leftovers of killed writers are swept when nobody else
    /// has the store open.
    pub fn open(root: &Path) -> Result<Self, BlobError> {
        Self::open_before(root, None)
    }

    /// The same, in front of an object store.
    ///
    /// # Errors
    /// When the folder cannot be made or locked. The store is not asked.
    pub fn open_before(root: &Path, storage: Option<CachedStorage>) -> Result<Self, BlobError> {
        let temporary = root.join("tmp");
        atomic::create_dirs(&root.join("objects"))?;
        atomic::create_dirs(&temporary)?;
        let path = root.join("lock");
        let failed = |source| BlobError::io("lock", &path, source);
        let lock = File::options().create(true).truncate(false).write(true).open(&path).map_err(failed)?;
        if lock.try_lock().is_ok() {
            sweep(&temporary)?;
            lock.unlock().map_err(failed)?;
        }
        lock.lock_shared().map_err(failed)?;
        Ok(Self { root: Arc::new(Root { path: root.to_owned(), lock: Some(lock), storage }) })
    }

    /// The store at `root` as it stands, to read from it: nothing is made, swept or locked. What is not in the folder is fetched
    /// from the object store.
    pub fn open_for_reading(root: &Path, storage: Option<CachedStorage>) -> Self {
        Self { root: Arc::new(Root { path: root.to_owned(), lock: None, storage }) }
    }

    /// Stores `bytes`; storing what is there already costs one look.
    pub fn put_bytes(&self, bytes: &[u8]) -> Result<Digest, BlobError> {
        let digest = Digest::of(bytes);
        let mut batch = Batch::new(self);
        if self.holds(&digest, bytes.len() as u64) {
            batch.add_held(digest);
        } else {
            let (temporary, mut file) = self.temporary()?;
            file.write_all(bytes).map_err(|source| BlobError::io("write", temporary.path(), source))?;
            batch.add(temporary, digest, bytes.len() as u64)?;
        }
        batch.finish()?;
        Ok(digest)
    }

    /// Stores what `source` gives until its end, as it comes: none of it is held in memory.
    ///
    /// # Errors
    /// When reading or writing fails; nothing of it stays.
    pub fn put_reader(&self, source: &mut impl Read) -> Result<Content, BlobError> {
        let mut batch = Batch::new(self);
        let (temporary, mut file) = self.temporary()?;
        let (digest, bytes) = atomic::copy_hashing(source, &mut file).map_err(|error| match error {
            CopyError::Read(source) => BlobError::io("receive", temporary.path(), source),
            CopyError::Write(source) => BlobError::io("write", temporary.path(), source),
        })?;
        batch.add(temporary, digest, bytes)?;
        batch.finish()?;
        Ok(Content::file(digest, bytes, false))
    }

    /// Stores a copy of the file at `path` (a symbolic link is followed).
    pub fn put_file(&self, path: &Path) -> Result<Content, BlobError> {
        self.put_file_with(path, &HashCache::in_memory())
    }

    /// The same; a file that `cache` knows and the store holds is not read.
    pub fn put_file_with(&self, path: &Path, cache: &HashCache) -> Result<Content, BlobError> {
        let found = fs::metadata(path).map_err(|source| BlobError::io("read", path, source))?;
        let mut batch = Batch::new(self);
        let (digest, bytes) = batch.add_file(path, &found, cache)?;
        batch.finish()?;
        Ok(Content::file(digest, bytes, is_executable(&found)))
    }

    /// Stores copies of all files below `folder` and the list of them. Links and devices are refused.
    pub fn put_tree(&self, folder: &Path) -> Result<Content, BlobError> {
        self.put_tree_with(folder, &HashCache::in_memory())
    }

    /// The same; files that `cache` knows and the store holds are not read.
    pub fn put_tree_with(&self, folder: &Path, cache: &HashCache) -> Result<Content, BlobError> {
        let mut batch = Batch::new(self);
        let tree = cache.tree_with(folder, &mut |path, found| batch.add_file(path, found, cache))?;
        // The list comes last: a tree that can be found has all its files.
        batch.finish()?;
        self.put_bytes(&tree.to_bytes())?;
        Ok(Content::tree(&tree))
    }

    /// Stores copies of these files of a folder and the list of them. A link is an error.
    ///
    /// # Errors
    /// If a file cannot be read or stored, is none any more, or changed meanwhile.
    pub fn put_files(&self, files: &[PlainFile]) -> Result<Content, BlobError> {
        let (mut batch, cache) = (Batch::new(self), HashCache::in_memory());
        let mut entries = Vec::with_capacity(files.len());
        for (path, place, found) in files {
            let (digest, bytes) = batch.add_file(place, found, &cache)?;
            entries.push(TreeEntry { path: path.clone(), executable: is_executable(found), digest, bytes });
        }
        let changed = |_| BlobError::Changed { path: files.first().map_or_else(PathBuf::new, |file| file.1.clone()) };
        let tree = Tree::new(entries).map_err(changed)?;
        batch.finish()?;
        self.put_bytes(&tree.to_bytes())?;
        Ok(Content::tree(&tree))
    }

    /// Stores what stands at `path`, a file or a folder.
    pub fn put(&self, path: &Path, cache: &HashCache) -> Result<Content, BlobError> {
        if path.is_dir() { self.put_tree_with(path, cache) } else { self.put_file_with(path, cache) }
    }

    /// Whether the store holds this object (not whether its bytes are right: see [`BlobStore::verify`]); no when the object store
    /// cannot be asked.
    pub fn has(&self, digest: &Digest) -> bool {
        self.path_of(digest).is_file() || self.size_in_storage(digest).is_some()
    }

    /// Whether the store holds everything that is needed to check `content` out. What it holds stays for a day at least.
    pub fn has_content(&self, content: &Content) -> bool {
        let has = |digest: &Digest, bytes| self.holds(digest, bytes) || self.size_in_storage(digest) == Some(bytes);
        match content.kind {
            ContentKind::File => has(&content.digest, content.bytes),
            ContentKind::Tree => self.tree(&content.digest).is_ok_and(|tree| {
                let path = self.path_of(&content.digest);
                path.metadata().is_ok_and(|found| self.renew(&path, &found))
                    && tree.entries().iter().all(|entry| has(&entry.digest, entry.bytes))
            }),
        }
    }

    /// The file with an object, for reading (a memory map, say); it is fetched when it is not in the folder. It must not be
    /// changed.
    ///
    /// # Errors
    /// When there is no such object, or it cannot be fetched.
    pub fn fetch(&self, digest: &Digest) -> Result<PathBuf, BlobError> {
        let path = self.path_of(digest);
        let is_there = match &self.root.storage {
            None => path.is_file(),
            Some(storage) => storage.fetch(&key_of(digest), digest, &path)?,
        };
        if is_there { Ok(path) } else { Err(BlobError::NotFound { digest: *digest }) }
    }

    pub(crate) fn path_of(&self, digest: &Digest) -> PathBuf {
        Self::path_in(&self.root.path, digest)
    }

    /// Writes an object to `to`, and compares it with its digest while it is written: what was written before an error is to be
    /// thrown away. The number of bytes.
    ///
    /// # Errors
    /// If there is no such object, it is damaged, or `to` does not take it.
    pub fn write_to(&self, digest: &Digest, to: &mut impl Write) -> Result<u64, BlobError> {
        let path = self.fetch(digest)?;
        let (found, bytes) = atomic::read_into(&path, to)?;
        if found == *digest { Ok(bytes) } else { Err(BlobError::Corrupt { expected: *digest, found, path }) }
    }

    /// Opens an object for reading. Its bytes are not verified.
    pub fn reader(&self, digest: &Digest) -> Result<File, BlobError> {
        let path = self.fetch(digest)?;
        File::open(&path).map_err(|source| match source.kind() {
            std::io::ErrorKind::NotFound => BlobError::NotFound { digest: *digest },
            _ => BlobError::io("read", &path, source),
        })
    }

    /// The bytes of an object of at most `limit` bytes, verified against its digest. A damaged file that is a copy of an object in
    /// the object store is fetched again.
    pub fn read(&self, digest: &Digest, limit: u64) -> Result<Vec<u8>, BlobError> {
        match (self.read_file(digest, limit), &self.root.storage) {
            (Err(BlobError::Corrupt { path, .. }), Some(storage)) => {
                storage.forget(&path)?;
                self.read_file(digest, limit)
            }
            (read, _) => read,
        }
    }

    fn read_file(&self, digest: &Digest, limit: u64) -> Result<Vec<u8>, BlobError> {
        let path = self.path_of(digest);
        let file = self.reader(digest)?;
        let failed = |source| BlobError::io("read", &path, source);
        let bytes = file.metadata().map_err(failed)?.len();
        if bytes > limit {
            return Err(BlobError::TooLarge { what: format!("object {digest}"), bytes, limit });
        }
        let mut buffer = Vec::with_capacity(bytes as usize);
        file.take(limit).read_to_end(&mut buffer).map_err(failed)?;
        match Digest::of(&buffer) {
            found if found == *digest => Ok(buffer),
            found => Err(BlobError::Corrupt { expected: *digest, found, path }),
        }
    }

    /// The list of a stored tree.
    pub fn tree(&self, digest: &Digest) -> Result<Tree, BlobError> {
        let bytes = self.read(digest, MAX_MANIFEST_BYTES)?;
        Tree::parse(&bytes).map_err(|source| BlobError::Tree { digest: *digest, source })
    }

    /// Reads an object and compares its bytes with its digest.
    pub fn verify(&self, digest: &Digest) -> Result<(), BlobError> {
        self.write_to(digest, &mut std::io::sink()).map(|_| ())
    }

    /// Calls `each` with every object in the folder, in no particular order.
    pub fn for_each_object(&self, each: &mut dyn FnMut(Digest)) -> Result<(), BlobError> {
        for (path, _, _) in walk(&self.root.path.join("objects"))? {
            if let Ok(digest) = path.as_str().replace('/', "").parse() {
                each(digest);
            }
        }
        Ok(())
    }

    /// Where an object of the store at `root` stands.
    pub fn path_in(root: &Path, digest: &Digest) -> PathBuf {
        let hex = digest.to_string();
        root.join("objects").join(&hex[..2]).join(&hex[2..])
    }

    /// Reads every object of the store at `root` and compares its bytes with its name, without opening the store: nothing
    /// is changed, and others may use it meanwhile.
    ///
    /// # Errors
    /// When the folder cannot be listed.
    pub fn check(root: &Path, each: &mut dyn FnMut(&Path, Result<Digest, BlobError>)) -> Result<(), BlobError> {
        for (name, path, _) in walk(&root.join("objects"))? {
            let checked = match name.as_str().replace('/', "").parse::<Digest>() {
                Err(_) => Err(BlobError::NotPlain { path: path.clone(), what: "a file whose name is no digest" }),
                Ok(expected) => atomic::digest_of(&path).and_then(|(found, _)| {
                    if found == expected {
                        Ok(expected)
                    } else {
                        Err(BlobError::Corrupt { expected, found, path: path.clone() })
                    }
                }),
            };
            each(&path, checked);
        }
        Ok(())
    }

    /// What is needed for a tree and is not among the `whole` objects of the store at `root`.
    pub fn missing_of(root: &Path, tree: &Digest, whole: &BTreeSet<Digest>) -> Vec<Digest> {
        if !whole.contains(tree) {
            return vec![*tree];
        }
        let bytes = fs::read(Self::path_in(root, tree)).unwrap_or_default();
        let entries = Tree::parse(&bytes).map(|tree| tree.entries().to_vec()).unwrap_or_default();
        entries.into_iter().map(|entry| entry.digest).filter(|digest| !whole.contains(digest)).collect()
    }

    /// Whether the object is there and may be relied on from now on. One of another length than its name promises was torn,
    /// and is written again.
    fn holds(&self, digest: &Digest, bytes: u64) -> bool {
        let path = self.path_of(digest);
        path.metadata().is_ok_and(|found| found.is_file() && found.len() == bytes && self.renew(&path, &found))
    }

    /// The folder of the store.
    pub fn root(&self) -> &Path {
        &self.root.path
    }

    /// The object store behind the folder.
    pub(crate) fn storage(&self) -> Option<&CachedStorage> {
        self.root.storage.as_ref()
    }

    /// Whether the store was opened to read from it.
    pub(crate) fn is_read_only(&self) -> bool {
        self.root.lock.is_none()
    }

    /// How long an object is in the object store; `None` where it is not, or cannot be asked.
    fn size_in_storage(&self, digest: &Digest) -> Option<u64> {
        self.root.storage.as_ref().and_then(|storage| storage.size(&key_of(digest)).ok().flatten())
    }

    fn temporary(&self) -> Result<(Temporary, File), BlobError> {
        Temporary::create(&self.root.path.join("tmp"), "object")
    }
}

fn sweep(folder: &Path) -> Result<(), BlobError> {
    let failed = |source| BlobError::io("sweep", folder, source);
    for entry in fs::read_dir(folder).map_err(failed)? {
        fs::remove_file(entry.map_err(failed)?.path()).map_err(failed)?;
    }
    Ok(())
}

/// Where the objects are in the object store.
pub(crate) const FOLDER: &str = "blobs";

/// The name of an object in the object store.
fn key_of(digest: &Digest) -> String {
    let hex = digest.to_string();
    format!("{FOLDER}/{}/{}", &hex[..2], &hex[2..])
}

/// Written objects that wait to be synced, uploaded and moved into place; dropped unfinished, they vanish.
struct Batch<'a> {
    store: &'a BlobStore,
    waiting: Vec<(Temporary, Digest, u64)>,
    /// Objects that the folder has. Garbage may have been collected in the object store by another server.
    held: BTreeSet<Digest>,
}

impl<'a> Batch<'a> {
    fn new(store: &'a BlobStore) -> Self {
        Self { store, waiting: Vec::new(), held: BTreeSet::new() }
    }

    fn add_file(&mut self, path: &Path, found: &fs::Metadata, cache: &HashCache) -> Result<(Digest, u64), BlobError> {
        if let Some(digest) = cache.lookup(path, found).filter(|digest| self.store.holds(digest, found.len())) {
            self.add_held(digest);
            return Ok((digest, found.len()));
        }
        let began = SystemTime::now();
        let source = open_plain(path)?;
        let (temporary, mut file) = self.store.temporary()?;
        let (digest, bytes) = cache.read_steady(path, source, began, &mut file)?;
        self.add(temporary, digest, bytes)?;
        Ok((digest, bytes))
    }

    fn add(&mut self, temporary: Temporary, digest: Digest, bytes: u64) -> Result<(), BlobError> {
        if self.store.holds(&digest, bytes) {
            self.add_held(digest);
        } else {
            self.waiting.push((temporary, digest, bytes));
        }
        if self.waiting.len() < BATCH_FILES { Ok(()) } else { self.finish() }
    }

    fn add_held(&mut self, digest: Digest) {
        if self.store.root.storage.is_some() {
            self.held.insert(digest);
        }
    }

    /// Writes what waits, and what the folder has, into the object store unless it is there.
    fn upload(&self) -> Result<(), BlobError> {
        let Some(storage) = &self.store.root.storage else { return Ok(()) };
        let upload = |digest: &Digest, path: &Path| Upload { key: key_of(digest), path: path.to_owned() };
        let waiting = self.waiting.iter().map(|(temporary, digest, _)| upload(digest, temporary.path()));
        let held = self.held.iter().map(|digest| upload(digest, &self.store.path_of(digest)));
        storage.create_files(&waiting.chain(held).collect::<Vec<_>>())?;
        storage.count(self.waiting.iter().map(|(_, _, bytes)| bytes).sum())?;
        Ok(())
    }

    /// Syncs the bytes, uploads them, moves them to their names, then syncs the folders, so that a name never lacks its bytes.
    fn finish(&mut self) -> Result<(), BlobError> {
        let mut folders = BTreeSet::new();
        for (temporary, _, _) in &self.waiting {
            let sync = || {
                let file = File::options().write(true).open(temporary.path())?;
                file.set_permissions(Permissions::from_mode(0o444))?;
                file.sync_all()
            };
            sync().map_err(|source| BlobError::io("write", temporary.path(), source))?;
        }
        self.upload()?;
        self.held.clear();
        for (temporary, digest, bytes) in self.waiting.drain(..) {
            if self.store.holds(&digest, bytes) {
                continue;
            }
            let target = self.store.path_of(&digest);
            let folder = atomic::parent(&target);
            if !folder.is_dir() {
                atomic::create_dirs(&folder)?;
                folders.insert(atomic::parent(&folder));
            }
            temporary.place(&target)?;
            folders.insert(folder);
        }
        folders.iter().try_for_each(|folder| atomic::sync_dir(folder))
    }
}
