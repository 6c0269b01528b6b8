//! What background tasks wait for: commits, records of the prediction log, the end of other tasks, the stop of the server.
//!
//! Invariants: what happened after the counts were read wakes the next wait at once; a task that waits ends with the
//! server. Out of scope: what changed; a task that is woken reads the state again.

use std::{
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// What happened since the server was started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Commits that changed something.
    pub commits: u64,
    /// Evaluations and trainings that ended.
    pub ended: u64,
    /// Whether something was recorded since the last seal.
    pub has_records: bool,
    /// Whether a request failed since the last evaluation.
    pub has_failures: bool,
    pub is_stopping: bool,
}

/// The counts, and who waits for them to change.
#[derive(Debug, Default)]
pub(crate) struct Signals {
    counts: Mutex<Counts>,
    changed: Condvar,
}

impl Signals {
    pub(crate) fn counts(&self) -> Counts {
        *self.lock()
    }

    pub(crate) fn commit(&self) {
        self.lock().commits += 1;
        self.changed.notify_all();
    }

    pub(crate) fn end_of_task(&self) {
        self.lock().ended += 1;
        self.changed.notify_all();
    }

    pub(crate) fn stop(&self) {
        self.lock().is_stopping = true;
        self.changed.notify_all();
    }

    /// Something was recorded. Wakes at the first record only: the data plane calls this with each group.
    pub(crate) fn record(&self) {
        let mut counts = self.lock();
        if !counts.has_records {
            counts.has_records = true;
            self.changed.notify_all();
        }
    }

    /// Everything that was recorded so far is about to be sealed.
    pub(crate) fn begin_seal(&self) {
        self.lock().has_records = false;
    }

    /// A request failed. Wakes nobody: failures are counted with the next evaluation.
    pub(crate) fn fail_request(&self) {
        self.lock().has_failures = true;
    }

    /// Whether a request failed since this was asked last.
    pub(crate) fn take_failures(&self) -> bool {
        std::mem::take(&mut self.lock().has_failures)
    }

    /// Waits until `is_awaited` holds of the counts, until `time` has passed, or until the server stops; the counts then.
    pub(crate) fn wait(&self, time: Duration, is_awaited: impl Fn(&Counts) -> bool) -> Counts {
        let waits = |counts: &mut Counts| !counts.is_stopping && !is_awaited(counts);
        *self.changed.wait_timeout_while(self.lock(), time, waits).unwrap_or_else(PoisonError::into_inner).0
    }

    /// Waits until `time` has passed; whether the server goes on.
    pub(crate) fn rest(&self, time: Duration) -> bool {
        !self.wait(time, |_| false).is_stopping
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, thread};

    use super::*;

    /// Longer than any test: who is not woken fails by the clock of the test runner.
    const NEVER: Duration = Duration::from_secs(600);

    #[test]
    fn a_commit_wakes_who_waits_and_one_before_the_wait_is_not_missed() {
        let signals = Arc::new(Signals::default());
        let seen = signals.counts();
        let waiting = thread::spawn({
            let signals = signals.clone();
            move || signals.wait(NEVER, |now| now.commits > seen.commits)
        });
        signals.commit();
        assert_eq!(waiting.join().unwrap().commits, 1);
        assert_eq!(signals.wait(NEVER, |now| now.commits > seen.commits).commits, 1);
    }

    #[test]
    fn records_wake_the_seal_until_it_begins() {
        let signals = Signals::default();
        signals.record();
        signals.record();
        assert!(signals.wait(NEVER, |now| now.has_records).has_records);
        signals.begin_seal();
        assert!(!signals.wait(Duration::ZERO, |now| now.has_records).has_records);
    }

    #[test]
    fn everyone_who_waits_ends_with_the_server() {
        let signals = Signals::default();
        assert!(signals.rest(Duration::ZERO));
        signals.stop();
        assert!(!signals.rest(NEVER));
        assert!(signals.wait(NEVER, |_| false).is_stopping);
    }
}
