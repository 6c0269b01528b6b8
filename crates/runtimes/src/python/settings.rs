//! The limits of the workers of a model.

use std::time::Duration;

/// How the workers of one model run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerSettings {
    /// Worker processes of a model; at least 1.
    pub workers: usize,
    /// How long a call of the model may take; then its worker is ended.
    pub request_timeout: Duration,
    /// How long a worker may take until its model is loaded.
    pub start_timeout: Duration,
    /// Bytes of memory that a worker may allocate; 0: as many as there are.
    pub memory_bytes: u64,
    /// A worker is replaced after so many calls; 0: never.
    pub recycle_after: u64,
    /// Requests of a model that may wait; more are refused.
    pub max_waiting: usize,
    /// Rows that are joined into one call of the model; 1: requests are never joined.
    pub batch_rows: usize,
    /// How long a free worker waits for more requests to join; zero: it joins what waits already.
    pub batch_delay: Duration,
}

impl Default for WorkerSettings {
    fn default() -> Self {
        Self {
            workers: 1,
            request_timeout: Duration::from_secs(30),
            start_timeout: Duration::from_secs(120),
            memory_bytes: 4 << 30,
            recycle_after: 100_000,
            max_waiting: 64,
            batch_rows: 1_024,
            batch_delay: Duration::ZERO,
        }
    }
}
