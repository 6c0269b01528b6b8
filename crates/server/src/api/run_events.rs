//! Runs in the words of `api`; routes and commands show the same.

use kilter_api as api;
use kilter_domain::{plural::counted, run::StepState};
use kilter_workflow::{Change, RunEvent, StepRecord};

/// Changes that a sentence names at most.
const MAX_REASONS: usize = 3;

/// An event of a run in a sentence; output of steps is in their logs.
pub fn event(number: u64, event: &RunEvent) -> Option<api::RunEvent> {
    use api::RunEventKind as Kind;
    let (kind, text) = match event {
        RunEvent::Started { run, steps } => (Kind::Started, format!("run {run}: {}", counted(steps.len(), "step"))),
        RunEvent::StepStarted { step, attempt, reason } => {
            let again = if *attempt > 1 { format!(" (attempt {attempt})") } else { String::new() };
            (Kind::StepStarted, format!("{step}{again}{}", reasons(reason)))
        }
        RunEvent::StepWaiting { step, path } => (Kind::StepWaiting, format!("{step} waits: another run holds {path}")),
        RunEvent::EnvironmentStarted { step, lock } => {
            (Kind::StepWaiting, format!("{step} waits: its environment is made from {lock}"))
        }
        RunEvent::StepRetrying { step, attempt, wait_ms, .. } => {
            let text = format!("{step} failed (attempt {attempt}), tried again in {} s", wait_ms / 1_000);
            (Kind::StepRetrying, text)
        }
        RunEvent::StepEnded { record } => (ended_kind(record.state), step_sentence(record)),
        RunEvent::DataChanged { dataset, was, .. } => {
            let what = if was.is_some() {
                "has changed; kilter.lock now pins it as it is"
            } else {
                "is pinned in kilter.lock"
            };
            (Kind::DataChanged, format!("dataset {dataset} {what}"))
        }
        RunEvent::Kept { step, path, .. } => {
            let text = format!("{step}: what stood at {path} was not made by a run; it is kept in the store");
            (Kind::OutputKept, text)
        }
        RunEvent::StepOutput { .. } => return None,
    };
    Some(api::RunEvent { number, kind, text })
}

const fn ended_kind(state: StepState) -> api::RunEventKind {
    match state {
        StepState::Succeeded => api::RunEventKind::StepSucceeded,
        StepState::Cached => api::RunEventKind::StepCached,
        StepState::Failed => api::RunEventKind::StepFailed,
        StepState::Refused => api::RunEventKind::StepRefused,
        _ => api::RunEventKind::StepNotRun,
    }
}

/// Why a step is executed, after a colon.
pub fn reasons(reason: &[Change]) -> String {
    let changes: Vec<String> = reason.iter().take(MAX_REASONS).map(ToString::to_string).collect();
    if changes.is_empty() { String::new() } else { format!(": {}", changes.join("; ")) }
}

/// What a step did, with the end of its log where it failed.
pub fn step_sentence(record: &StepRecord) -> String {
    let what = match record.state {
        StepState::Cached => "cached".to_owned(),
        StepState::Succeeded => format!("{:.1} s", record.wall_ms as f64 / 1_000.0),
        state => format!("{state:?}").to_lowercase(),
    };
    let error = record.error.as_ref().map_or_else(String::new, |error| format!(": {error}"));
    let log = record.log_tail.as_ref().filter(|_| record.state == StepState::Failed);
    let log = log.map_or_else(String::new, |log| format!("\n    {}", log.trim_end().replace('\n', "\n    ")));
    let file =
        record.log_file.as_ref().map_or_else(String::new, |file| format!("\n    its whole log is {}", file.display()));
    format!("{} ({what}){error}{log}{file}", record.step)
}
