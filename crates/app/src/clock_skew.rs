//! Wall clocks that were ahead: nothing from the future is final, and nothing waits for it.
//!
//! Holds true: a time that is still to come was written by a clock that was ahead. As soon as the loop sees it, the ledger
//! says that the clock was set back, and what was begun before counts from that moment on. Deliberately absent: times that
//! lie in the future on purpose (until when an approval, a token or the silence of an alert holds); they are as they are.

use std::sync::{Mutex, PoisonError};

use kilter_domain::time::{Span, Timestamp};
use kilter_store::clock::{self as clocks, SetBack};

use crate::{App, context::RequestContext, error::AppError};

/// Clocks that differ by less than this agree.
pub const TOLERANCE: Span = Span::seconds(5 * 60);

/// The newest time at which the loop looked, in this process.
#[derive(Debug, Default)]
pub(crate) struct NewestTick(Mutex<Option<Timestamp>>);

impl NewestTick {
    /// Takes the time of a look in; the newest one before it.
    fn replace(&self, now: Timestamp) -> Option<Timestamp> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).replace(now)
    }
}

/// Whether a time was written by a clock that was ahead of one that says `now`.
pub const fn is_ahead(time: Timestamp, now: Timestamp) -> bool {
    time.millis() > now.millis().saturating_add(TOLERANCE.millis())
}

/// Writes down that the clock was set back, if what was written before lies in the future.
pub(crate) fn record_clock_set_back(app: &App, context: &RequestContext) -> Result<(), AppError> {
    let looked = app.newest_look().replace(context.at);
    let written = app.store().read(clocks::newest_time)?;
    let Some(newest) = looked.max(written).filter(|newest| is_ahead(*newest, context.at)) else { return Ok(()) };
    tracing::warn!(now = %context.at, was = %newest, "the clock was set back; what was begun while it was ahead counts from now on");
    let reason = format!(
        "the clock says {}, and what was written before is of up to {newest}: it was ahead; what was begun until now \
         counts from now on",
        context.at
    );
    let draft = context.audit_event("clock.set_back", reason, vec![]);
    app.store().write(move |tx| clocks::record_set_back(&tx.audited(draft), newest))?;
    Ok(())
}

/// When something happened that was written down as of `time`: if that is still to come, when the clock was found set
/// back, or now.
pub(crate) fn past_time(app: &App, time: Timestamp, now: Timestamp) -> Result<Timestamp, AppError> {
    if time <= now {
        return Ok(time);
    }
    Ok(set_back_before(app, now)?.map_or(now, |set_back| set_back.at))
}

/// Until when labels count as known at `as_of`. While times of a clock that was ahead may still be to come, all that were
/// recorded are.
pub(crate) fn labels_known_until(app: &App, as_of: Timestamp) -> Result<Timestamp, AppError> {
    let is_ahead = set_back_before(app, as_of)?.is_some_and(|set_back| set_back.is_between(as_of));
    Ok(if is_ahead { Timestamp(i64::MAX - 1) } else { as_of })
}

fn set_back_before(app: &App, now: Timestamp) -> Result<Option<SetBack>, AppError> {
    Ok(app.store().read(clocks::set_backs)?.into_iter().find(|set_back| set_back.at <= now))
}
