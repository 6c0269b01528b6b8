//! Proving beforehand that a run can be repeated.

use std::{collections::BTreeMap, path::Path};

use kilter_domain::{ids::StepName, run::StepState};
use kilter_workflow::{Difference, Plan, RunEvent, RunOptions, RunRecord, StepRecord, execute};

use crate::{
    project::{fetch, folder::Project},
    reproduce::{clean_folder, error::ReproduceError},
    training::{TrainError, data, request::Training},
};

/// What a check says of a step.
#[derive(Clone, Debug, PartialEq)]
pub enum StepVerdict {
    /// It made the same outputs again.
    Reproduced,
    /// It made other outputs from the same inputs: the first difference of each that differs.
    Differs(BTreeMap<String, Difference>),
    /// The contract says that it is not deterministic, so it is not held to anything.
    NotClaimed,
    /// It could not be executed in a clean folder, with the reason.
    Failed(String),
    /// A step before it failed, or the check was stopped.
    NotChecked,
}

/// Executes each step of `training` once more in a clean folder below `scratch`, and compares what it makes with what it made
/// before; twice where nothing is known. `tool` is what `kilter` in a command means.
///
/// # Errors
/// When nothing can be executed: data is missing, the contract does not fit together, the copy cannot be made.
pub fn check_reproducibility(
    project: &Project,
    mut training: Training,
    (tool, scratch): (&Path, &Path),
    observer: &mut dyn FnMut(RunEvent),
) -> Result<RunRecord, ReproduceError> {
    let plan = Plan::of(&project.contract).map_err(TrainError::from)?;
    let project = &fetch::with_copies(project, training.overrides.locked, &|_| false)?;
    // Steps are given what a run gives them, so that what is known of them is compared.
    if let Some(held_out) = data::hold_out(project, &training, scratch)? {
        training.data.insert(held_out.dataset, held_out.rest);
    }
    let clean = scratch.join("project");
    clean_folder::copy_declared(project, &plan, &clean)?;
    let only = match training.steps.is_empty() {
        true => None,
        false => Some(plan.with_upstream(&training.steps).map_err(TrainError::from)?),
    };
    let options = RunOptions {
        state_folder: project.folder.join(".kilter"),
        data_overrides: training.data.clone(),
        fetched: project.copies.clone(),
        param_overrides: training.overrides.params.clone(),
        locked: training.overrides.locked,
        check: true,
        only,
        ..RunOptions::new("check", training.cause.clone(), &clean, tool, training.now.clone())
    };
    Ok(execute(&plan, &options, observer).map_err(TrainError::from)?)
}

/// What a check says of each step, in the order of the run.
pub fn step_verdicts(record: &RunRecord) -> Vec<(StepName, StepVerdict)> {
    record.steps.iter().map(|step| (step.step.clone(), verdict(step))).collect()
}

/// Why a step failed, without its name.
pub(crate) fn failure(step: &StepRecord) -> String {
    let reason = step.failure().unwrap_or_else(|| "it failed".to_owned());
    reason.strip_prefix(&format!("step `{}`: ", step.step)).map_or_else(|| reason.clone(), str::to_owned)
}

fn verdict(step: &StepRecord) -> StepVerdict {
    match (step.state, step.reproducible) {
        (StepState::Failed | StepState::Refused, _) => StepVerdict::Failed(failure(step)),
        (StepState::Succeeded, Some(true)) => StepVerdict::Reproduced,
        (StepState::Succeeded, Some(false)) => StepVerdict::Differs(step.differences.clone()),
        (StepState::Succeeded | StepState::Cached, _) => StepVerdict::NotClaimed,
        _ => StepVerdict::NotChecked,
    }
}
