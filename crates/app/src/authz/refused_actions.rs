//! Acts that were refused, as entries of the audit table.
//!
//! Invariants: the first refusal of a kind is an entry at once; what repeats it within an hour is counted, and the count
//! is one entry when the hour is over. So whoever sends a million requests fills nothing: the kinds are bounded for each source of
//! refusals (see `refusal_log`), and each has at most one entry in an hour. A count that the process did not live to write is lost; the
//! first entry is not.

use kilter_domain::{audit::Outcome, error_chain::with_causes, plural::counted, time::Timestamp};

use crate::{
    app::App,
    authz::authorized,
    causes::AuditedError,
    components::refusal_log::{DueEntry, RefusalTopic, RefusedAction},
    context::RequestContext,
};

/// Characters of a reason that are kept.
const REASON_CHARS: usize = 4_000;

/// Writes an act that was refused into the audit table, or counts it where the same was refused within the hour.
/// What cannot be written is logged: a full disk lets nobody in.
pub fn record_refusal(app: &App, context: &RequestContext, refused: RefusedAction) {
    let due = app.components().refusals.count(context, refused);
    if let Some(entry) = due {
        write_refusal(app, entry);
    }
}

/// Does what someone asks of `object`; that it is refused is an entry, and is returned.
///
/// # Errors
/// Those of `work`.
pub(crate) fn record_if_refused<T, E: AuditedError + 'static>(
    app: &App,
    context: &RequestContext,
    action: &str,
    object: &str,
    work: impl FnOnce() -> Result<T, E>,
) -> Result<T, E> {
    work().inspect_err(|error| {
        if !error.is_refusal() && !error.is_race() {
            return;
        }
        record_refused_use_case(app, context, (action, object), &with_causes(error));
    })
}

/// Writes that a use case refused what someone asked of `object`, and why.
pub(crate) fn record_refused_use_case(
    app: &App,
    context: &RequestContext,
    (action, object): (&str, &str),
    reason: &str,
) {
    let reason: String = reason.chars().take(REASON_CHARS).collect();
    let topic = RefusalTopic::UseCase(context.actor.clone(), format!("{action} {object}: {reason}"));
    record_refusal(app, context, RefusedAction { topic, action: action.to_owned(), object: object.to_owned(), reason });
}

/// Writes the counts of refusals that were repeated and whose hour is over.
pub fn record_repeated_refusals(app: &App, now: Timestamp) {
    let due = app.components().refusals.close(now);
    due.into_iter().for_each(|entry| write_refusal(app, entry));
}

fn write_refusal(app: &App, entry: DueEntry) {
    let DueEntry { context, refused, repeated } = entry;
    let more = if repeated > 0 {
        format!("; refused {} since the entry before", counted(repeated, "more time"))
    } else {
        String::new()
    };
    let draft = authorized::audit_event(&context, &refused.action, format!("{}{more}", refused.reason), vec![]);
    let written = app.store().write(move |tx| tx.audited(draft).record_refusal(&refused.object, Outcome::Denied));
    if let Err(error) = written {
        tracing::error!(%error, "a refused act could not be written into the audit table");
    }
}
