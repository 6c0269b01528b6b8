//! A clock that was ahead and was set back, as the audit table knows it.

use kilter_domain::time::Timestamp;
use kilter_store::{clock as clocks, clock::SetBack};

use crate::{app::App, authz::AuthorizedContext, causes::StorageError, clock_skew};

/// Writes down that the clock was set back, if what was written before lies in the future.
pub(crate) fn record_clock_set_back(app: &App, context: &AuthorizedContext) -> Result<(), StorageError> {
    let ticked = app.components().newest_tick.replace(context.at);
    let written = app.store().read(clocks::newest_time)?;
    let Some(newest) = ticked.max(written).filter(|newest| clock_skew::is_ahead(*newest, context.at)) else {
        return Ok(());
    };
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
pub(crate) fn past_time(app: &App, time: Timestamp, now: Timestamp) -> Result<Timestamp, StorageError> {
    if time <= now {
        return Ok(time);
    }
    Ok(set_back_before(app, now)?.map_or(now, |set_back| set_back.at))
}

/// Until when labels count as known at `as_of`. While times of a clock that was ahead may still be to come, all that were
/// recorded are.
pub(crate) fn labels_known_until(app: &App, as_of: Timestamp) -> Result<Timestamp, StorageError> {
    let is_ahead = set_back_before(app, as_of)?.is_some_and(|set_back| set_back.is_between(as_of));
    Ok(if is_ahead { Timestamp(i64::MAX - 1) } else { as_of })
}

pub(crate) fn set_back_before(app: &App, now: Timestamp) -> Result<Option<SetBack>, StorageError> {
    Ok(app.store().read(clocks::set_backs)?.into_iter().find(|set_back| set_back.at <= now))
}
