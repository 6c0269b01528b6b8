//! Counts commits and wakes who waits for the next one, so that a background task runs at once and not at its next poll.
//!
//! Invariants: a change that was committed after `seen` was read is never missed. Out of scope: what changed;
//! whoever is woken reads the state again.

use std::{
    sync::{Condvar, Mutex, PoisonError},
    time::Duration,
};

/// Counts commits and wakes who waits for the next.
#[derive(Default)]
pub(crate) struct CommitNotifier {
    commits: Mutex<u64>,
    committed: Condvar,
}

impl CommitNotifier {
    pub(crate) fn notify(&self) {
        *self.commits.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.committed.notify_all();
    }

    pub(crate) fn commits(&self) -> u64 {
        *self.commits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn wait(&self, seen: u64, at_most: Duration) -> u64 {
        let commits = self.commits.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.committed.wait_timeout_while(commits, at_most, |commits| *commits <= seen);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}
