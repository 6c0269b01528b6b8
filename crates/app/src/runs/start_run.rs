//! Runs that this process is asked for: started in threads of their own, followed, cancelled.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::atomic::Ordering,
    thread,
    time::{Duration, Instant},
};

use kilter_domain::{error_chain::with_causes, replica::ReplicaId, run::RunState};
use kilter_store::run::{self as runs, Run};
use kilter_workflow::PlanError;

use crate::{
    app::App,
    approval,
    authz::{Authorized, act},
    causes::{InvalidState, StorageError},
    components::active_runs::{ActiveRun, MAX_WAITING, RunEvents},
    context::RequestContext,
    project::folder::Project,
    registration::{self, RegisterError},
    runs::train_and_deploy::train_and_deploy_with_ticket,
    training::{
        request::{RunRequest, RunTicket, Training},
        train,
    },
};

/// Why a run is not started.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant says what it is")]
pub enum StartRunError {
    /// The contract of the project may not be put in force by whoever asks.
    #[error(transparent)]
    Register(#[from] RegisterError),
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// Too many runs go on.
    #[error(transparent)]
    InvalidState(#[from] InvalidState),
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// Registers a project to run it ([`registration::register_to_run`]); where its gates are stricter now, versions that do not hold them
/// lapse at once.
///
/// # Errors
/// As there.
pub fn register_to_run(
    app: &App,
    context: &RequestContext,
    project: &Project,
) -> Result<Authorized<act::Run>, RegisterError> {
    let by = registration::register_to_run(app, context, project)?;
    // The contract is in force whatever becomes of them; the loop of a server tries again.
    if let Err(error) = approval::lapse_versions(app, project, context.at) {
        tracing::error!(project = %project.name, error = with_causes(&error), "approvals that no longer hold could not lapse");
    }
    Ok(by)
}

/// Takes a run of a project and starts it in a thread of its own; its id.
///
/// # Errors
/// When `act` may not run, or change the contract in force into that of the project; when too many runs go on.
pub fn start_run(
    app: &App,
    context: &RequestContext,
    project: Project,
    request: RunRequest,
) -> Result<String, StartRunError> {
    let by = register_to_run(app, context, &project)?;
    // What can be known to be wrong is said before anything is taken.
    kilter_workflow::Plan::of(&project.contract)?.with_upstream(&request.steps)?;
    let training = Training::requested(by, request);
    let id = app.new_id();
    let run = app.components().active_runs.take_place(&id)?;
    let ticket = RunTicket { id: id.clone(), cancel: run.cancel.clone(), is_queued: true };
    let (app, of_thread) = (app.clone(), run.clone());
    let started = train::queue_run(&app, &project, &training, &id).and_then(|()| {
        let folder = app.folder().to_owned();
        let work = move || execute_run(&app, &of_thread, &project, training, ticket);
        let named = thread::Builder::new().name("run".to_owned());
        named.spawn(work).map_err(|source| StorageError::WriteFile { path: folder, source })
    });
    match started {
        Ok(_) => Ok(id),
        Err(error) => {
            run.end();
            Err(error.into())
        }
    }
}

fn execute_run(app: &App, run: &ActiveRun, project: &Project, training: Training, ticket: RunTicket) {
    let context = training.context.clone();
    let done = catch_unwind(AssertUnwindSafe(|| {
        train_and_deploy_with_ticket(app, project, training, ticket, &mut |event| run.push(event))
    }));
    let failed = match done {
        Ok(Ok(_)) => None,
        Ok(Err(error)) => Some(kilter_domain::error_chain::with_causes(&error)),
        Err(_) => Some("the run met a fault of Kilter; its log has the rest".to_owned()),
    };
    if let Some(reason) = failed {
        tracing::error!(run = %run.id, %reason, "a run could not be finished");
        // It may have ended by itself, with the same reason.
        let _ = train::end_unfinished(app, &context, &run.id, &reason);
    }
    run.end();
}

/// The events of a run of this process after `after`, waiting at most `patience` for the next; `None` where this
/// process knows no such run.
pub fn run_events(app: &App, id: &str, after: u64, patience: Duration) -> Option<RunEvents> {
    let runs = &app.components().active_runs;
    let run = runs.find(id)?;
    // Those who follow hold a thread each; the rest ask again.
    let is_crowded = runs.waiting.fetch_add(1, Ordering::Relaxed) >= MAX_WAITING;
    let events = run.after(after, if is_crowded { Duration::ZERO } else { patience });
    runs.waiting.fetch_sub(1, Ordering::Relaxed);
    Some(events)
}

/// The entry that asks a run to stop. The server that executes the run follows it.
pub(crate) const CANCEL: &str = "run.cancel";

/// Asks a run to stop, of this process or of another server; whether it was going on.
///
/// # Errors
/// When the entry cannot be written; then it is not asked.
pub fn cancel_run(app: &App, by: &Authorized<act::Run>, id: &str, reason: &str) -> Result<bool, StorageError> {
    let own = app.components().active_runs.find(id).filter(|run| !run.lock().has_ended);
    if own.is_none() && executing_replica(app, id)?.is_none() {
        return Ok(false);
    }
    let (draft, id) = (by.audit_event(CANCEL, reason, vec![]), id.to_owned());
    app.store().write(move |tx| runs::note_cancel(&tx.audited(draft), &id).map(|_| ()))?;
    own.iter().for_each(|run| run.cancel.cancel());
    Ok(true)
}

/// Another server asked a run of this process to stop, if it is one.
pub(crate) fn cancel_followed(app: &App, id: &str) {
    app.components().active_runs.find(id).iter().for_each(|run| run.cancel.cancel());
}

/// The other server that executes a run; `None` where none does.
///
/// # Errors
/// When the metadata cannot be read.
pub fn executing_replica(app: &App, id: &str) -> Result<Option<ReplicaId>, StorageError> {
    if !app.store().is_shared() {
        return Ok(None);
    }
    let found = app.store().read(|reader| runs::find(reader, id))?;
    let is_under_way = |run: &Run| matches!(run.state, RunState::Queued | RunState::Running);
    let own = app.store().replica();
    Ok(found.filter(is_under_way).map(|run| run.replica).filter(|replica| *replica != own))
}

/// Asks every run of this process to stop.
pub fn cancel_runs(app: &App) {
    app.components().active_runs.lock().iter().for_each(|run| run.cancel.cancel());
}

/// Asks every run of this process to stop, and waits at most `patience` until they have.
pub fn stop_runs(app: &App, patience: Duration) {
    cancel_runs(app);
    let until = Instant::now() + patience;
    let runs: Vec<_> = app.components().active_runs.lock().iter().cloned().collect();
    for run in runs {
        while !run.after(u64::MAX, until.saturating_duration_since(Instant::now())).has_ended {
            if Instant::now() >= until {
                tracing::warn!(run = %run.id, "a run was cut off: it took longer than stopping may");
                break;
            }
        }
    }
}
