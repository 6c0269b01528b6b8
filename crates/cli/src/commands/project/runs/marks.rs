//! How runs and their steps are marked, and what a step did in one sentence.

use kilter_api as api;
use kilter_domain::tracking::RunStatus;

use crate::ui::view::Status;

/// How the status of a run is marked that a client executed.
pub(super) const fn mark_of_status(status: RunStatus) -> Status {
    match status {
        RunStatus::Scheduled => Status::Wait,
        RunStatus::Running => Status::Running,
        RunStatus::Finished => Status::Ok,
        RunStatus::Failed => Status::Bad,
        RunStatus::Killed => Status::None,
    }
}

pub(super) const fn mark_of_run(state: api::RunState) -> Status {
    match state {
        api::RunState::Queued => Status::Wait,
        api::RunState::Running => Status::Running,
        api::RunState::Succeeded => Status::Ok,
        api::RunState::Failed => Status::Bad,
        api::RunState::Cancelled => Status::None,
        api::RunState::Refused => Status::Blocked,
    }
}

pub(super) const fn mark_of_step(state: api::StepState) -> Status {
    match state {
        api::StepState::Succeeded | api::StepState::Cached => Status::Ok,
        api::StepState::Failed => Status::Bad,
        api::StepState::Running => Status::Running,
        api::StepState::Queued => Status::Wait,
        api::StepState::Cancelled | api::StepState::Skipped => Status::None,
        api::StepState::Refused => Status::Blocked,
    }
}

/// What a step did, and what it measured.
pub(super) fn sentence(step: &api::RunStep) -> String {
    let what = match step.state {
        api::StepState::Cached => "cached".to_owned(),
        api::StepState::Succeeded => format!("{:.1} s", step.wall_ms as f64 / 1_000.0),
        state => format!("{state:?}").to_lowercase(),
    };
    let metrics: Vec<String> = step.metrics.iter().map(|(name, value)| format!("{name} = {value:.4}")).collect();
    let metrics = if metrics.is_empty() { String::new() } else { format!("; {}", metrics.join(", ")) };
    let error = step.error.as_ref().map_or_else(String::new, |error| format!(": {error}"));
    format!("{} ({what}){error}{metrics}", step.name)
}
