//! Replay: a dataset played as production, with the clock handed in.
//!
//! Trains on what was known when serving began, answers the rest through the real endpoint in the order of events,
//! lets labels arrive when they became known, and takes every step of the loop as the server would.
//!
//! Invariants: at each moment nothing is read that was not known then; no project has a path of its own here; what the
//! report says is read back from the audit table and the prediction log.

use std::path::{Path, PathBuf};

use kilter_domain::{run::Cause, time::Timestamp};
use kilter_lake::{LakeError, ReadOptions, read_table};
use kilter_store::StoreError;

use crate::{
    app::{App, AppOptions},
    causes::{ScoringError, StorageError, from_causes},
    context::RequestContext,
    data_folder::DataFolderError,
    dataset::{RolesError, history::History},
    deployment::DeployError,
    error::AppError,
    gate::GateError,
    model::{VersionError, approval_mode::ApprovalMode},
    prediction::{LabelError, PredictionError, compact},
    project::{DatasetError, ProjectError, folder::Project},
    reconcile::project::{self, Step},
    registration::{self, RegisterError},
    replay::{
        counterfactual, periods,
        point_in_time::Past,
        report::{Entry, Report},
        settings::Settings,
        simulator::Stage,
    },
    runs::{TrainAndDeployError, TrainedAndDeployed, train_and_deploy},
    training::request::TrainingOutcome,
};

/// What a caller may change of a replay.
#[derive(Clone, Debug, Default)]
pub struct ReplayOptions {
    /// Seed of whatever the replay draws; `None`: the contract's.
    pub seed: Option<u64>,
    /// The last moment that is played; `None`: the contract's, else the end of the data.
    pub until: Option<Timestamp>,
}

/// How far a replay is.
#[derive(Clone, Debug)]
pub struct Progress {
    pub now: Timestamp,
    /// Rows answered so far, of `rows`.
    pub answered: usize,
    pub rows: usize,
    /// What was decided since the last progress.
    pub decided: Vec<Entry>,
}

/// Why a past could not be played.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    #[error(transparent)]
    App(#[from] AppError),
    #[error("dataset `{dataset}` holds no rows to play")]
    Empty { dataset: String },
    #[error("serving cannot begin: {reason}; set `start` in [replay] to a date at which enough labels are known")]
    NoStart { reason: String },
    #[error(
        "a period of {period} cuts the data into more than {} pieces; set `period = \"{longer}\"` in [replay]",
        periods::MAX_PERIODS
    )]
    TooManyPeriods { period: kilter_domain::time::Span, longer: kilter_domain::time::Span },
    #[error(
        "dataset `{dataset}`: row {row} of time column `{column}` is {value}, {away} away from half of all rows, and the \
         time between would be played empty; correct it, or set `start` and `end` in [replay]"
    )]
    Alone {
        dataset: String,
        column: String,
        row: usize,
        value: kilter_domain::time::Timestamp,
        away: kilter_domain::time::Span,
    },
    #[error("the first training failed: {reason}; try it with `kilter run`{}", log.as_ref().map_or_else(String::new, StepLog::end))]
    FirstTraining { reason: String, log: Option<StepLog> },
}

from_causes!(
    ReplayError:
    App(
        DataFolderError, DatasetError, DeployError, GateError, LabelError, PredictionError, ProjectError, RegisterError,
        RolesError, ScoringError, StorageError, TrainAndDeployError, VersionError, LakeError, StoreError,
    ),
);

/// What a failed step wrote.
#[derive(Clone, Debug)]
pub struct StepLog {
    /// Its last lines.
    pub tail: String,
    /// All of it, in the state of the replay.
    pub file: PathBuf,
}

impl StepLog {
    fn end(&self) -> String {
        format!("\nits log ends:\n    {}", self.tail.trim_end().replace('\n', "\n    "))
    }
}

/// Plays the project in `folder`, keeping its state in `state` (an empty folder).
pub fn replay(
    folder: &Path,
    state: &Path,
    options: &ReplayOptions,
    app: AppOptions,
    observer: &mut dyn FnMut(&Progress),
) -> Result<Report, ReplayError> {
    let project = Project::open(folder)?;
    let dataset = project.labelled_dataset()?.clone();
    let table = read_table(&project.dataset_path(&dataset)?, &ReadOptions::default())?;
    let history = History::new(table, project.roles(&dataset))?;
    let settings = Settings::of(&project, &history, options)?;
    let app = App::open(state, app)?;
    registration::register(&app, &RequestContext::system("replay", settings.start), &project)?;
    let past = Past::new(&history, dataset.name.clone());
    let mut stage = Stage::new(&app, &project, &history, &settings);
    first_training(&app, &project, &settings, &past)?;
    play(&mut stage, &past, observer)?;
    counterfactual::report(&app, &project, &history, &settings, &stage)
}

fn step<'a>(past: &'a Past, app: &App, now: Timestamp) -> Step<'a> {
    Step { now, data: past, approval_mode: ApprovalMode::Simulated, outputs_root: Some(app.folder().join("outputs")) }
}

fn first_training(app: &App, project: &Project, settings: &Settings, past: &Past) -> Result<(), ReplayError> {
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
fn play(stage: &mut Stage, past: &Past, observer: &mut dyn FnMut(&Progress)) -> Result<(), ReplayError> {
    let mut now = stage.settings.start;
    while now < stage.settings.end {
        let due = project::next_due(stage.app, stage.project, now)?;
        let next = [due, stage.settings.next_boundary(now)].into_iter().flatten().min();
        let next = next.unwrap_or(stage.settings.end).min(stage.settings.end);
        stage.serve(now, next)?;
        stage.tell_labels(next)?;
        let step = step(past, stage.app, next);
        stage.step(&step)?;
        now = next;
        observer(&stage.progress(now)?);
    }
    // Nothing happens any more, and the last labels are waited for: the report then knows what became of every row.
    stage.tell_labels(stage.settled())?;
    compact::compact_log(stage.app, &stage.endpoint)?;
    observer(&stage.progress(stage.settled())?);
    Ok(())
}
