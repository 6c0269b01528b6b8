//! Where outputs may not be put, as the disk is when a run begins: through links, under names that a file system may fold to
//! one, and in a data folder that lies in the project.
//!
//! Beside the plan's own check, which knows the words of the contract alone.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use kilter_blobs::ensure_inside;
use kilter_domain::ids::StepName;

use super::{options::RunOptions, plan::Plan, plan_error::PlanError};

/// A place that outputs must not take, as it is compared.
struct Taken {
    folded: PathBuf,
    reason: String,
}

/// Refuses outputs of the wanted steps that would overwrite the contract, its lock, a dataset, the lock of the environment,
/// what Kilter and Git keep, or the data folder. `options` have absolute paths.
pub(crate) fn check(plan: &Plan, options: &RunOptions, wanted: &[&StepName]) -> Result<(), PlanError> {
    let root = options.outputs_root.as_deref().unwrap_or(&options.project_folder);
    let taken = taken(plan, options, root);
    for step in wanted {
        for (output, path) in &plan.steps()[*step].outputs {
            let unsafe_path = |source| PlanError::UnsafePath {
                step: (*step).clone(),
                output: output.clone(),
                path: path.as_str().into(),
                source,
            };
            let place = ensure_inside(root, Path::new(path.as_str())).map_err(unsafe_path)?;
            let own = folded(&place);
            if let Some(found) = taken.iter().find(|taken| overlaps(&own, &taken.folded)) {
                let (step, output, reason) = ((*step).clone(), output.clone(), found.reason.clone());
                return Err(PlanError::OutputPath { step, output, path: path.clone(), reason });
            }
        }
    }
    Ok(())
}

fn taken(plan: &Plan, options: &RunOptions, root: &Path) -> Vec<Taken> {
    let project = &options.project_folder;
    let mut places: Vec<(PathBuf, String)> = Vec::new();
    let mut add = |path: PathBuf, reason: &str| {
        // What a link stands for is taken too.
        let real = real(&path);
        places.push((path, reason.to_owned()));
        places.push((real, reason.to_owned()));
    };
    add(project.join("kilter.toml"), "the contract lies there");
    add(project.join("kilter.lock"), "the lock file lies there");
    add(project.join(".git"), "the history of the project lies there");
    // A folder of ours for outputs may lie in it: a replay that is kept there.
    if !real(root).starts_with(real(&project.join(".kilter"))) {
        add(project.join(".kilter"), "what Kilter keeps lies there");
    }
    for (name, path) in plan.datasets().iter().chain(&options.data_overrides) {
        if !path.as_os_str().is_empty() {
            add(project.join(path), &format!("dataset `{name}` lies there, and steps never write to data"));
        }
    }
    if let Some(lock) = &plan.environment().lock {
        add(lock.below(project), "the lock file of the environment lies there");
    }
    // Where outputs go into a folder of ours, that is the data folder's own.
    let kept = [Some(&options.state_folder), options.data_folder.as_ref()].into_iter().flatten();
    if options.outputs_root.is_none() {
        let kept: BTreeSet<PathBuf> = kept.flat_map(|folder| kept_in(folder, root)).collect();
        kept.into_iter().for_each(|path| add(path, "it belongs to the data folder"));
    }
    places.into_iter().map(|(place, reason)| Taken { folded: folded(&place), reason }).collect()
}

/// The places of a data folder: itself, or, where the project lies in it, each name that it keeps.
fn kept_in(folder: &Path, root: &Path) -> Vec<PathBuf> {
    let folder = real(folder);
    match root.starts_with(&folder) {
        false => vec![folder],
        true => KEPT_NAMES.iter().map(|name| folder.join(name)).collect(),
    }
}

/// What the platform writes into its data folder.
pub const KEPT_NAMES: [&str; 28] = [
    ".gitignore",
    "actions",
    "alerts.jsonl",
    "bin",
    "blobs",
    "cache",
    "database",
    "environments",
    "hashes",
    "keys",
    "kilter.db",
    "kilter.db-digest",
    "kilter.db-shm",
    "kilter.db-wal",
    "known",
    "lake",
    "locks",
    "log",
    "newest-checkpoint",
    "outputs",
    "profiles",
    "runs",
    "scratch",
    "served",
    "server.json",
    "storage",
    "store.lock",
    "tmp",
];

/// The path with every link of what exists resolved.
fn real(path: &Path) -> PathBuf {
    let mut missing = Vec::new();
    for above in path.ancestors() {
        if let Ok(found) = above.canonicalize() {
            return missing.iter().rev().fold(found, |path, part| path.join(part));
        }
        missing.extend(above.file_name());
    }
    path.to_owned()
}

/// As a file system that folds case compares it.
fn folded(path: &Path) -> PathBuf {
    path.to_string_lossy().to_lowercase().into()
}

fn overlaps(one: &Path, other: &Path) -> bool {
    one.starts_with(other) || other.starts_with(one)
}
