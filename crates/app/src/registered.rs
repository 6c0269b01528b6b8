//! Which projects are registered, and where their files are.

use std::path::{Path, PathBuf};

use kilter_blobs::BlobStore;
use kilter_domain::ids::ProjectName;
use kilter_store::{PageRequest, audit::AuditedTx, project as projects, setting};
use serde_json::json;

use crate::{
    app::App,
    causes::{NotFound, StorageError},
    project::{ProjectError, folder::Project},
};

pub(crate) fn folder_setting(project: &ProjectName) -> String {
    format!("project.{project}.folder")
}

/// Remembers where a project is, so that the loop finds its files.
pub(crate) fn remember_folder(
    audited: &AuditedTx,
    project: &ProjectName,
    folder: &Path,
) -> Result<(), kilter_store::StoreError> {
    setting::put(audited, &folder_setting(project), &json!(folder)).map(|_| ())
}

/// The registered projects.
///
/// # Errors
/// When the metadata cannot be read.
pub fn projects(app: &App) -> Result<Vec<ProjectName>, StorageError> {
    let projects = app.store().read(|reader| kilter_store::project::list(reader, &PageRequest::first(1000)))?;
    Ok(projects.items.into_iter().map(|project| project.name).collect())
}

/// The folder of a project on this machine, where it was registered with one.
///
/// # Errors
/// When the metadata cannot be read.
pub fn project_folder(app: &App, name: &ProjectName) -> Result<Option<PathBuf>, StorageError> {
    let remembered = app.store().read(|reader| setting::find(reader, &folder_setting(name)))?;
    Ok(remembered.and_then(|setting| setting.value.as_str().map(PathBuf::from)))
}

/// Where results and logs of the runs of a project lie on this machine, to be read: in the folder of the project, or in the data
/// folder, where runs leave the project as it is.
///
/// # Errors
/// When the metadata cannot be read.
pub(crate) fn run_stores(app: &App, project: &ProjectName) -> Result<Vec<BlobStore>, StorageError> {
    let of_project = project_folder(app, project)?.map(|folder| folder.join(".kilter").join("blobs"));
    let places = of_project.into_iter().chain([app.folder().join("runs").join("blobs")]);
    Ok(places.filter(|place| place.is_dir()).map(|place| BlobStore::open_for_reading(&place, None)).collect())
}

/// A project by the contract that was recorded last; its files are not looked for.
///
/// # Errors
/// When there is none of that name.
pub fn recorded_project(app: &App, name: &ProjectName) -> Result<Project, ProjectError> {
    let stored = app.store().read(|reader| projects::current_contract(reader, name))?;
    let unknown = || NotFound {
        what: "project",
        id: name.to_string(),
        how: "`kilter run` in its folder registers it".to_owned(),
    };
    let stored = stored.ok_or_else(unknown)?;
    let contracts = &app.components().contracts;
    contracts.find_or_parse(name, stored.digest, || Project::recorded(name, app.folder(), stored.text))
}
