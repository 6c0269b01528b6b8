//! Runs in the words of `api`; routes and commands show the same.

use kilter_api::{self as api, Code, Problem};
use kilter_app::{App, training::cause_sentence};
use kilter_domain::{
    ids::StepName,
    plural::counted,
    run::{RunState, StepState},
};
use kilter_store::{
    PageRequest, Reader, StoreError, model as versions,
    run::{self as runs, Run, RunFilter},
};
use kilter_workflow::{Change, RunEvent, RunRecord, StepRecord, UnchangedVersion};

use crate::{
    failure::problem_of,
    views::{self, cursor, read},
};

/// Changes that a sentence names at most.
const MAX_REASONS: usize = 3;

/// Runs, newest first.
///
/// # Errors
/// When the metadata cannot be read, or the cursor is of another list.
pub fn runs(app: &App, page: &PageRequest) -> Result<api::Page<api::RunSummary>, Problem> {
    read(app, |reader| {
        let found = runs::list(reader, &RunFilter::default(), page)?;
        let items = found.items.iter().map(|run| {
            let version = made_by(reader, &run.id)?.map(|version| version.number);
            Ok(summary(run, version))
        });
        Ok(api::Page { items: items.collect::<Result<_, StoreError>>()?, next: cursor(found.next) })
    })
}

/// One run with what came of it.
///
/// # Errors
/// When there is no such run, or the metadata cannot be read.
pub fn run(app: &App, id: &str) -> Result<api::Run, Problem> {
    let (run, made) = read(app, |reader| Ok((runs::get(reader, id)?, made_by(reader, id)?)))?;
    let record = record_of(&run);
    let unchanged = record.as_ref().and_then(|record| record.unchanged.clone());
    let named = made.map(|made| UnchangedVersion { model: made.model, number: made.number }).or(unchanged.clone());
    let version = named.map(|of| views::version_with_gates(app, &of.model, of.number)).transpose()?;
    let number = version.as_ref().filter(|_| unchanged.is_none()).map(|version| version.number);
    Ok(api::Run {
        summary: summary(&run, number),
        version,
        unchanged: unchanged.is_some(),
        data_refused: run.record.get("data").is_some() && record.is_none(),
        reason: reason(&run, record.as_ref()),
        steps: record.iter().flat_map(|record| &record.steps).map(step).collect(),
        record: if record.is_some() { run.record } else { serde_json::Value::Null },
    })
}

/// The log of a step of a run.
///
/// # Errors
/// When there is no such run or step, or its log is gone.
pub fn step_log(app: &App, id: &str, name: &StepName) -> Result<api::StepLog, Problem> {
    let text = app.step_log(id, name).map_err(|error| problem_of(&error))?;
    Ok(api::StepLog { run: id.to_owned(), step: name.to_string(), text })
}

/// The version that a run made: the first, because later ones of the same run differ in their threshold alone.
fn made_by(reader: &Reader, run: &str) -> Result<Option<versions::Version>, StoreError> {
    Ok(versions::find_by_run(reader, run)?.pop())
}

fn record_of(run: &Run) -> Option<RunRecord> {
    serde_json::from_value(run.record.clone()).ok()
}

/// Why it made nothing.
fn reason(run: &Run, record: Option<&RunRecord>) -> Option<String> {
    let of_step = record.and_then(RunRecord::failed_step).and_then(StepRecord::failure);
    of_step.or_else(|| Some(run.record.get("error")?.as_str()?.to_owned()))
}

fn summary(run: &Run, version: Option<u32>) -> api::RunSummary {
    api::RunSummary {
        id: run.id.clone(),
        project: run.project.to_string(),
        state: state(run.state),
        cause: cause_sentence(&run.cause),
        created: run.created.to_string(),
        ended: run.ended.map(|time| time.to_string()),
        version,
    }
}

const fn state(state: RunState) -> api::RunState {
    match state {
        RunState::Queued => api::RunState::Queued,
        RunState::Running => api::RunState::Running,
        RunState::Succeeded => api::RunState::Succeeded,
        RunState::Failed => api::RunState::Failed,
        RunState::Cancelled => api::RunState::Cancelled,
        RunState::Refused => api::RunState::Refused,
    }
}

fn step(record: &StepRecord) -> api::RunStep {
    api::RunStep {
        name: record.step.to_string(),
        state: step_state(record.state),
        wall_ms: record.wall_ms,
        made_by: record.made_by.clone(),
        has_log: record.log.is_some() || record.log_file.is_some(),
        metrics: record.metrics.clone(),
        error: record.error.clone(),
    }
}

const fn step_state(state: StepState) -> api::StepState {
    match state {
        StepState::Queued => api::StepState::Queued,
        StepState::Running => api::StepState::Running,
        StepState::Succeeded => api::StepState::Succeeded,
        StepState::Failed => api::StepState::Failed,
        StepState::Cancelled => api::StepState::Cancelled,
        StepState::Cached => api::StepState::Cached,
        StepState::Skipped => api::StepState::Skipped,
        StepState::Refused => api::StepState::Refused,
    }
}

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
        StepState::Cached => "known already".to_owned(),
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

/// A run whose folder or contract cannot be used as it was asked for.
pub(crate) fn not_here(detail: String) -> Problem {
    Problem::new(Code::NotFound, detail).hint(
        "a server runs projects in folders of its own machine: bring the project's folder there, and run `kilter run` there \
         once, in the folder and with the server's data folder (`--data`)",
    )
}
