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

/// Creates `folder` and what is missing above it; new names survive a power cut.
pub fn create_dirs(folder: &Path) -> Result<(), BlobError> {
    let is_missing = |folder: &&Path| !folder.as_os_str().is_empty() && !folder.exists();
    let missing: Vec<&Path> = folder.ancestors().take_while(is_missing).collect();
    fs::create_dir_all(folder).map_err(|source| BlobError::io("create the folder", folder, source))?;
    missing.into_iter().try_for_each(|folder| sync_dir(&parent(folder)))
}

/// Copies a file to a new one, with its permissions; when it returns, the bytes survive a power cut. The digest and the
/// number of bytes that went through.
pub fn copy_new(from: &Path, to: &Path) -> Result<(Digest, u64), BlobError> {
    let failed = |source| BlobError::io("read", from, source);
    let mut source = File::open(from).map_err(failed)?;
    let permissions = source.metadata().map_err(failed)?.permissions();
    let mut target =
        OpenOptions::new().write(true).create_new(true).open(to).map_err(|source| match source.kind() {
            io::ErrorKind::AlreadyExists => BlobError::Exists { path: to.to_owned() },
            _ => BlobError::io("create", to, source),
        })?;
    let copied = copy_hashing(&mut source, &mut target).map_err(|error| match error {
        CopyError::Read(source) => failed(source),
        CopyError::Write(source) => BlobError::io("write", to, source),
    })?;
    let finish = || {
        target.set_permissions(permissions)?;
        target.sync_all()
    };
    finish().map_err(|source| BlobError::io("write", to, source))?;
    Ok(copied)
}

/// The digest and the number of bytes of a file.
pub fn digest_of(path: &Path) -> Result<(Digest, u64), BlobError> {
    read_into(path, &mut io::sink())
}

/// Writes a file to `to`. Its digest and the number of bytes, which are read once.
pub fn read_into(path: &Path, to: &mut impl Write) -> Result<(Digest, u64), BlobError> {
    let mut source = File::open(path).map_err(|source| BlobError::io("read", path, source))?;
    copy_hashing(&mut source, to).map_err(|error| match error {
        CopyError::Read(source) => BlobError::io("read", path, source),
        CopyError::Write(source) => BlobError::io("write a copy of", path, source),
    })
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
    fn a_copy_has_the_bytes_and_the_permissions_and_never_replaces_a_file() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("a"), folder.path().join("b"));
        fs::write(&from, b"bytes").unwrap();
        fs::set_permissions(&from, fs::Permissions::from_mode(0o444)).unwrap();
        assert_eq!(copy_new(&from, &to).unwrap(), (Digest::of(b"bytes"), 5));
        assert_eq!(digest_of(&to).unwrap(), (Digest::of(b"bytes"), 5));
        assert_eq!(fs::metadata(&to).unwrap().permissions().mode() & 0o777, 0o444);
        assert!(matches!(copy_new(&from, &to), Err(BlobError::Exists { .. })));
    }

    #[test]
    fn an_unfinished_temporary_vanishes() {
        let folder = tempfile::tempdir().unwrap();
        drop(Temporary::create(folder.path(), "x").unwrap());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
