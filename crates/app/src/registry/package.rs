//! A version that a client registers under a contract becomes a package: its files are fetched from the artifacts, packed and signed, held
//! against the gates of the contract, and submitted.
//!
//! Invariants: what is registered, judged and loaded is the package; what the client changes in its artifacts later changes nothing.
//! A model of Python is taken where the operator named a Python for it.

use std::{
    fs::{self, File},
    io,
    path::Path,
};

use kilter_domain::{
    actor::Action, error_chain::with_causes, ids::ProjectName, registry::RegisteredName, search::PageToken,
};
use kilter_store::{
    registry::{NewRegisteredVersion, RegisteredVersion, platform, version},
    tracking::artifact::own_folder,
};

use super::{
    RegistryError, access,
    source::{self, NewClientVersion},
};
use crate::{
    app::App,
    approval,
    authz::{AuthorizedContext, Subject, access_map, act},
    causes::StorageError,
    context::RequestContext,
    deployment::error::DeployError,
    model::{
        mlflow_folder::{NATIVE_FLAVORS, PYFUNC, flavors},
        runtime::ModelLoader,
    },
    package::{FolderSource, judge_imported, register_folder},
    project::folder::Project,
    registered,
    tracking::{self, ArtifactEntry, ModelQuery},
};

/// Bytes of the files of a version at most.
const MAX_BYTES: u64 = 4 << 30;
/// Files of a version at most.
const MAX_FILES: usize = 10_000;
/// Why, in the audit log.
const REASON: &str = "registered by a client of the registry";
/// The file by which a folder is a model.
const MLMODEL: &str = "MLmodel";

/// Registers the next version of a model under a contract.
pub(super) fn create_version(
    app: &App,
    context: &RequestContext,
    (owner, name): (&ProjectName, &RegisteredName),
    new: NewClientVersion,
) -> Result<RegisteredVersion, RegistryError> {
    let by: AuthorizedContext =
        access_map::require_act::<act::Submit>(app, context, &Subject::Project(owner.clone()))?.into();
    let project = registered::recorded_project(app, owner).map_err(DeployError::from)?;
    if project.model().as_str() != name.as_str() {
        return Err(RegistryError::Governed {
            what: "registered model",
            name: name.to_string(),
            act: "given a version",
            reason: format!("the contract of `{owner}` is about the model `{}` now", project.model()),
        });
    }
    let resolved = source::resolve(app, context, &new.source, &new.tags)?;
    let scratch = app.scratch(&app.new_id()).map_err(RegistryError::Storage)?;
    let folder = scratch.path().join("model");
    fetch(app, context, &resolved.storage_location, &folder)?;
    refuse_other_flavors(app, name, &folder)?;
    let row = NewRegisteredVersion {
        source: resolved.source,
        run_id: resolved.run_id,
        run_link: new.run_link,
        logged_model: resolved.logged_model,
        description: new.description,
        tags: new.tags,
        ..NewRegisteredVersion::default()
    };
    let taken = FolderSource { folder: &folder, reason: REASON, registration: row };
    // The model is held until it is judged.
    let (version, _loaded) = register_folder(app, &by, &project, taken).map_err(Box::new)?;
    let number = version.number;
    let gap = submit(app, context, (&project, &by), number);
    if let Some(gap) = gap {
        let name = name.clone();
        app.store().write(move |tx| platform::note_status(tx, &name, number, &gap))?;
    }
    Ok(app.store().read(|reader| version::get(reader, name, number))?)
}

/// Has a draft judged by the gates, and submits it; why it stays a draft, if it does.
fn submit(
    app: &App,
    context: &RequestContext,
    (project, by): (&Project, &AuthorizedContext),
    number: u32,
) -> Option<String> {
    match judge_imported(app, by, project, number) {
        Ok(true) => {}
        Ok(false) => {
            return Some(
                "a draft: no version of the model carries held-out rows to measure its gates on; `kilter run` makes one".to_owned(),
            );
        }
        Err(error) => return Some(format!("a draft: its gates could not be measured: {}", with_causes(&error))),
    }
    match approval::submit(app, context, &project.model(), number, REASON) {
        Ok(submitted) if submitted.open.is_empty() => None,
        Ok(submitted) => Some(submitted.open.join("; ")),
        Err(error) => Some(format!("a draft: {}", with_causes(&error))),
    }
}

