//! What Kilter keeps between runs of a project: results of steps, the blobs that they consist of, profiles of datasets. For
//! whoever measures it and removes what nobody needs.
//!
//! Out of scope: what is needed by others than the project itself.

use std::{
    fs,
    path::{Path, PathBuf},
    time::SystemTime,
};

use kilter_blobs::Content;
use kilter_domain::digest::Digest;

use crate::{
    action_cache::{self, CachedResult},
    lockfile::{Lockfile, LockfileError},
    python_env::{self, StoredEnvironment},
};

/// The state folder of a project.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StateFolder {
    path: PathBuf,
    /// The folder of the project, where it is known.
    project: Option<PathBuf>,
}

impl StateFolder {
    /// The state folder at `path`, of the project in `project`.
    pub fn new(path: PathBuf, project: Option<PathBuf>) -> Self {
        Self { path, project }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The folder of its blobs.
    pub fn blobs(&self) -> PathBuf {
        self.path.join("blobs")
    }

    /// Whether runs have kept something in it.
    pub fn exists(&self) -> bool {
        self.path.join("actions").is_dir()
    }

    /// The results of steps, the one that was not used for longest first.
    pub fn results(&self) -> Vec<CachedResult> {
        action_cache::list(&self.path.join("actions"))
    }

    /// The datasets that `kilter.lock` of the project pins.
    ///
    /// # Errors
    /// When the lock cannot be read: then nobody knows what it pins.
    pub fn pinned(&self) -> Result<Vec<Content>, LockfileError> {
        let Some(project) = &self.project else { return Ok(Vec::new()) };
        let lock = Lockfile::read(&project.join("kilter.lock"))?;
        Ok(lock.data().values().map(|pin| pin.content.clone()).collect())
    }

    /// Copies of datasets that lie elsewhere and that nobody used since a time, with their digests.
    pub fn old_copies(&self, before: SystemTime) -> Vec<(PathBuf, Digest)> {
        let folders = fs::read_dir(self.path.join("fetched")).into_iter().flatten().flatten();
        let old = folders.filter_map(|folder| {
            let used = folder.metadata().ok().filter(|found| found.is_dir())?.modified().ok()?;
            let digest = folder.file_name().to_str()?.parse().ok()?;
            (used < before).then(|| (folder.path(), digest))
        });
        old.collect()
    }

    /// Python environments that nobody used since a time, with their bytes. They are made again from their lock.
    pub fn old_environments(&self, before: SystemTime) -> Vec<StoredEnvironment> {
        let all = python_env::stored_environments(&self.path);
        all.into_iter().filter(|environment| environment.used < before).collect()
    }

    /// Profiles of datasets that were made before a time, with their bytes. They are made again when they are needed.
    pub fn old_profiles(&self, before: SystemTime) -> Vec<(PathBuf, u64)> {
        let files = fs::read_dir(self.path.join("profiles")).into_iter().flatten().flatten();
        let old = files.filter_map(|file| {
            let found = file.metadata().ok().filter(|found| found.is_file())?;
            (found.modified().ok()? < before).then(|| (file.path(), found.len()))
        });
        old.collect()
    }
}
