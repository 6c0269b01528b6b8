//! A mutex whose value is whole whoever panicked while holding it.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks `mutex`. The components of [`crate::App`] change their values in one step, so a panic leaves at worst an entry out.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
