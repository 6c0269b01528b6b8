//! From the store back to folders, and the walk over a folder. A checked-out file is a copy that may be edited; the
//! object it came from stays as it is. What stands at a place before is kept in the store, never lost.

use std::{
    fs::{self, File, Metadata, Permissions},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use kilter_domain::digest::Digest;

use crate::{
    atomic::{self, CopyError},
    cache::HashCache,
    content::{Content, ContentKind},
    error::BlobError,
    store::BlobStore,
    walk::kind_of,
};

/// What stood at a place before; its bytes are in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replaced {
    /// What it was, by its digest.
    pub content: Content,
    /// The store did not hold it before: a person or another program wrote it.
    pub was_unknown: bool,
}

impl BlobStore {
    /// Writes a file of these bytes to `target`, which must not exist.
    pub fn checkout_file(&self, digest: &Digest, executable: bool, target: &Path) -> Result<(), BlobError> {
        self.stage_new(target, |staged| self.copy_out(digest, executable, staged))
    }

    /// Writes the files of a tree to the new folder `target`, which must not exist. The folder appears whole.
    pub fn checkout_tree(&self, digest: &Digest, target: &Path) -> Result<(), BlobError> {
        self.stage_new(target, |staged| self.copy_out_tree(digest, staged))
    }

    /// Makes `target` hold `content`. Other content that stands there is stored first, and is returned.
    pub fn place(&self, content: &Content, target: &Path, cache: &HashCache) -> Result<Option<Replaced>, BlobError> {
        let before = self.keep(target, cache)?;
        if before.as_ref().is_some_and(|before| before.content == *content) {
            return Ok(None);
        }
        let staged = staging_path(target)?;
        let staged = Leftover(&staged);
        match content.kind {
            ContentKind::File => self.copy_out(&content.digest, content.executable, staged.0)?,
            ContentKind::Tree => self.copy_out_tree(&content.digest, staged.0)?,
        }
        swap_in(staged.0, target)?;
        Ok(before)
    }

    /// Like [`BlobStore::place`], with the bytes that stand at `written` (stored as `content` before): they are
    /// renamed when both lie on one file system.
    pub fn adopt(
        &self,
        written: &Path,
        content: &Content,
        target: &Path,
        cache: &HashCache,
    ) -> Result<Option<Replaced>, BlobError> {
        let before = self.keep(target, cache)?;
        if before.as_ref().is_some_and(|before| before.content == *content) {
            return Ok(None);
        }
        atomic::create_dirs(&atomic::parent(target))?;
        match swap_in(written, target) {
            Ok(()) => cache.moved(written, target),
            Err(BlobError::Io { source, .. }) if source.kind() == std::io::ErrorKind::CrossesDevices => {
                return self.place(content, target, cache);
            }
            Err(error) => return Err(error),
        }
        Ok(before)
    }

    /// Stores what stands at `target`, if anything does.
    fn keep(&self, target: &Path, cache: &HashCache) -> Result<Option<Replaced>, BlobError> {
        match target.symlink_metadata() {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(BlobError::io("look at", target, source)),
            Ok(found) if found.is_file() || found.is_dir() => {}
            Ok(found) => return Err(BlobError::NotPlain { path: target.to_owned(), what: kind_of(&found) }),
        }
        let content = cache.content_of(target)?;
        if self.has_content(&content) {
            Ok(Some(Replaced { content, was_unknown: false }))
        } else {
            self.put(target, cache).map(|content| Some(Replaced { content, was_unknown: true }))
        }
    }

    fn stage_new(&self, target: &Path, write: impl FnOnce(&Path) -> Result<(), BlobError>) -> Result<(), BlobError> {
        if target.symlink_metadata().is_ok() {
            return Err(BlobError::Exists { path: target.to_owned() });
        }
        let staged = staging_path(target)?;
        let staged = Leftover(&staged);
        write(staged.0)?;
        swap_in(staged.0, target)
    }

    /// Copies an object to the new file `target` and verifies the bytes on the way.
    fn copy_out(&self, digest: &Digest, executable: bool, target: &Path) -> Result<(), BlobError> {
        let failed = |source| BlobError::io("write", target, source);
        let mut object = self.reader(digest)?;
        let mut file = File::create_new(target).map_err(failed)?;
        let (found, _) = atomic::copy_hashing(&mut object, &mut file).map_err(|error| match error {
            CopyError::Read(source) => BlobError::io("read", self.path_of(digest), source),
            CopyError::Write(source) => failed(source),
        })?;
        if found != *digest {
            return Err(BlobError::Corrupt { expected: *digest, found, path: self.path_of(digest) });
        }
        if executable { file.set_permissions(Permissions::from_mode(0o755)).map_err(failed) } else { Ok(()) }
    }

    fn copy_out_tree(&self, digest: &Digest, target: &Path) -> Result<(), BlobError> {
        let tree = self.tree(digest)?;
        atomic::create_dirs(target)?;
        for entry in tree.entries() {
            let path = entry.path.below(target);
            atomic::create_dirs(&atomic::parent(&path))?;
            self.copy_out(&entry.digest, entry.executable, &path)?;
        }
        Ok(())
    }
}

/// Deletes what is left at a staging path when the work on it ended early.
struct Leftover<'a>(&'a Path);

impl Drop for Leftover<'_> {
    fn drop(&mut self) {
        let _ = remove(self.0);
    }
}

/// A new name beside `target`, on the same file system; the folder above is created.
fn staging_path(target: &Path) -> Result<PathBuf, BlobError> {
    let folder = atomic::parent(target);
    atomic::create_dirs(&folder)?;
    let name = target.file_name().and_then(|name| name.to_str()).unwrap_or("content");
    Ok(folder.join(atomic::unique_name(&format!(".{name}"))))
}

/// Moves `staged` to `target`. A file replaces a file in one step; a folder in the way is set aside first, and put
/// back when the move fails.
fn swap_in(staged: &Path, target: &Path) -> Result<(), BlobError> {
    let failed = |source| BlobError::io("move into place", target, source);
    let in_the_way = target.symlink_metadata().ok();
    let both_files = staged.is_file() && in_the_way.as_ref().is_none_or(Metadata::is_file);
    if in_the_way.is_none() || both_files {
        return fs::rename(staged, target).map_err(failed);
    }
    let aside = staging_path(target)?;
    fs::rename(target, &aside).map_err(failed)?;
    if let Err(source) = fs::rename(staged, target) {
        // What stood there goes back; should that fail too, its bytes are in the store.
        let _ = fs::rename(&aside, target);
        return Err(failed(source));
    }
    remove(&aside).map_err(|source| BlobError::io("remove the old", &aside, source))
}

fn remove(path: &Path) -> std::io::Result<()> {
    match path.symlink_metadata() {
        Ok(found) if found.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(_) => Ok(()),
    }
}
