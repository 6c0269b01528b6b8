//! One step of the loop: read what is wanted and what is, move what may move. May run twice, takes no input but time.
//!
//! Invariants: the server calls this on a timer, a replay calls it with the past handed in; neither has
//! a way of its own.

use std::collections::BTreeSet;

use kilter_domain::{
    error_chain::with_causes, gate::Verdict, ids::EndpointName, retrain_blocker::RetrainBlocker, time::Timestamp,
};
use kilter_workflow::RunEvent;

use crate::{
    app::App,
    approval::{self, lapse},
    authz::AuthorizedContext,
    break_glass, clock_set_back,
    deployment::{Target, auto_deploy, auto_rollback, rollout, threshold::tune},
    gate::data_checks,
    model::approval_mode::ApprovalMode,
    monitor::{self, sample_ratio::update_sample_ratio_alert},
    objective::measure as objectives,
    prediction::{compact, open_log},
    project::folder::Project,
    reconcile::error::ReconcileError,
    retrain::triggers,
    runs::train_and_deploy,
    training::{
        request::{RunOverrides, Training, TrainingOutcome},
        training_source::TrainingSource,
    },
};

/// How a step is made.
pub struct Step<'a> {
    /// The moment as of which everything is evaluated.
    pub now: Timestamp,
    /// Where the rows of a training come from.
    pub data: &'a dyn TrainingSource,
    /// Whether people are asked, or (in a replay) assumed to have said yes.
    pub approval_mode: ApprovalMode,
    /// Where outputs of runs go, instead of into the project.
    pub outputs_root: Option<std::path::PathBuf>,
}

/// Monitors, alerts, rollouts and retraining of a project, as of `step.now`.
///
/// # Errors
/// When the metadata, the prediction log or a version cannot be read or written, or a training cannot be done. A step
/// of a run that fails, and a gate that a version fails, are results.
pub fn reconcile(
    app: &App,
    project: &Project,
    step: &Step,
    observer: &mut dyn FnMut(RunEvent),
) -> Result<Option<TrainingOutcome>, ReconcileError> {
    for deploy in &project.contract.deploy {
        let endpoint = project.endpoint(deploy);
        open_log::record_losses(app, &AuthorizedContext::system("reconcile", step.now), &endpoint)?;
        compact::compact_log(app, &endpoint)?;
    }
    match evaluate_project(app, project, step)? {
        true => retrain_project(app, project, step, observer),
        false => Ok(None),
    }
}

/// Rollouts, monitors, alerts, thresholds and returns of earlier versions, on what is sealed; whether a training may
/// follow.
pub(crate) fn evaluate_project(app: &App, project: &Project, step: &Step) -> Result<bool, ReconcileError> {
    let context = AuthorizedContext::system("reconcile", step.now);
    clock_set_back::record_clock_set_back(app, &context)?;
    let is_required = step.approval_mode == ApprovalMode::Required;
    if is_required {
        // What is not approved any more stops whatever else cannot be looked at.
        approval::lapse_versions(app, project, step.now)?;
    }
    let mut failed = None;
    for target in Target::all(project) {
        // One endpoint that cannot be looked at keeps no other one from being looked at.
        if let Err(error) = evaluate_endpoint(app, &context, &target) {
            tracing::error!(endpoint = %target.endpoint, error = with_causes(&error), "the endpoint cannot be evaluated");
            failed.get_or_insert(error);
        }
    }
    if let Some(error) = failed {
        return Err(error);
    }
    if is_required {
        break_glass::update_alerts(app, &context, project)?;
        objectives::measure_due(app, &context, project)?;
        auto_deploy::deploy_newest(app, project, step.now)?;
    }
    let Some(main) = Target::main(project) else { return Ok(false) };
    tune::tune_threshold(app, &context, &main, step.approval_mode)?;
    Ok(!auto_rollback::roll_back_if_better(app, &context, &main)?)
}

/// Whether a training is due and may start. What is due and may not start is written down.
pub(crate) fn is_training_due(app: &App, project: &Project, step: &Step) -> Result<bool, ReconcileError> {
    let Some(main) = project.main_deploy() else { return Ok(false) };
    let context = AuthorizedContext::system("reconcile", step.now);
    Ok(triggers::due_retraining(app, &context, project, &project.endpoint(main), step.data)?.is_some())
}

