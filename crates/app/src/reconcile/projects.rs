//! The loop on live projects: every registered project is reconciled by its recorded contract, on the files of its folder.
//!
//! Holds true: a project whose folder or contract cannot be read is reported and does not keep the others from being
//! looked at. Deliberately absent: the timer; who calls says what time it is.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use kilter_domain::{
    ids::{DatasetName, EndpointName, ProjectName},
    time::{Span, Timestamp},
};
use kilter_lake::{ReadOptions, read_table, schema_of, write_table};
use kilter_store::{PageRequest, audit::AuditedTx, setting};
use serde_json::json;

use crate::{
    App,
    authz::access_map,
    context::RequestContext,
    error::AppError,
    prediction::{compact, merge_partitions, open_log, predict},
    project::folder::Project,
    reconcile::project::{self, Step},
    replay::history::History,
    retrain::triggers::TrainingSource,
    training::train::ApprovalMode,
};

/// The files of a project as they are now.
pub struct FileSource;

impl TrainingSource for FileSource {
    fn rows(&self, project: &Project, dataset: &DatasetName, at: Timestamp) -> Result<u64, AppError> {
        let Some(stated) = project.contract.dataset(dataset) else { return Ok(0) };
        let path = project.dataset_path(stated)?;
        match (&stated.time, &stated.label) {
            (Some(_), Some(_)) => {
                let table = read_table(&path, &ReadOptions::default())?;
                Ok(History::new(table, project.roles(stated))?.labelled_at(at, None).len() as u64)
            }
            _ => Ok(schema_of(&path)?.rows),
        }
    }

    /// Without a window the files stand for themselves; with one, its rows are written to a file of ours.
    fn files(
        &self,
        project: &Project,
        at: Timestamp,
        window: Option<Span>,
        folder: &Path,
    ) -> Result<BTreeMap<DatasetName, PathBuf>, AppError> {
        let dataset = project.labelled_dataset()?;
        let (Some(window), Some(_)) = (window, &dataset.time) else { return Ok(BTreeMap::new()) };
        let table = read_table(&project.dataset_path(dataset)?, &ReadOptions::default())?;
        let history = History::new(table, project.roles(dataset))?;
        let rows = history.labelled_at(at, Some(window));
        let path = folder.join(format!("{}-{}-{}.parquet", project.name, dataset.name, at.millis()));
        write_table(&path, &history.table.take(&rows))?;
        Ok(BTreeMap::from([(dataset.name.clone(), path)]))
    }
}

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
pub fn projects(app: &App) -> Result<Vec<ProjectName>, AppError> {
    let projects = app.store().read(|reader| kilter_store::project::list(reader, &PageRequest::first(1000)))?;
    Ok(projects.items.into_iter().map(|project| project.name).collect())
}

/// The folder of a project on this machine, where it was registered with one.
pub fn project_folder(app: &App, name: &ProjectName) -> Result<Option<PathBuf>, AppError> {
    let remembered = app.store().read(|reader| setting::find(reader, &folder_setting(name)))?;
    Ok(remembered.and_then(|setting| setting.value.as_str().map(PathBuf::from)))
}

/// Seals and merges what was recorded at every open endpoint; what went wrong, by endpoint.
pub fn compact_logs(app: &App, now: Timestamp) -> Vec<(EndpointName, AppError)> {
    let context = RequestContext::system("reconcile", now);
    let seal = |endpoint: &EndpointName| {
        open_log::record_losses(app, &context, endpoint)?;
        compact::compact_log(app, endpoint)?;
        merge_partitions::merge_partitions(app, endpoint)
    };
    let endpoints = predict::open_endpoints(app).into_iter();
    endpoints.filter_map(|(endpoint, _)| seal(&endpoint).err().map(|error| (endpoint, error))).collect()
}

/// One step of the loop for a project, besides training; whether a training is due.
///
/// # Errors
/// When the project cannot be read, or something could not be measured or written.
pub fn evaluate_registered_project(
    app: &App,
    name: &ProjectName,
    now: Timestamp,
    may_train: bool,
) -> Result<bool, AppError> {
    let Some(project) = registered_project(app, name)? else { return Ok(false) };
    let step = live_step(now);
    match project::evaluate_project(app, &project, &step)? {
        true if may_train => project::is_training_due(app, &project, &step),
        _ => Ok(false),
    }
}

/// Trains a project if that is still due.
///
/// # Errors
/// When the project cannot be read, or the training could not be done.
pub fn train_if_due(app: &App, name: &ProjectName, now: Timestamp) -> Result<(), AppError> {
    let Some(project) = registered_project(app, name)? else { return Ok(()) };
    project::retrain_project(app, &project, &live_step(now), &mut |_| ()).map(drop)
}

/// A project with the contract in force, on the files of its folder: a file that nobody recorded changes nothing.
/// `None` where its folder is not known.
fn registered_project(app: &App, name: &ProjectName) -> Result<Option<Project>, AppError> {
    let Some(folder) = project_folder(app, name)? else { return Ok(None) };
    Ok(Some(access_map::recorded_project(app, name)?.in_folder(&folder)))
}

fn live_step(now: Timestamp) -> Step<'static> {
    Step { now, data: &FileSource, approval_mode: ApprovalMode::Required, outputs_root: None }
}
