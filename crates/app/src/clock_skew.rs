//! Wall clocks that were ahead: nothing from the future is final, and nothing waits for it.
//!
//! Invariants: a time that is still to come was written by a clock that was ahead. As soon as the loop sees it, the audit log
//! says that the clock was set back, and what was begun before counts from that moment on. Out of scope: times that
//! lie in the future on purpose (until when an approval, a token or the silence of an alert holds); they are as they are.

use std::sync::{Mutex, PoisonError};

use kilter_domain::time::{Span, Timestamp};

/// Clocks that differ by less than this agree.
pub const TOLERANCE: Span = Span::seconds(5 * 60);

/// The newest time at which the loop looked, in this process.
#[derive(Debug, Default)]
pub(crate) struct NewestTick(Mutex<Option<Timestamp>>);

impl NewestTick {
    /// Takes the time of a look in; the newest one before it.
    pub(crate) fn replace(&self, now: Timestamp) -> Option<Timestamp> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).replace(now)
    }
}

/// Whether a time was written by a clock that was ahead of one that says `now`.
pub const fn is_ahead(time: Timestamp, now: Timestamp) -> bool {
    time.millis() > now.millis().saturating_add(TOLERANCE.millis())
}
