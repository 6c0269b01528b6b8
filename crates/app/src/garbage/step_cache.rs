//! The caches of steps: results that nobody used for long, and the blobs that only they needed.

use std::{fs, path::PathBuf, time::SystemTime};

use kilter_domain::digest::Digest;
use kilter_workflow::{CachedResult, StateFolder, StoredEnvironment};

use crate::{
    app::App,
    causes::StorageError,
    garbage::{
        bytes::bytes_below,
        found::{Garbage, GarbageKind, GarbageOptions},
        needed::Needed,
    },
    registered,
};

/// Every folder in which runs of this platform keep results: of projects with a folder on this machine, and our own.
pub(crate) fn state_folders(app: &App) -> Result<Vec<StateFolder>, StorageError> {
    let mut found = vec![own_state_folder(app)];
    for name in registered::projects(app)? {
        if let Some(folder) = registered::project_folder(app, &name)? {
            found.push(StateFolder::new(folder.join(".kilter"), Some(folder)));
        }
    }
    found.retain(StateFolder::exists);
    found.sort();
    found.dedup();
    Ok(found)
}

/// Where runs keep results whose outputs do not go into their project.
pub(crate) fn own_state_folder(app: &App) -> StateFolder {
    StateFolder::new(app.folder().join("runs"), None)
}

/// Results beyond the bounds, with the rest of what is in the folder marked as needed.
pub(crate) struct Stale {
    results: Vec<CachedResult>,
    profiles: Vec<(PathBuf, u64)>,
    /// Copies of datasets that lie elsewhere, with their digests.
    copies: Vec<(PathBuf, Digest)>,
    environments: Vec<StoredEnvironment>,
    place: String,
}

impl Stale {
    /// Finds them; what stays is added to `needed`.
    pub fn find(folder: &StateFolder, options: &GarbageOptions, needed: &mut Needed) -> Self {
        let before = options.unused_since();
        let mut left = folder.results();
        let mut bytes: u64 = left.iter().map(CachedResult::bytes).sum();
        let most = options.cache_bytes.unwrap_or(u64::MAX);
        let mut kept = Vec::new();
        let mut results = Vec::new();
        // The one that was not used for longest comes first.
        for result in left.drain(..) {
            let is_stale = result.used < before || (bytes > most && result.used < options.young_since());
            if is_stale {
                bytes = bytes.saturating_sub(result.bytes());
                results.push(result);
            } else {
                kept.push(result);
            }
        }
        for result in &kept {
            result.outputs.iter().for_each(|content| needed.add(content));
            result.log.into_iter().for_each(|log| needed.add_file(log));
        }
        let copies = folder.old_copies(before).into_iter().filter(|(_, digest)| !needed.has(digest)).collect();
        let place = folder.path().display().to_string();
        let (profiles, environments) = (folder.old_profiles(before), folder.old_environments(before));
        Self { results, profiles, copies, environments, place }
    }

    pub fn garbage(&self) -> Vec<Garbage> {
        let length = |path: &PathBuf| fs::metadata(path).map_or(0, |found| found.len());
        let results = self.results.iter().map(|result| length(&result.path));
        let profiles = self.profiles.iter().map(|(_, bytes)| *bytes);
        let environments = self.environments.iter().map(|environment| bytes_below(&environment.folder));
        vec![
            Garbage::of(GarbageKind::StepResults, &self.place, results),
            Garbage::of(GarbageKind::Profiles, &self.place, profiles),
            Garbage::of(GarbageKind::DatasetCopies, &self.place, self.copies.iter().map(|(path, _)| bytes_below(path))),
            Garbage::of(GarbageKind::Environments, &self.place, environments),
        ]
    }

    /// Removes them, but what is used, or was used meanwhile.
    pub fn remove(&self) {
        let unused = |result: &&CachedResult| {
            let used = result.path.metadata().and_then(|found| found.modified());
            used.is_ok_and(|used: SystemTime| used == result.used)
        };
        let results = self.results.iter().filter(unused).map(|result| &result.path);
        for path in results.chain(self.profiles.iter().map(|(path, _)| path)) {
            if let Err(error) = fs::remove_file(path) {
                tracing::warn!(file = %path.display(), %error, "could not remove a file that nobody needs");
            }
        }
        for (folder, _) in &self.copies {
            if let Err(error) = fs::remove_dir_all(folder) {
                tracing::warn!(folder = %folder.display(), %error, "could not remove the copy of a dataset");
            }
        }
        for environment in &self.environments {
            if let Err(error) = environment.remove() {
                tracing::warn!(folder = %environment.folder.display(), %error, "could not remove a Python environment");
            }
        }
    }
}