/// Trains if that is due.
pub(crate) fn retrain_project(
    app: &App,
    project: &Project,
    step: &Step,
    observer: &mut dyn FnMut(RunEvent),
) -> Result<Option<TrainingOutcome>, ReconcileError> {
    let Some(main) = project.main_deploy() else { return Ok(None) };
    let context = AuthorizedContext::system("reconcile", step.now);
    retrain_if_due(app, &context, project, &project.endpoint(main), step, observer)
}

fn evaluate_endpoint(app: &App, context: &AuthorizedContext, target: &Target<'_>) -> Result<(), ReconcileError> {
    let ratio = rollout::advance_rollout(app, context, target)?;
    update_sample_ratio_alert(app, context, target, ratio.as_ref())?;
    Ok(monitor::evaluate_monitors(app, context.at, target.project, &target.endpoint)?)
}

fn retrain_if_due(
    app: &App,
    context: &AuthorizedContext,
    project: &Project,
    endpoint: &EndpointName,
    step: &Step,
    observer: &mut dyn FnMut(RunEvent),
) -> Result<Option<TrainingOutcome>, ReconcileError> {
    let Some(due) = triggers::due_retraining(app, context, project, endpoint, step.data)? else { return Ok(None) };
    let retrain = project.contract.retrain.as_ref();
    let training = prepare_training(app, project, step, due.cause.clone(), retrain.and_then(|retrain| retrain.window))?;
    if let Some(verdict @ Verdict::Failed { .. }) =
        data_checks::check_data(project, &training.data, training.context.at)?
    {
        let reasons = verdict.reasons().into_iter().map(str::to_owned).collect();
        if triggers::record_skip(app, context, project, &due, &RetrainBlocker::UnfitData { reasons })? {
            data_checks::record_unfit_data(app, context, project, &verdict)?;
        }
        return Ok(None);
    }
    let done = train_and_deploy(app, project, training, &mut |event| {
        if let RunEvent::Started { run, .. } = &event
            && let Err(error) = triggers::record_retrain(app, context, project, &due, run)
        {
            tracing::error!(%error, "could not write down why a retraining was started");
        }
        observer(event);
    })?;
    Ok(Some(done.trained))
}

/// The training of a cause, on the data that is known now.
pub fn prepare_training(
    app: &App,
    project: &Project,
    step: &Step,
    cause: kilter_domain::run::Cause,
    window: Option<kilter_domain::time::Span>,
) -> Result<Training, ReconcileError> {
    let now = step.now;
    let folder = app.folder().join("known");
    kilter_blobs::atomic::create_dirs(&folder)?;
    let steps: BTreeSet<_> = match (&project.contract.retrain, cause.is_automatic()) {
        (Some(retrain), true) => retrain.run.iter().cloned().collect(),
        _ => BTreeSet::new(),
    };
    Ok(Training {
        cause,
        context: AuthorizedContext::system("reconcile", now),
        data: step.data.files(project, now, window, &folder)?,
        steps,
        outputs_root: step.outputs_root.clone(),
        approval_mode: step.approval_mode,
        overrides: RunOverrides::default(),
        now: std::sync::Arc::new(move || now),
    })
}

/// The next moment after `now` at which a step may have something to do besides the end of a window.
pub fn next_due(app: &App, project: &Project, now: Timestamp) -> Result<Option<Timestamp>, ReconcileError> {
    let lapse = lapse::next_lapse(app, project, now)?;
    let due = lapse.into_iter().chain(break_glass::next_due(app, project, now)?);
    let mut due = due.chain(objectives::next_due(app, project, now)?).min();
    for target in Target::all(project) {
        let windows = monitor::calendar(app, project, &target.endpoint)?.map(|calendar| calendar.next_end(now));
        let rollout = rollout::rollout_due(app, &target, now)?;
        due = [due, windows, rollout].into_iter().flatten().filter(|time| *time > now).min();
    }
    Ok(due)
}
