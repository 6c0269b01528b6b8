//! Local copies of datasets that lie elsewhere: `.kilter/fetched/DIGEST/NAME` in the folder of the project.
//!
//! Invariant: a copy lies under the digest of its content, so one that is there is the one that was pinned.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    time::SystemTime,
};

use kilter_domain::{digest::Digest, ids::DatasetName};
use kilter_workflow::{LockedDataset, Lockfile};

/// Where copies lie, below the folder of the project.
pub(crate) fn copies_folder(project: &Path) -> PathBuf {
    project.join(".kilter").join("fetched")
}

/// The folder of the copy with this digest.
pub(crate) fn folder_of(project: &Path, digest: &Digest) -> PathBuf {
    copies_folder(project).join(digest.to_string())
}

/// The copy with this digest, if it is here.
pub(crate) fn copy_of(project: &Path, digest: &Digest) -> Option<PathBuf> {
    let folder = folder_of(project, digest);
    let found = fs::read_dir(&folder).ok()?.flatten().map(|entry| entry.path()).next()?;
    // Whoever removes copies that nobody uses goes by this time.
    let _ = File::open(&folder).and_then(|folder| folder.set_modified(SystemTime::now()));
    Some(found)
}

/// What `kilter.lock` pins of a dataset.
pub(crate) fn pin_of(project: &Path, dataset: &DatasetName) -> Option<LockedDataset> {
    Lockfile::read(&project.join("kilter.lock")).ok()?.data().get(dataset).cloned()
}

/// The copy of a dataset that `kilter.lock` pins, if it is here.
pub fn pinned_copy(project: &Path, dataset: &DatasetName) -> Option<PathBuf> {
    copy_of(project, &pin_of(project, dataset)?.content.digest)
}
