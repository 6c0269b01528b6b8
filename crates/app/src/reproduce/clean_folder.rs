//! A folder with what the steps of a project declare, and nothing else.

use std::{
    fs, io,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use kilter_domain::contract::Location;
use kilter_workflow::{Plan, declared_files};

use crate::{
    project::folder::{CONTRACT_FILE, Project},
    reproduce::error::ReproduceError,
    training::TrainError,
};

/// Makes the copy in `target`, which must not exist: contract, lock, declared code. Datasets of the project stand there as links:
/// steps are given their paths, and never write to them.
pub(crate) fn copy_declared(project: &Project, plan: &Plan, target: &Path) -> Result<(), ReproduceError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source: io::Error| ReproduceError::Copy { path, source }
    };
    fs::create_dir_all(target).map_err(failed(target))?;
    let contract = target.join(CONTRACT_FILE);
    fs::write(&contract, &project.text).map_err(failed(&contract))?;
    copy_code(plan, &project.folder, target)?;
    for step in plan.steps().values() {
        let folder = step.folder.as_ref().map(|folder| folder.below(target));
        folder.map_or(Ok(()), fs::create_dir_all).map_err(failed(target))?;
    }
    for dataset in &project.contract.data {
        let Some(Location::File(path)) = &dataset.path else { continue };
        let from = project.folder.join(path);
        let relative = Path::new(path).strip_prefix(".").map_or_else(|_| PathBuf::from(path), PathBuf::from);
        // A dataset that is not there is said by the run, and an absolute path leads to the same file.
        if let (Ok(real), true) = (from.canonicalize(), relative.is_relative()) {
            let to = target.join(&relative);
            make_parent(&to).and_then(|()| symlink(real, &to)).map_err(failed(&to))?;
        }
    }
    Ok(())
}

/// Copies what the steps of a contract declare from the folder of its project into `target`: code, and the locks.
///
/// # Errors
/// When the contract is none, a pattern fits no file, or a file cannot be copied.
pub fn declared_code(project: &Path, contract: &str, target: &Path) -> Result<(), ReproduceError> {
    let project = Project::of(project, contract.to_owned())?;
    let plan = Plan::of(&project.contract).map_err(TrainError::from)?;
    let failed = |source| ReproduceError::Copy { path: target.to_owned(), source };
    fs::create_dir_all(target).map_err(failed)?;
    copy_code(&plan, &project.folder, target)
}

fn copy_code(plan: &Plan, project: &Path, target: &Path) -> Result<(), ReproduceError> {
    let mut files: Vec<String> = declared_files(plan, project)?.into_iter().collect();
    files.push("kilter.lock".to_owned());
    for name in files {
        let (from, to) = (project.join(&name), target.join(&name));
        let copy = || make_parent(&to).and_then(|()| fs::copy(&from, &to).map(|_| ()));
        if from.is_file() {
            copy().map_err(|source| ReproduceError::Copy { path: from.clone(), source })?;
        }
    }
    Ok(())
}

fn make_parent(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), fs::create_dir_all)
}
