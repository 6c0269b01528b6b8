//! What a replica keeps in its folder: the plan that it follows, the packages, and what has come of those that are on their way.
//!
//! Invariants: nothing that is read back is believed without being verified again; a package counts as kept once its list and all its
//! files are there; what is damaged is fetched again.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use kilter_blobs::{BlobStore, Tree, TreeEntry};
use kilter_domain::{digest::Digest, error_chain::with_causes, ids::ModelName};
use serde::{Deserialize, Serialize};

use crate::{
    app::{App, new_id},
    causes::StorageError,
    private_files,
    replication::{
        error::ReplicationError,
        statements::{SignedPlan, VersionClaim},
    },
};

/// The largest plan that is read back.
const MAX_PLAN_BYTES: u64 = 64 << 20;

/// The files and the signatures of a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackageListing {
    /// Its files.
    pub tree: Tree,
    /// The texts of its signatures.
    pub signatures: Vec<String>,
}

/// The folder of a replica.
pub(super) struct ReplicaCache {
    folder: PathBuf,
    /// The name under which this folder sends records.
    pub(super) id: String,
}

#[derive(Serialize, Deserialize)]
struct KeptPackage {
    model: ModelName,
    version: u32,
    signatures: Vec<String>,
}

impl ReplicaCache {
    /// Opens the folder, made when missing.
    pub(super) fn open(app: &App) -> Result<Self, StorageError> {
        let folder = app.folder().join("replica");
        for part in ["", "packages", "partial"] {
            let path = folder.join(part);
            private_files::create_private_folder(&path).map_err(|source| StorageError::WriteFile { path, source })?;
        }
        let path = folder.join("id");
        let id = match read(&path, 1 << 10)? {
            Some(id) if is_replica_id(id.trim()) => id.trim().to_owned(),
            _ => {
                let id = new_id();
                write(&path, id.as_bytes())?;
                id
            }
        };
        Ok(Self { folder, id })
    }

    /// The plan that was followed last, as it came.
    pub(super) fn plan(&self) -> Result<Option<SignedPlan>, StorageError> {
        let Some(text) = read(&self.folder.join("plan.json"), MAX_PLAN_BYTES)? else { return Ok(None) };
        let read = serde_json::from_str(&text).map_err(|source| StorageError::Document { what: "kept plan", source });
        // A file that cannot be read is as good as none: the server is asked.
        Ok(read.inspect_err(|error| tracing::error!(error = with_causes(error), "the kept plan is not used")).ok())
    }

    pub(super) fn keep_plan(&self, plan: &SignedPlan) -> Result<(), StorageError> {
        let text = serde_json::to_vec(plan).map_err(|source| StorageError::Document { what: "kept plan", source })?;
        write(&self.folder.join("plan.json"), &text)
    }

    /// The signatures of a package that is kept; `None` for one that is not.
    pub(super) fn signatures(&self, digest: &Digest) -> Result<Option<Vec<String>>, StorageError> {
        let Some(text) = read(&self.package(digest), MAX_PLAN_BYTES)? else { return Ok(None) };
        Ok(serde_json::from_str::<KeptPackage>(&text).ok().map(|kept| kept.signatures))
    }

    /// Where the bytes of a file gather that is on its way.
    pub(super) fn partial(&self, digest: &Digest) -> PathBuf {
        self.folder.join("partial").join(digest.to_string())
    }

    /// Files of a package that are not here as they should be.
    pub(super) fn missing_files(blobs: &BlobStore, tree: &Tree) -> Vec<TreeEntry> {
        let is_whole = |entry: &TreeEntry| match blobs.verify(&entry.digest) {
            Ok(()) => true,
            Err(_) => {
                // A damaged copy would be taken for the file; what cannot be removed is found again by its digest.
                let _ = fs::remove_file(BlobStore::path_in(blobs.root(), &entry.digest));
                false
            }
        };
        let mut missing: Vec<TreeEntry> = tree.entries().iter().filter(|entry| !is_whole(entry)).cloned().collect();
        missing.sort_by_key(|entry| entry.digest);
        missing.dedup_by_key(|entry| entry.digest);
        missing
    }

    /// Keeps a file that has come, if it is the one that was asked for.
    pub(super) fn keep_file(&self, blobs: &BlobStore, entry: &TreeEntry) -> Result<(), ReplicationError> {
        let path = self.partial(&entry.digest);
        let kept = blobs.put_file(&path)?;
        fs::remove_file(&path).map_err(|source| StorageError::WriteFile { path, source })?;
        if kept.digest != entry.digest {
            let reason = format!("`{}` has other bytes than its digest says", entry.path);
            return Err(ReplicationError::invalid("the package", reason));
        }
        Ok(())
    }

    /// Notes that all files of a package are here.
    pub(super) fn keep_package(
        &self,
        blobs: &BlobStore,
        version: &VersionClaim,
        listing: &PackageListing,
    ) -> Result<(), ReplicationError> {
        blobs.put_bytes(&listing.tree.to_bytes())?;
        let kept = KeptPackage {
            model: version.model.clone(),
            version: version.version,
            signatures: listing.signatures.clone(),
        };
        let text = serde_json::to_vec(&kept).map_err(|source| StorageError::Document { what: "package", source })?;
        Ok(write(&self.package(&version.digest), &text)?)
    }

    /// The package is not kept any more: it is fetched again.
    pub(super) fn forget_package(&self, digest: &Digest) {
        // One that cannot be removed is found damaged again.
        let _ = fs::remove_file(self.package(digest));
    }

    fn package(&self, digest: &Digest) -> PathBuf {
        self.folder.join("packages").join(format!("{digest}.json"))
    }
}

/// Whether a text is the name of a replica: it becomes the name of a file.
pub(super) fn is_replica_id(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// The text of a file; `None` where there is none.
pub(super) fn read(path: &Path, limit: u64) -> Result<Option<String>, StorageError> {
    match kilter_blobs::read_bounded_text(path, limit) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(StorageError::ReadFile { path: path.to_owned(), source }),
    }
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), StorageError> {
    let failed = |source| StorageError::WriteFile { path: path.to_owned(), source };
    private_files::write_private_file(path, bytes).map_err(failed)
}
