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
    /// The resident memory of a worker when it was looked at last, in bytes; 0 before.
    resident: AtomicU64,
}

impl Counters {
    pub fn add(count: &AtomicU64, more: u64) {
        count.fetch_add(more, Relaxed);
    }

    pub fn subtract(count: &AtomicU64, less: u64) {
        count.fetch_sub(less, Relaxed);
    }

    /// The memory of all workers, by that of one that is free now, if one is. Where the system does not say it, each counts as its limit.
    pub fn memory_bytes(&self, measured: Option<u64>, limit: u64) -> u64 {
        if let Some(bytes) = measured {
            self.resident.store(bytes, Relaxed);
        }
        let of_one = Some(self.resident.load(Relaxed)).filter(|bytes| *bytes > 0).unwrap_or(limit);
        of_one.saturating_mul(self.alive.load(Relaxed).max(1))
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
