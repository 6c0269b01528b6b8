//! Runs that this process has been asked for: started in threads of their own, followed by their events, cancelled.
//!
//! Invariants: a run that was taken has its row before the answer, and ends in it, also when its thread panics; at most
//! [`MAX_ACTIVE`] go on at once, and of each at most [`MAX_EVENTS`] events are kept. Events are for whoever watches; what
//! a run did stands in its record.

use std::{
    collections::VecDeque,
    sync::{Arc, Condvar, Mutex, PoisonError, atomic::AtomicUsize},
    time::{Duration, Instant},
};

use kilter_workflow::{CancelToken, RunEvent};

use crate::causes::InvalidState;

/// Runs that go on at once; more are refused.
const MAX_ACTIVE: usize = 4;
/// Ended runs whose events can still be read.
const MAX_ENDED: usize = 16;
/// Threads that wait for events at once; whoever is beyond them is answered at once.
pub(crate) const MAX_WAITING: usize = 32;
/// Events that are kept of a run; the oldest go first.
const MAX_EVENTS: usize = 2_000;

/// Events of a run after a number, and whether there will be more.
#[derive(Clone, Debug, PartialEq)]
pub struct RunEvents {
    /// Each with its number, from 1.
    pub events: Vec<(u64, RunEvent)>,
    /// Whether the run is over, so that no event follows.
    pub has_ended: bool,
}

/// The runs of this process.
#[derive(Default)]
pub(crate) struct ActiveRuns {
    runs: Mutex<VecDeque<Arc<ActiveRun>>>,
    /// Threads that wait for an event.
    pub(crate) waiting: AtomicUsize,
}

pub(crate) struct ActiveRun {
    pub(crate) id: String,
    pub(crate) cancel: CancelToken,
    seen: Mutex<EventBuffer>,
    changed: Condvar,
}

#[derive(Default)]
pub(crate) struct EventBuffer {
    events: VecDeque<(u64, RunEvent)>,
    next: u64,
    pub(crate) has_ended: bool,
}

impl ActiveRun {
    pub(crate) fn lock(&self) -> std::sync::MutexGuard<'_, EventBuffer> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn push(&self, event: RunEvent) {
        let mut seen = self.lock();
        seen.next += 1;
        let number = seen.next;
        seen.events.push_back((number, event));
        if seen.events.len() > MAX_EVENTS {
            seen.events.pop_front();
        }
        self.changed.notify_all();
    }

    pub(crate) fn end(&self) {
        self.lock().has_ended = true;
        self.changed.notify_all();
    }

    /// What came after `after`, waiting at most `patience` for it.
    pub(crate) fn after(&self, after: u64, patience: Duration) -> RunEvents {
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
    pub(crate) fn lock(&self) -> std::sync::MutexGuard<'_, VecDeque<Arc<ActiveRun>>> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn find(&self, id: &str) -> Option<Arc<ActiveRun>> {
        self.lock().iter().find(|run| run.id == id).cloned()
    }

    /// A place for a run, where there is one.
    pub(crate) fn take_place(&self, id: &str) -> Result<Arc<ActiveRun>, InvalidState> {
        let mut runs = self.lock();
        let going = runs.iter().filter(|run| !run.lock().has_ended).count();
        if going >= MAX_ACTIVE {
            return Err(InvalidState {
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

#[cfg(test)]
mod tests {

    use std::thread;

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
