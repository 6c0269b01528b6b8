//! The loop on live projects: every registered project is reconciled by its recorded contract, on the files of its folder.
//!
//! Invariants: a project whose folder or contract cannot be read is reported and does not keep the others from being
//! looked at. Out of scope: the timer; who calls says what time it is.

use kilter_domain::{
    ids::{EndpointName, ProjectName},
    time::Timestamp,
};

use crate::{
    app::App,
    authz::access_map,
    causes::StorageError,
    context::RequestContext,
    dataset::training_source::FileSource,
    error::AppError,
    prediction::{compact, merge_partitions, open_log, predict},
    project::{folder::Project, registered},
    reconcile::project::{self, Step},
    training::request::ApprovalMode,
};

/// Seals and merges what was recorded at every open endpoint; what went wrong, by endpoint.
pub fn compact_logs(app: &App, now: Timestamp) -> Vec<(EndpointName, StorageError)> {
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
    let Some(folder) = registered::project_folder(app, name)? else { return Ok(None) };
    Ok(Some(access_map::recorded_project(app, name)?.in_folder(&folder)))
}

fn live_step(now: Timestamp) -> Step<'static> {
    Step { now, data: &FileSource, approval_mode: ApprovalMode::Required, outputs_root: None }
}
