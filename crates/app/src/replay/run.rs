//! Replay: a dataset played as production, with the clock handed in.
//!
//! Trains on what was known when serving began, answers the rest through the real endpoint in the order of events,
//! lets labels arrive when they became known, and takes every step of the loop as the server would.
//!
//! Invariants: at each moment nothing is read that was not known then; no project has a path of its own here; what the
//! report says is read back from the audit table and the prediction log.

use std::path::Path;

use kilter_domain::{run::Cause, time::Timestamp};
use kilter_lake::{ReadOptions, read_table};

use crate::{
    app::{App, AppOptions},
    context::RequestContext,
    dataset::history::History,
    model::approval_mode::ApprovalMode,
    prediction::compact,
    project::{fetch, folder::Project},
    reconcile::project::{self, Step},
    registration,
    replay::{
        counterfactual,
        error::{ReplayError, StepLog},
        point_in_time::PointInTimeSource,
        report::Report,
        settings::{ReplayOptions, Settings},
        simulator::{Progress, Simulator},
    },
    runs::{TrainedAndDeployed, train_and_deploy},
    training::request::TrainingOutcome,
};

/// Plays the project in `folder`, keeping its state in `state` (an empty folder).
///
/// # Errors
/// When the project, its data or the folder of the state cannot be used, serving cannot begin, or the first training
/// fails.
pub fn replay(
    folder: &Path,
    state: &Path,
    options: &ReplayOptions,
    app: AppOptions,
    observer: &mut dyn FnMut(&Progress),
) -> Result<Report, ReplayError> {
    // Brought here once: the whole past is played with the same copies.
    let project = fetch::with_copies(&Project::open(folder)?, false, &|_| false)?;
    let dataset = project.labelled_dataset()?.clone();
    let table = read_table(&project.dataset_path(&dataset)?, &ReadOptions::default())?;
    let history = History::new(table, project.roles(&dataset))?;
    let settings = Settings::of(&project, &history, options)?;
    let app = App::open(state, app)?;
    registration::register_to_run(&app, &RequestContext::system("replay", settings.start), &project)?;
    let past = PointInTimeSource::new(&history, dataset.name.clone());
    let mut simulator = Simulator::new(&app, &project, &history, &settings);
    first_training(&app, &project, &settings, &past)?;
    play(&mut simulator, &past, observer)?;
    counterfactual::report(&app, &project, &history, &settings, &simulator)
}

fn step<'a>(past: &'a PointInTimeSource, app: &App, now: Timestamp) -> Step<'a> {
    Step { now, data: past, approval_mode: ApprovalMode::Simulated, outputs_root: Some(app.folder().join("outputs")) }
}

fn first_training(
    app: &App,
    project: &Project,
    settings: &Settings,
    past: &PointInTimeSource,
) -> Result<(), ReplayError> {
    let step = step(past, app, settings.start);
    let window = project.contract.retrain.as_ref().and_then(|retrain| retrain.window);
    let training = project::prepare_training(app, project, &step, Cause::Replay, window)?;
    let TrainedAndDeployed { trained, .. } = train_and_deploy(app, project, training, &mut |_| ())?;
    match trained.version {
        Some(_) => Ok(()),
        None => Err(untrained(trained)),
    }
}

fn untrained(trained: TrainingOutcome) -> ReplayError {
    let failed = trained.record.failed_step();
    let log = failed.and_then(|step| Some(StepLog { tail: step.log_tail.clone()?, file: step.log_file.clone()? }));
    let error = failed.and_then(|step| Some(format!("step `{}`: {}", step.step, step.error.clone()?)));
    let reason = trained.refused.or(error);
    let reason = reason.unwrap_or_else(|| "no model was packed; name it in [package]".to_owned());
    ReplayError::FirstTraining { reason, log }
}

/// The loop: answer what happens until the next moment that matters, tell the labels, take one step.
fn play(
    simulator: &mut Simulator,
    past: &PointInTimeSource,
    observer: &mut dyn FnMut(&Progress),
) -> Result<(), ReplayError> {
    let mut now = simulator.settings.start;
    while now < simulator.settings.end {
        let due = project::next_due(simulator.app, simulator.project, now)?;
        let next = [due, simulator.settings.next_boundary(now)].into_iter().flatten().min();
        let next = next.unwrap_or(simulator.settings.end).min(simulator.settings.end);
        simulator.serve(now, next)?;
        simulator.send_labels(next)?;
        let step = step(past, simulator.app, next);
        simulator.step(&step)?;
        now = next;
        observer(&simulator.progress(now)?);
    }
    // Nothing happens any more, and the last labels are waited for: the report then knows what became of every row.
    simulator.send_labels(simulator.last_label_time())?;
    compact::compact_log(simulator.app, &simulator.endpoint)?;
    observer(&simulator.progress(simulator.last_label_time())?);
    Ok(())
}