/// Copies the files of a registered version into a folder that is made for them.
///
/// # Errors
/// When there is no such version, or its files are not kept here.
pub fn fetch_files(
    app: &App,
    context: &RequestContext,
    of: (&RegisteredName, u32),
    folder: &Path,
) -> Result<(), RegistryError> {
    let (name, number) = of;
    access::project_of(app, context, Action::Read, name)?;
    let found = app.store().read(|reader| version::get(reader, name, number))?;
    fetch(app, context, &found.storage_location, folder)
}

fn fetch(app: &App, context: &RequestContext, location: &str, folder: &Path) -> Result<(), RegistryError> {
    let below = locate(app, context, location)?;
    let mut left = (MAX_FILES, MAX_BYTES);
    copy(app, context, (&below, folder), &mut left)
}

/// The folder below the root of all artifacts that an address means.
fn locate(app: &App, context: &RequestContext, location: &str) -> Result<String, RegistryError> {
    if let Some(folder) = own_folder(location) {
        return Ok(folder.to_owned());
    }
    let elsewhere = || RegistryError::FilesElsewhere { location: location.to_owned() };
    let (run, path) = location.strip_prefix("runs:/").and_then(|rest| rest.split_once('/')).ok_or_else(elsewhere)?;
    let found = tracking::get_run(app, context, run)?.run;
    if let Some(folder) = own_folder(&found.artifact_uri) {
        let below = format!("{folder}/{path}");
        if tracking::list_artifacts(app, context, &below)?.iter().any(|entry| entry.path.ends_with(MLMODEL)) {
            return Ok(below);
        }
    }
    // Since MLflow 3 a model that a run logs has its files beside those of the run.
    let filter = format!("source_run_id = '{run}' AND name = \"{}\"", path.replace('"', ""));
    let query = ModelQuery {
        experiments: &[found.experiment],
        datasets: Vec::new(),
        filter: &filter,
        order_by: &[],
        token: PageToken { offset: 0 },
        limit: 1,
    };
    let logged = tracking::search_logged_models(app, context, query)?.items.pop();
    let folder = logged.as_ref().and_then(|model| own_folder(&model.artifact_uri));
    folder.map(str::to_owned).ok_or_else(elsewhere)
}

/// Copies a folder of artifacts, as long as files and bytes are left.
fn copy(
    app: &App,
    context: &RequestContext,
    (from, to): (&str, &Path),
    left: &mut (usize, u64),
) -> Result<(), RegistryError> {
    let failed = |source: io::Error| RegistryError::Storage(StorageError::WriteFile { path: to.to_owned(), source });
    fs::create_dir_all(to).map_err(failed)?;
    for ArtifactEntry { path, bytes } in tracking::list_artifacts(app, context, from)? {
        let target = to.join(path.rsplit('/').next().unwrap_or(&path));
        let Some(bytes) = bytes else {
            copy(app, context, (&path, &target), left)?;
            continue;
        };
        let rest = left.0.checked_sub(1).zip(left.1.checked_sub(bytes));
        *left = rest.ok_or(RegistryError::TooLarge { files: MAX_FILES, bytes: MAX_BYTES })?;
        let mut opened = tracking::open_artifact(app, context, &path)?;
        let mut written = File::create(&target).map_err(failed)?;
        io::copy(&mut opened.file, &mut written).map_err(failed)?;
    }
    Ok(())
}

fn refuse_other_flavors(app: &App, name: &RegisteredName, folder: &Path) -> Result<(), RegistryError> {
    match flavors(folder) {
        None => Err(RegistryError::NoModel { name: name.clone() }),
        Some(found) if found.iter().any(|flavor| NATIVE_FLAVORS.contains(&flavor.as_str())) => Ok(()),
        Some(found) if found.iter().any(|flavor| flavor == PYFUNC) && ModelLoader::of(app).runs_python() => Ok(()),
        Some(found) => Err(RegistryError::Flavor { name: name.clone(), flavors: found.join(", ") }),
    }
}
