//! When places that could not be published to are tried again.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// When a place is tried again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Retry {
    /// Not before.
    pub at: Instant,
    /// The pause that led there; the next one is twice as long.
    pub pause: Duration,
}

/// By the name of the place.
#[derive(Debug, Default)]
pub(crate) struct PublishRetries(Mutex<BTreeMap<String, Retry>>);

impl PublishRetries {
    pub(crate) fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Retry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
