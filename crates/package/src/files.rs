//! The files of a package folder, each read once.
//!
//! Invariants: symbolic links, devices and pipes are errors, and are never followed; files are streamed, whatever their size.

use std::path::Path;

use kilter_blobs::{BlobError, BlobStore, PlainFile, Tree, TreeEntry, atomic, plain_files};
use kilter_domain::digest::Digest;

use crate::{
    error::PackageError,
    manifest::MAX_FILES,
    model_signature::{FileHashes, SIGNATURE_PATH},
    sha256::Sha256,
};

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
            let mut sha256 = Sha256::new();
            let (digest, bytes) = atomic::read_into(&place, &mut sha256)?;
            hashes.insert(path.to_string(), sha256.finish());
            entries.push(TreeEntry { path, executable: is_executable(&metadata), digest, bytes });
        }
        let tree = Tree::new(entries).map_err(|source| PackageError::Tree { folder: folder.to_owned(), source })?;
        Ok(Self { hashes, tree })
    }

    /// The digest of the tree.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.tree.to_bytes())
    }
}

/// Stores the files of a package folder but its signature, as they are. Their tree is the identity of the package.
///
/// # Errors
/// If the folder has something that no package has, or a file cannot be read or stored.
pub fn store_folder(blobs: &BlobStore, folder: &Path) -> Result<Digest, PackageError> {
    Ok(blobs.put_files(&list(folder)?)?.digest)
}

/// Every plain file below `folder` but the signature, in the order of their paths.
pub(crate) fn list(folder: &Path) -> Result<Vec<PlainFile>, PackageError> {
    let mut files = plain_files(folder, MAX_FILES + 1).map_err(|error| match error {
        BlobError::TooManyFiles { .. } => PackageError::TooManyFiles,
        error => error.into(),
    })?;
    files.retain(|(path, ..)| path.as_str() != SIGNATURE_PATH);
    if files.len() > MAX_FILES { Err(PackageError::TooManyFiles) } else { Ok(files) }
}

/// Whether the file may be executed.
pub(crate) fn is_executable(metadata: &std::fs::Metadata) -> bool {
    std::os::unix::fs::MetadataExt::mode(metadata) & 0o111 != 0
}

/// The SHA-256 and the size of a file.
pub(crate) fn hash_file(path: &Path) -> Result<([u8; 32], u64), PackageError> {
    let mut sha256 = Sha256::new();
    let (_, bytes) = atomic::read_into(path, &mut sha256)?;
    Ok((sha256.finish(), bytes))
}
