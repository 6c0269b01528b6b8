//! The files of a package folder, hashed once each.
//!
//! Invariants: symbolic links, devices and pipes are errors, and are never followed; files are streamed, whatever their size.

use std::{
    fs::{self, File, Metadata},
    io::{self, Read},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use kilter_blobs::{BlobError, Tree, TreeEntry, TreePath, atomic};
use kilter_domain::digest::Digest;
use ring::digest::{Context, SHA256};

use crate::{
    error::PackageError,
    manifest::MAX_FILES,
    model_signature::{FileHashes, SIGNATURE_PATH},
};

/// Bytes moved at once.
const BUFFER_BYTES: usize = 1 << 20;
/// Deepest folder that is looked into.
const MAX_DEPTH: usize = 64;

/// The files of a folder, without the signature at its top.
pub(crate) struct FolderFiles {
    /// The SHA-256 of each file.
    pub hashes: FileHashes,
    /// The tree that they make: its digest is the identity of a package.
    pub tree: Tree,
}

impl FolderFiles {
    /// Looks at every file below `folder`.
    pub fn read(folder: &Path) -> Result<Self, PackageError> {
        let (mut hashes, mut entries) = (FileHashes::new(), Vec::new());
        for (path, place, metadata) in list(folder)? {
            let (hash, bytes) = hash_file(&place)?;
            let (digest, _) = atomic::digest_of(&place)?;
            hashes.insert(path.to_string(), hash);
            entries.push(TreeEntry { path, executable: metadata.mode() & 0o111 != 0, digest, bytes });
        }
        let tree = Tree::new(entries).map_err(|source| PackageError::Tree { folder: folder.to_owned(), source })?;
        Ok(Self { hashes, tree })
    }

    /// The digest of the tree.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.tree.to_bytes())
    }
}

/// Every plain file below `folder` but the signature.
pub(crate) fn list(folder: &Path) -> Result<Vec<(TreePath, PathBuf, Metadata)>, PackageError> {
    let mut found = Vec::new();
    let mut folders = vec![(folder.to_owned(), 0)];
    while let Some((current, depth)) = folders.pop() {
        let failed = |source| BlobError::Io { attempted: "read the folder", path: current.clone(), source };
        for entry in fs::read_dir(&current).map_err(failed)? {
            let place = entry.map_err(failed)?.path();
            let metadata = fs::symlink_metadata(&place).map_err(failed)?;
            if metadata.is_dir() && depth < MAX_DEPTH {
                folders.push((place, depth + 1));
                continue;
            }
            if !metadata.is_file() {
                let what = if metadata.is_symlink() { "a symbolic link" } else { "no plain file" };
                return Err(BlobError::NotPlain { path: place, what }.into());
            }
            let path = relative(folder, &place)?;
            if path.as_str() != SIGNATURE_PATH {
                found.push((path, place, metadata));
            }
            if found.len() > MAX_FILES {
                return Err(PackageError::TooManyFiles);
            }
        }
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(found)
}

fn relative(folder: &Path, place: &Path) -> Result<TreePath, PackageError> {
    let text = place.strip_prefix(folder).ok().and_then(Path::to_str).unwrap_or_default();
    text.parse().map_err(|source| BlobError::Path { path: place.to_owned(), source }.into())
}

/// The SHA-256 and the size of a file.
pub(crate) fn hash_file(path: &Path) -> Result<([u8; 32], u64), PackageError> {
    let failed = |source| BlobError::Io { attempted: "read", path: path.to_owned(), source };
    let file = File::open(path).map_err(failed)?;
    Ok(hash_reader(file).map_err(failed)?)
}

/// The SHA-256 and the number of bytes that a reader has left.
pub(crate) fn hash_reader(mut reader: impl Read) -> io::Result<([u8; 32], u64)> {
    let (mut context, mut bytes, mut buffer) = (Context::new(&SHA256), 0, vec![0; BUFFER_BYTES]);
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => {
                context.update(&buffer[..count]);
                bytes += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    let mut hash = [0; 32];
    hash.copy_from_slice(context.finish().as_ref());
    Ok((hash, bytes))
}
