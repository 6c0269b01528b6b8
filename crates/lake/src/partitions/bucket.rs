//! Partitions in an object store: `lake/<kind>/<endpoint>/<number>-<digest>.parquet`. The digest in the name makes two attempts to
//! write one number two objects, of which the index knows one.

use std::{
    fs,
    path::{Path, PathBuf},
};

use kilter_domain::{digest::Digest, ids::EndpointName};
use kilter_storage::{CachedStorage, Upload};

use super::{KnownPartition, Lake, LogKind};
use crate::{
    error::LakeError,
    source::io,
    write::{Target, create_folder},
};

impl Lake {
    /// The same lake in front of an object store.
    pub fn with_storage(mut self, storage: Option<CachedStorage>) -> Self {
        self.storage = storage;
        self
    }

    /// Whether the bytes of a partition are where they should be, without fetching them: in the folder they are compared with the
    /// digest, in the object store their number is.
    ///
    /// # Errors
    /// When they are missing or others, or cannot be looked at.
    pub fn check(&self, kind: LogKind, endpoint: &EndpointName, known: &KnownPartition) -> Result<(), LakeError> {
        let path = self.path_of(kind, endpoint, known.seq);
        let in_folder = self.verify_file(&path, known);
        let (Some(storage), Err(damage)) = (&self.storage, &in_folder) else { return in_folder.map(drop) };
        let is_copy_damaged = matches!(damage, LakeError::Changed { .. });
        let stored = storage.size(&key_of(kind, endpoint, known.seq, &known.digest))?;
        if stored == Some(known.bytes) && !is_copy_damaged { Ok(()) } else { in_folder.map(drop) }
    }

    /// Adds a partition whose verified bytes lie in another lake, in the file `from`, under its number. One that is there is left as
    /// it is.
    ///
    /// # Errors
    /// When there are other bytes under its number; what the disk or the object store answers.
    pub fn import(
        &self,
        kind: LogKind,
        endpoint: &EndpointName,
        known: &KnownPartition,
        from: &Path,
    ) -> Result<(), LakeError> {
        match self.check(kind, endpoint, known) {
            Err(LakeError::PartitionMissing { .. }) => {}
            checked => return checked,
        }
        if self.storage.is_some() {
            return self.upload(kind, endpoint, (known.seq, known.digest), from);
        }
        let path = self.path_of(kind, endpoint, known.seq);
        create_folder(&self.folder(kind, endpoint))?;
        let bytes = fs::read(from).map_err(|source| io("read", from, source))?;
        Target::create(&path)?.write(&bytes)?;
        self.verify_file(&path, known).map(drop)
    }

    /// Deletes a partition that the index does not need any more, in the object store and in the folder; one that is gone is no
    /// error.
    ///
    /// # Errors
    /// What the disk or the object store answers.
    pub fn remove(&self, kind: LogKind, endpoint: &EndpointName, known: &KnownPartition) -> Result<(), LakeError> {
        let path = self.path_of(kind, endpoint, known.seq);
        self.known().remove(&path);
        if let Some(storage) = &self.storage {
            return Ok(storage.delete(&key_of(kind, endpoint, known.seq, &known.digest), &path)?);
        }
        match fs::remove_file(&path) {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => Err(io("remove", &path, source)),
            _ => Ok(()),
        }
    }

    /// Writes a staged file into the object store, if there is one.
    pub(super) fn upload(
        &self,
        kind: LogKind,
        endpoint: &EndpointName,
        (seq, digest): (u64, Digest),
        path: &Path,
    ) -> Result<(), LakeError> {
        let Some(storage) = &self.storage else { return Ok(()) };
        let (key, path) = (key_of(kind, endpoint, seq, &digest), path.to_owned());
        Ok(storage.create_files(&[Upload { key, path }])?)
    }

    /// Brings a partition from the object store to its file. A file that is there has other bytes, and is replaced.
    pub(super) fn fetch(
        &self,
        kind: LogKind,
        endpoint: &EndpointName,
        known: &KnownPartition,
        path: &PathBuf,
    ) -> Result<(), LakeError> {
        let Some(storage) = &self.storage else { return Ok(()) };
        if let Err(LakeError::Changed { .. }) = self.verify_file(path, known) {
            storage.forget(path)?;
        }
        match storage.fetch(&key_of(kind, endpoint, known.seq, &known.digest), &known.digest, path)? {
            true => Ok(()),
            false => Err(LakeError::PartitionMissing { path: path.to_owned() }),
        }
    }

    pub(super) fn note_use(&self, path: &Path) {
        if let Some(storage) = &self.storage {
            storage.note_use(path);
        }
    }

    /// Counts a file that was named.
    pub(super) fn count(&self, bytes: u64) -> Result<(), LakeError> {
        Ok(self.storage.as_ref().map_or(Ok(()), |storage| storage.count(bytes))?)
    }
}

/// The name of a partition in the object store.
fn key_of(kind: LogKind, endpoint: &EndpointName, seq: u64, digest: &Digest) -> String {
    format!("lake/{kind}/{endpoint}/{seq:012}-{}.parquet", digest.short())
}
