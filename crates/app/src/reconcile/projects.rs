//! The loop on live projects: every registered project is reconciled by its recorded contract, on the files of its folder.
//!
//! Invariants: a project whose folder or contract cannot be read is reported and does not keep the others from being
//! looked at. Out of scope: the timer; who calls says what time it is.

use kilter_domain::{
    error_chain::with_causes,
    ids::{EndpointName, ProjectName},
    time::Timestamp,
};

use crate::{
    app::App,
    authz::AuthorizedContext,
    causes::StorageError,
    components::serving::Serving,
    deployment::rollout,
    model::approval_mode::ApprovalMode,
    monitor::usage,
    prediction::{compact, merge_partitions, open_log, predict},
    project::folder::Project,
    reconcile::error::ReconcileError,
    reconcile::{
        next_evaluation,
        project::{self, Step},
    },
    registered,
    training::training_source::FileSource,
};

/// What became of a round of seals and merges.
#[derive(Debug)]
pub struct Compaction {
    /// What went wrong, by endpoint.
    pub failures: Vec<(EndpointName, StorageError)>,
    /// Whether files of merged partitions wait for a later round to remove them.
    pub is_unfinished: bool,
}

/// What a live evaluation does besides the loop's own steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EvaluationMode {
    /// Whether a training may be found due; one that runs already is not found again.
    pub may_train: bool,
    /// Whether what was recorded until now is sealed first: when a time came, such as the end of a window.
    pub seals_first: bool,
}

/// What an evaluation of a project found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Evaluation {
    /// Whether a retrain trigger asks for a training that may begin now.
    pub is_training_due: bool,
    /// When the project is to be evaluated again, if nothing is committed until then. `None`: not before a commit.
    pub next: Option<Timestamp>,
}

/// Seals and merges what was recorded at every open endpoint.
pub fn compact_logs(app: &App, now: Timestamp) -> Compaction {
    let context = AuthorizedContext::system("reconcile", now);
    let seal = |endpoint: &EndpointName| {
        open_log::record_losses(app, &context, endpoint)?;
        compact::compact_log_until(app, endpoint, now)?;
        merge_partitions::merge_partitions(app, endpoint)
    };
    // What was given to this process has no lake here: nothing is recorded of it, or it is sent to its server.
    let given = app.components().endpoints.given();
    let mut endpoints = predict::open_endpoints(app);
    endpoints.retain(|(endpoint, _)| !given.contains(endpoint));
    let is_waiting = |serving: &Serving| !serving.lock_merges().waiting.is_empty();
    let failed = |(endpoint, _): &(EndpointName, _)| seal(endpoint).err().map(|error| (endpoint.clone(), error));
    let failures = endpoints.iter().filter_map(failed).collect();
    Compaction { failures, is_unfinished: endpoints.iter().any(|(_, serving)| is_waiting(serving)) }
}

/// One step of the loop for a project, besides training.
///
/// # Errors
/// When the project cannot be read, or something could not be measured or written.
pub fn evaluate_registered_project(
    app: &App,
    name: &ProjectName,
    now: Timestamp,
    mode: EvaluationMode,
) -> Result<Evaluation, ReconcileError> {
    let Some(project) = registered_project(app, name)? else {
        return Ok(Evaluation { is_training_due: false, next: None });
    };
    if mode.seals_first {
        for endpoint in project.contract.deploy.iter().map(|deploy| project.endpoint(deploy)) {
            // Monitors go on with what is sealed; the next round of seals reports the failure again.
            if let Err(error) = compact::compact_log_until(app, &endpoint, now) {
                tracing::error!(%endpoint, error = with_causes(&error), "its log could not be sealed before its evaluation");
            }
        }
    }
    let step = live_step(now);
    let is_training_due = project::evaluate_project(app, &project, &step)?
        && mode.may_train
        && project::is_training_due(app, &project, &step)?;
    Ok(Evaluation { is_training_due, next: Some(next_evaluation::next_evaluation(app, &project, now)?) })
}

/// What a server does for a project that another one evaluates: it writes down how many requests failed here, and what became of
/// those that a candidate was asked.
///
/// # Errors
/// When the metadata cannot be read or written.
pub fn tally_failures(app: &App, name: &ProjectName, now: Timestamp) -> Result<(), ReconcileError> {
    let context = AuthorizedContext::system("reconcile", now);
    let project = registered::recorded_project(app, name)?;
    for deploy in &project.contract.deploy {
        let endpoint = project.endpoint(deploy);
        usage::tally_errors(app, &context, &endpoint)?;
        rollout::note_candidate_requests(app, &endpoint)?;
    }
    Ok(())
}

/// Trains a project if that is still due.
///
/// # Errors
/// When the project cannot be read, or the training could not be done.
pub fn train_if_due(app: &App, name: &ProjectName, now: Timestamp) -> Result<(), ReconcileError> {
    let Some(project) = registered_project(app, name)? else { return Ok(()) };
    project::retrain_project(app, &project, &live_step(now), &mut |_| ()).map(drop)
}

/// A project with the contract in force, on the files of its folder: a file that nobody recorded changes nothing.
/// `None` where its folder is not known.
fn registered_project(app: &App, name: &ProjectName) -> Result<Option<Project>, ReconcileError> {
    let Some(folder) = registered::project_folder(app, name)? else { return Ok(None) };
    Ok(Some(registered::recorded_project(app, name)?.in_folder(&folder)))
}

fn live_step(now: Timestamp) -> Step<'static> {
    Step { now, data: &FileSource, approval_mode: ApprovalMode::Required, outputs_root: None }
}
