//! What the workers of a model did.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use kilter_inference::WorkerCounts;

/// The counts of one model; see [`WorkerCounts`].
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub batches: AtomicU64,
    pub requests: AtomicU64,
    pub restarts: AtomicU64,
    pub timeouts: AtomicU64,
    pub overloads: AtomicU64,
    pub alive: AtomicU64,
}

impl Counters {
    pub fn add(count: &AtomicU64, more: u64) {
        count.fetch_add(more, Relaxed);
    }

    pub fn subtract(count: &AtomicU64, less: u64) {
        count.fetch_sub(less, Relaxed);
    }

    pub fn snapshot(&self, waiting: usize) -> WorkerCounts {
        WorkerCounts {
            batches: self.batches.load(Relaxed),
            requests: self.requests.load(Relaxed),
            restarts: self.restarts.load(Relaxed),
            timeouts: self.timeouts.load(Relaxed),
            overloads: self.overloads.load(Relaxed),
            waiting: waiting as u64,
            alive: self.alive.load(Relaxed),
        }
    }
}
