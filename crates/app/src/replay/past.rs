//! A project and what happened to it, read once and played from its beginning.

use std::path::Path;

use kilter_domain::{ids::DatasetName, run::Cause, time::Timestamp};
use kilter_lake::{ReadOptions, read_table};

use crate::{
    app::App,
    context::RequestContext,
    dataset::history::History,
    model::approval_mode::ApprovalMode,
    project::{fetch, folder::Project},
    reconcile::project::{self, Step},
    registration,
    replay::{
        error::{ReplayError, StepLog},
        point_in_time::PointInTimeSource,
        settings::{ReplayOptions, Settings},
    },
    runs::{TrainedAndDeployed, train_and_deploy},
    training::request::TrainingOutcome,
};

/// A project, its rows by their clocks, and between which moments it is played.
pub(crate) struct Past {
    pub project: Project,
    dataset: DatasetName,
    pub history: History,
    pub settings: Settings,
}

impl Past {
    /// Reads the project in `folder` and its dataset.
    pub fn read(folder: &Path, options: &ReplayOptions) -> Result<Self, ReplayError> {
        // Brought here once: the whole past is played with the same copies.
        let project = fetch::with_copies(&Project::open(folder)?, false, &|_| false)?;
        let dataset = project.labelled_dataset()?.clone();
        let table = read_table(&project.dataset_path(&dataset)?, &ReadOptions::default())?;
        let history = History::new(table, project.roles(&dataset))?;
        let settings = Settings::of(&project, &history, options)?;
        Ok(Self { project, dataset: dataset.name, history, settings })
    }

    /// What trainings read: at each moment the rows that were known then.
    pub fn source(&self) -> PointInTimeSource<'_> {
        PointInTimeSource::new(&self.history, self.dataset.clone())
    }

    /// Registers the project at the moment at which serving begins, and trains its first version.
    pub fn begin(&self, app: &App, source: &PointInTimeSource) -> Result<(), ReplayError> {
        let start = self.settings.start;
        registration::register_to_run(app, &RequestContext::system("replay", start), &self.project)?;
        let step = step(source, app, start, ApprovalMode::Simulated);
        let window = self.project.contract.retrain.as_ref().and_then(|retrain| retrain.window);
        let training = project::prepare_training(app, &self.project, &step, Cause::Replay, window)?;
        let TrainedAndDeployed { trained, .. } = train_and_deploy(app, &self.project, training, &mut |_| ())?;
        match trained.version {
            Some(_) => Ok(()),
            None => Err(untrained(trained)),
        }
    }
}

/// A step of the loop at a moment of the past.
pub(crate) fn step<'s>(
    source: &'s PointInTimeSource,
    app: &App,
    now: Timestamp,
    approval_mode: ApprovalMode,
) -> Step<'s> {
    Step { now, data: source, approval_mode, outputs_root: Some(app.folder().join("outputs")) }
}

fn untrained(trained: TrainingOutcome) -> ReplayError {
    let failed = trained.record.failed_step();
    let log = failed.and_then(|step| Some(StepLog { tail: step.log_tail.clone()?, file: step.log_file.clone()? }));
    let error = failed.and_then(|step| Some(format!("step `{}`: {}", step.step, step.error.clone()?)));
    let reason = trained.refused.or(error);
    let reason = reason.unwrap_or_else(|| "no model was packed; name it in [package]".to_owned());
    ReplayError::FirstTraining { reason, log }
}
