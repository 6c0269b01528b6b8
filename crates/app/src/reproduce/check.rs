//! Proving beforehand that a run can be repeated.

use std::{collections::BTreeMap, path::Path};

use kilter_domain::{
    actor::Actor,
    ids::StepName,
    run::{Cause, StepState},
};
use kilter_workflow::{Difference, Plan, RunEvent, RunOptions, RunRecord, StepRecord, execute};

use crate::{
    project::{fetch, folder::Project},
    reproduce::{clean_folder, error::ReproduceError},
    training::{TrainError, data, request::RunRequest},
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

/// Executes each step that `by` asks for once more in a clean folder below `scratch`, and compares what it makes with what it made
/// before; twice where nothing is known. `tool` is what `kilter` in a command means.
///
/// # Errors
/// When nothing can be executed: data is missing, the contract does not fit together, the copy cannot be made.
pub fn check_reproducibility(
    project: &Project,
    (by, request): (&Actor, RunRequest),
    (tool, scratch): (&Path, &Path),
    observer: &mut dyn FnMut(RunEvent),
) -> Result<RunRecord, ReproduceError> {
    let plan = Plan::of(&project.contract).map_err(TrainError::from)?;
    let project = &fetch::with_copies(project, request.overrides.locked, &|_| false)?;
    let mut given = BTreeMap::new();
    // Steps are given what a run gives them, so that what is known of them is compared.
    if let Some(held_out) = data::hold_out(project, &given, scratch)? {
        given.insert(held_out.dataset, held_out.rest);
    }
    let clean = scratch.join("project");
    clean_folder::copy_declared(project, &plan, &clean)?;
    let only = match request.steps.is_empty() {
        true => None,
        false => Some(plan.with_upstream(&request.steps).map_err(TrainError::from)?),
    };
    let options = RunOptions {
        state_folder: project.folder.join(".kilter"),
        data_overrides: given,
        fetched: project.copies.clone(),
        param_overrides: request.overrides.params,
        locked: request.overrides.locked,
        check: true,
        only,
        ..RunOptions::new("check", Cause::Manual { by: by.clone() }, &clean, tool, request.now)
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
