//! Runs that this process has been asked for: started in threads of their own, followed by their events, cancelled.
//!
//! Holds true: a run that was taken has its row before the answer, and ends in it, also when its thread panics; at most
//! [`MAX_ACTIVE`] go on at once, and of each at most [`MAX_EVENTS`] events are kept. Events are for whoever watches; what
//! a run did stands in its record.

use std::{
    collections::{BTreeSet, VecDeque},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Condvar, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use kilter_domain::{ids::StepName, run::Cause};
use kilter_store::run as runs;
use kilter_workflow::{CancelToken, Now, RunEvent};

use crate::{
    App,
    context::RequestContext,
    deployment::auto_deploy,
    error::AppError,
    project::{folder::Project, registration},
    training::train::{self, ApprovalMode, RunOverrides, RunTicket, Training},
};

/// Runs that go on at once; more are refused.
const MAX_ACTIVE: usize = 4;
/// Ended runs whose events can still be read.
const MAX_ENDED: usize = 16;
/// Threads that wait for events at once; whoever is beyond them is answered at once.
const MAX_WAITING: usize = 32;
/// Events that are kept of a run; the oldest go first.
const MAX_EVENTS: usize = 2_000;

/// What is asked of a run.
pub struct RunRequest {
    pub steps: BTreeSet<StepName>,
    pub overrides: RunOverrides,
    pub now: Now,
}

/// Events of a run after a number, and whether there will be more.
#[derive(Clone, Debug, PartialEq)]
pub struct RunEvents {
    /// Each with its number, from 1.
    pub events: Vec<(u64, RunEvent)>,
    pub has_ended: bool,
}

/// The runs of this process.
#[derive(Default)]
pub(crate) struct ActiveRuns {
    runs: Mutex<VecDeque<Arc<ActiveRun>>>,
    /// Threads that wait for an event.
    waiting: AtomicUsize,
}

struct ActiveRun {
    id: String,
    cancel: CancelToken,
    seen: Mutex<EventBuffer>,
    changed: Condvar,
}

#[derive(Default)]
struct EventBuffer {
    events: VecDeque<(u64, RunEvent)>,
    next: u64,
    has_ended: bool,
}

impl ActiveRun {
    fn lock(&self) -> std::sync::MutexGuard<'_, EventBuffer> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, event: RunEvent) {
        let mut seen = self.lock();
        seen.next += 1;
        let number = seen.next;
        seen.events.push_back((number, event));
        if seen.events.len() > MAX_EVENTS {
            seen.events.pop_front();
        }
        self.changed.notify_all();
    }

    fn end(&self) {
        self.lock().has_ended = true;
        self.changed.notify_all();
    }

    /// What came after `after`, waiting at most `patience` for it.
    fn after(&self, after: u64, patience: Duration) -> RunEvents {
        let until = Instant::now() + patience;
        let mut seen = self.lock();
        while !seen.has_ended && seen.next <= after {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            seen = self.changed.wait_timeout(seen, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        let events = seen.events.iter().filter(|(number, _)| *number > after).cloned().collect();
        RunEvents { events, has_ended: seen.has_ended }
    }
}

impl ActiveRuns {
    fn lock(&self) -> std::sync::MutexGuard<'_, VecDeque<Arc<ActiveRun>>> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, id: &str) -> Option<Arc<ActiveRun>> {
        self.lock().iter().find(|run| run.id == id).cloned()
    }

    /// A place for a run, where there is one.
    fn take_place(&self, id: &str) -> Result<Arc<ActiveRun>, AppError> {
        let mut runs = self.lock();
        let going = runs.iter().filter(|run| !run.lock().has_ended).count();
        if going >= MAX_ACTIVE {
            return Err(AppError::WrongState {
                what: "run",
                id: id.to_owned(),
                state: format!("not started, because {going} others go on"),
                how: "wait for one of them, or cancel one with `kilter runs cancel ID`".to_owned(),
            });
        }
        while runs.len() - going >= MAX_ENDED {
            let Some(oldest) = runs.iter().position(|run| run.lock().has_ended) else { break };
            runs.remove(oldest);
        }
        let (cancel, seen, changed) = (CancelToken::new(), Mutex::default(), Condvar::new());
        let run = Arc::new(ActiveRun { id: id.to_owned(), cancel, seen, changed });
        runs.push_back(run.clone());
        Ok(run)
    }
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
) -> Result<String, AppError> {
    registration::register_to_run(app, context, &project)?;
    // What can be known to be wrong is said before anything is taken.
    kilter_workflow::Plan::of(&project.contract)?.with_upstream(&request.steps)?;
    let training = Training {
        cause: Cause::Manual { by: context.actor.clone() },
        context: context.clone(),
        data: Default::default(),
        steps: request.steps,
        outputs_root: None,
        approval_mode: ApprovalMode::Required,
        overrides: request.overrides,
        now: request.now,
    };
    let id = app.new_id();
    let run = app.inner.active_runs.take_place(&id)?;
    let ticket = RunTicket { id: id.clone(), cancel: run.cancel.clone(), is_queued: true };
    let (app, of_thread) = (app.clone(), run.clone());
    let started = train::queue_run(&app, &project, &training, &id).and_then(|()| {
        let folder = app.folder().to_owned();
        let work = move || execute_run(&app, &of_thread, &project, training, ticket);
        let named = thread::Builder::new().name("run".to_owned());
        named.spawn(work).map_err(|source| AppError::WriteFile { path: folder, source })
    });
    match started {
        Ok(_) => Ok(id),
        Err(error) => {
            run.end();
            Err(error)
        }
    }
}

fn execute_run(app: &App, run: &ActiveRun, project: &Project, training: Training, ticket: RunTicket) {
    let context = training.context.clone();
    let done = catch_unwind(AssertUnwindSafe(|| {
        let trained = train::train_with_ticket(app, project, training, ticket, &mut |event| run.push(event))?;
        auto_deploy::deploy_if_allowed(app, &context, project, &trained, ApprovalMode::Required)
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
    let runs = &app.inner.active_runs;
    let run = runs.find(id)?;
    // Those who follow hold a thread each; the rest ask again.
    let is_crowded = runs.waiting.fetch_add(1, Ordering::Relaxed) >= MAX_WAITING;
    let events = run.after(after, if is_crowded { Duration::ZERO } else { patience });
    runs.waiting.fetch_sub(1, Ordering::Relaxed);
    Some(events)
}

/// Asks a run of this process to stop; whether it was going on.
///
/// # Errors
/// When the entry cannot be written; then it is not asked.
pub fn cancel_run(app: &App, context: &RequestContext, id: &str, reason: &str) -> Result<bool, AppError> {
    let Some(run) = app.inner.active_runs.find(id).filter(|run| !run.lock().has_ended) else { return Ok(false) };
    let (draft, id) = (context.audit_event("run.cancel", reason, vec![]), id.to_owned());
    app.store().write(move |tx| runs::note_cancel(&tx.audited(draft), &id).map(|_| ()))?;
    run.cancel.cancel();
    Ok(true)
}

/// Asks every run of this process to stop.
pub fn cancel_runs(app: &App) {
    app.inner.active_runs.lock().iter().for_each(|run| run.cancel.cancel());
}

/// Asks every run of this process to stop, and waits at most `patience` until they have.
pub fn stop_runs(app: &App, patience: Duration) {
    cancel_runs(app);
    let until = Instant::now() + patience;
    let runs: Vec<_> = app.inner.active_runs.lock().iter().cloned().collect();
    for run in runs {
        while !run.after(u64::MAX, until.saturating_duration_since(Instant::now())).has_ended {
            if Instant::now() >= until {
                tracing::warn!(run = %run.id, "a run was cut off: it took longer than stopping may");
                break;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(step: &str) -> RunEvent {
        RunEvent::StepOutput { step: step.parse().unwrap(), text: String::new() }
    }

    #[test]
    fn events_are_read_after_a_number_and_the_oldest_of_very_many_go() {
        let runs = ActiveRuns::default();
        let run = runs.take_place("a").unwrap();
        (0..MAX_EVENTS + 5).for_each(|_| run.push(event("x")));
        let all = run.after(0, Duration::ZERO);
        assert_eq!((all.events.len(), all.events[0].0, all.has_ended), (MAX_EVENTS, 6, false));
        assert_eq!(run.after(MAX_EVENTS as u64 + 5, Duration::from_millis(1)).events, []);
        run.end();
        assert!(run.after(u64::MAX, Duration::from_secs(60)).has_ended);
    }

    #[test]
    fn whoever_waits_is_woken_by_the_next_event() {
        let runs = ActiveRuns::default();
        let run = runs.take_place("a").unwrap();
        let waiting = thread::spawn({
            let run = run.clone();
            move || run.after(0, Duration::from_secs(60)).events.len()
        });
        run.push(event("x"));
        assert_eq!(waiting.join().unwrap(), 1);
    }

    #[test]
    fn so_many_runs_go_on_at_once_and_ended_ones_make_room() {
        let runs = ActiveRuns::default();
        let going: Vec<_> = (0..MAX_ACTIVE).map(|at| runs.take_place(&at.to_string()).unwrap()).collect();
        assert!(runs.take_place("more").is_err());
        going[0].end();
        for at in 0..3 * MAX_ENDED {
            runs.take_place(&format!("later-{at}")).unwrap().end();
        }
        assert!(runs.lock().len() <= MAX_ACTIVE + MAX_ENDED);
        assert!(runs.find("0").is_none() && runs.find("1").is_some());
    }
}
