//! A stored package as a folder or an archive.
//!
//! Invariants: what is written is compared with the digests of the package while it is written; a folder appears whole or not at
//! all; the signature is written last, and is no part of what it signs.

use std::{
    fs::{self, File, Permissions},
    io::{BufWriter, Write},
    os::unix::fs::PermissionsExt,
    path::Path,
};

use kilter_blobs::{BlobError, BlobStore, Tree, atomic};

use crate::{
    archive::ArchiveWriter,
    error::PackageError,
    model_signature::{FileHashes, SIGNATURE_PATH},
    sha256::Sha256,
};

/// A stored package with its signature, about to be written elsewhere.
pub struct Export<'p> {
    /// Where its files are.
    pub blobs: &'p BlobStore,
    /// Its files.
    pub tree: &'p Tree,
    /// The text of its signature; `None` for one that has none.
    pub signature: Option<&'p str>,
}

impl Export<'_> {
    /// Writes the folder `target`, which must not be there.
    ///
    /// # Errors
    /// If there is something, a file is missing or damaged, or the folder cannot be written.
    pub fn to_folder(&self, target: &Path) -> Result<(), PackageError> {
        if target.symlink_metadata().is_ok() {
            return Err(PackageError::Exists(target.to_owned()));
        }
        let above = target.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
        atomic::create_dirs(above)?;
        let failed = |path: &Path, source| BlobError::Io { attempted: "write", path: path.to_owned(), source };
        let beside = tempfile::Builder::new()
            .prefix(".package.")
            .permissions(Permissions::from_mode(0o755))
            .tempdir_in(above)
            .map_err(|source| failed(above, source))?;
        for entry in self.tree.entries() {
            let place = entry.path.below(beside.path());
            if let Some(folder) = place.parent() {
                fs::create_dir_all(folder).map_err(|source| failed(folder, source))?;
            }
            let from = self.blobs.fetch(&entry.digest)?;
            let (found, _) = atomic::copy_new(&from, &place)?;
            if found != entry.digest {
                return Err(BlobError::Corrupt { expected: entry.digest, found, path: from }.into());
            }
            let mode = if entry.executable { 0o755 } else { 0o644 };
            fs::set_permissions(&place, Permissions::from_mode(mode)).map_err(|source| failed(&place, source))?;
        }
        if let Some(signature) = self.signature {
            atomic::write_atomic(&beside.path().join(SIGNATURE_PATH), signature.as_bytes())?;
        }
        let kept = beside.keep();
        fs::rename(&kept, target).map_err(|source| failed(target, source)).inspect_err(|_| {
            // What is left of a failed attempt is ours; the first error says why.
            let _ = fs::remove_dir_all(&kept);
        })?;
        Ok(atomic::sync_dir(above)?)
    }

    /// Writes the archive `target`, which must not be there, with everything below the folder `name`.
    ///
    /// # Errors
    /// As [`Export::to_folder`].
    pub fn to_archive(&self, name: &str, target: &Path) -> Result<(), PackageError> {
        if target.symlink_metadata().is_ok() {
            return Err(PackageError::Exists(target.to_owned()));
        }
        let failed = |source| BlobError::Io { attempted: "write", path: target.to_owned(), source };
        let above = target.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
        atomic::create_dirs(above)?;
        let beside = tempfile::Builder::new()
            .prefix(".package.")
            .permissions(Permissions::from_mode(0o644))
            .tempfile_in(above)
            .map_err(failed)?;
        let mut archive = ArchiveWriter::new(BufWriter::with_capacity(1 << 20, beside.as_file()));
        for entry in self.tree.entries() {
            archive.begin(&format!("{name}/{}", entry.path), entry.executable, entry.bytes).map_err(failed)?;
            let copied = self.blobs.write_to(&entry.digest, archive.content())?;
            archive.end(entry.bytes, copied).map_err(failed)?;
        }
        if let Some(signature) = self.signature {
            let path = format!("{name}/{SIGNATURE_PATH}");
            archive.add(&path, false, signature.len() as u64, signature.as_bytes()).map_err(failed)?;
        }
        let sync = |mut out: BufWriter<&File>| out.flush().and_then(|()| out.get_ref().sync_all());
        archive.finish().and_then(sync).map_err(failed)?;
        beside.persist(target).map_err(|error| failed(error.error))?;
        Ok(atomic::sync_dir(above)?)
    }

    /// The SHA-256 of every file, each read once and compared with its digest; those of layouts before 3 are not listed anywhere.
    ///
    /// # Errors
    /// If a file is missing or damaged.
    pub fn hash(&self) -> Result<FileHashes, PackageError> {
        let mut hashes = FileHashes::new();
        for entry in self.tree.entries() {
            let mut sha256 = Sha256::new();
            self.blobs.write_to(&entry.digest, &mut sha256)?;
            hashes.insert(entry.path.to_string(), sha256.finish());
        }
        Ok(hashes)
    }
}
