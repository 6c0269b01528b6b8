//! Rings after each commit, so that whoever waits for a change looks at once instead of at the next round.
//!
//! Holds true: a change that was committed after `seen` was read is never missed. Deliberately absent: what changed;
//! whoever is woken reads what is wanted and what is.

use std::{
    sync::{Condvar, Mutex, PoisonError},
    time::Duration,
};

/// Counts commits and wakes who waits for the next.
#[derive(Default)]
pub(crate) struct Doorbell {
    commits: Mutex<u64>,
    rung: Condvar,
}

impl Doorbell {
    pub(crate) fn ring(&self) {
        *self.commits.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.rung.notify_all();
    }

    pub(crate) fn commits(&self) -> u64 {
        *self.commits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn wait(&self, seen: u64, at_most: Duration) -> u64 {
        let commits = self.commits.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.rung.wait_timeout_while(commits, at_most, |commits| *commits <= seen);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}
