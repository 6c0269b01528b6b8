//! Writing so that a reader, or the next start after `kill -9`, sees the old bytes or the new ones, never a mixture.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU64, Ordering},
};

use kilter_domain::digest::Digest;

use crate::error::BlobError;

/// Bytes moved at once.
const BUFFER_BYTES: usize = 1 << 20;

static COUNTER: AtomicU64 = AtomicU64::new(0);

/// A name that no other writer of this machine uses at the same time.
pub(crate) fn unique_name(stem: &str) -> String {
    format!("{stem}.{}.{}.tmp", process::id(), COUNTER.fetch_add(1, Ordering::Relaxed))
}

/// A file that vanishes when dropped, unless it was moved to its final place.
pub(crate) struct Temporary {
    path: PathBuf,
    placed: bool,
}

impl Temporary {
    /// A new, empty file of mode 0600 in `folder` (which must exist).
    pub(crate) fn create(folder: &Path, stem: &str) -> Result<(Self, File), BlobError> {
        let path = folder.join(unique_name(stem));
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&path)
            .map_err(|source| BlobError::io("create", &path, source))?;
        Ok((Self { path, placed: false }, file))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Renames the file to `target`; the caller has synced its bytes and syncs the folder afterwards.
    pub(crate) fn place(mut self, target: &Path) -> Result<(), BlobError> {
        fs::rename(&self.path, target).map_err(|source| BlobError::io("move into place", target, source))?;
        self.placed = true;
        Ok(())
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.placed {
            // A leftover is swept at the next open of the store; there is nobody to tell here.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Replaces the file at `path` by `bytes` in one step, durably. The folder is created when missing.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> Result<(), BlobError> {
    let folder = parent(path);
    create_dirs(&folder)?;
    let stem = path.file_name().and_then(|name| name.to_str()).unwrap_or("file");
    let (temporary, mut file) = Temporary::create(&folder, &format!(".{stem}"))?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(|source| BlobError::io("write", path, source))?;
    temporary.place(path)?;
    sync_dir(&folder)
}

/// Makes renames and new names in `folder` survive a power cut.
pub fn sync_dir(folder: &Path) -> Result<(), BlobError> {
    File::open(folder)
        .and_then(|file| file.sync_all())
        .map_err(|source| BlobError::io("sync the folder", folder, source))
}

/// Creates `folder` and what is missing above it.
pub fn create_dirs(folder: &Path) -> Result<(), BlobError> {
    fs::create_dir_all(folder).map_err(|source| BlobError::io("create the folder", folder, source))
}

pub(crate) fn parent(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// Why a copy stopped, and on which side.
#[derive(Debug)]
pub(crate) enum CopyError {
    Read(io::Error),
    Write(io::Error),
}

/// Copies `from` to `to` and returns the digest and the number of bytes that went through.
pub(crate) fn copy_hashing(from: &mut impl Read, to: &mut impl Write) -> Result<(Digest, u64), CopyError> {
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut bytes = 0;
    loop {
        let count = match from.read(&mut buffer) {
            Ok(0) => return Ok((Digest::from_raw(*hasher.finalize().as_bytes()), bytes)),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(CopyError::Read(error)),
        };
        hasher.update(&buffer[..count]);
        to.write_all(&buffer[..count]).map_err(CopyError::Write)?;
        bytes += count as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_leaves_no_temporary() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/er/x.json");
        write_atomic(&path, b"one").unwrap();
        write_atomic(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_named_as_such() {
        // /dev/full answers every write with ENOSPC, like a real full disk.
        let mut full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let Err(CopyError::Write(error)) = copy_hashing(&mut &b"bytes"[..], &mut full) else {
            panic!("a full disk took the bytes")
        };
        let error = BlobError::io("write", "/dev/full", error);
        assert!(error.is_disk_full());
        assert!(error.to_string().starts_with("the disk is full: could not write `/dev/full`"), "{error}");
    }

    #[test]
    fn an_unfinished_temporary_vanishes() {
        let folder = tempfile::tempdir().unwrap();
        drop(Temporary::create(folder.path(), "x").unwrap());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
