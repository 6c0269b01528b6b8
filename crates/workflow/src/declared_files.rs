//! The files of a project that its steps say they depend on: what a copy of it needs, so that they run as they do here.

use std::{collections::BTreeSet, path::Path};

use kilter_blobs::HashCache;

use crate::{
    code_deps::{CodeError, CodeIndex},
    plan::Plan,
    python_env::{self, EnvironmentError},
};

/// Why the files of a project are not known.
#[derive(Debug, thiserror::Error)]
pub enum DeclaredFilesError {
    /// The code of a step cannot be found out.
    #[error("the code that the steps depend on cannot be found out")]
    Code(#[from] CodeError),
    /// A lock, or a file that belongs to it, cannot be read.
    #[error(transparent)]
    Environment(#[from] EnvironmentError),
}

/// The files that a lock of the environment consists of, relative to the project: itself, what it includes, and local packages. Empty
/// where one of them cannot be read: then no environment is made from it either.
pub fn lock_files(lock: &str, project: &Path) -> Vec<String> {
    let path = lock.strip_prefix("./").unwrap_or(lock).parse().ok();
    path.and_then(|path| python_env::files_of_lock(&path, project).ok()).unwrap_or_default()
}

/// Paths relative to the project, with `/`: what commands name, local imports, `code` patterns, and the lock of the environment
/// with what belongs to it. Neither contract nor data.
///
/// # Errors
/// If a pattern fits no file, or a file cannot be read.
pub fn declared_files(plan: &Plan, project: &Path) -> Result<BTreeSet<String>, DeclaredFilesError> {
    let (index, hashes) = (CodeIndex::new(project), HashCache::in_memory());
    let mut found = BTreeSet::new();
    for step in plan.steps().values() {
        found.extend(index.closure(step, &hashes)?.into_keys());
    }
    if let Some(lock) = &plan.environment().lock {
        found.insert(lock.to_string());
        found.extend(python_env::files_of_lock(lock, project)?);
    }
    Ok(found)
}
