//! Acts that were refused, as entries of the audit table.
//!
//! Holds true: the first refusal of a kind is an entry at once; what repeats it within an hour is counted, and the count
//! is one entry when the hour is over. So whoever sends a million requests fills nothing: there are at most
//! [`MAX_TOPICS`] kinds at a time, and at most one entry of each in an hour. A count that the process did not live to
//! write is lost; the first entry is not.

use std::collections::BTreeMap;

use kilter_domain::{
    audit::Outcome,
    plural::counted,
    time::{Span, Timestamp},
};

use kilter_domain::error_chain::with_causes;
use kilter_store::StoreError;

use crate::{App, context::RequestContext, error::AppError};

/// Kinds of refusals that are kept apart at a time; what is beyond them is counted together.
const MAX_TOPICS: usize = 64;
/// Characters of a reason that are kept.
const REASON_CHARS: usize = 4_000;
/// The topic of what is beyond them.
const OTHERS: &str = "others";

/// An act that was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedAction {
    /// What counts as the same refusal.
    pub topic: String,
    /// What was asked for: the action of the entry.
    pub action: String,
    /// On which thing.
    pub object: String,
    /// Why not.
    pub reason: String,
}

/// What was refused lately, by topic.
#[derive(Debug, Default)]
pub(crate) struct RefusalLog(BTreeMap<String, Window>);

#[derive(Debug)]
struct Window {
    since: Timestamp,
    /// Refusals since then that have no entry.
    repeated: u64,
    context: RequestContext,
    refused: RefusedAction,
}

/// An entry that is due.
#[derive(Debug, PartialEq, Eq)]
struct DueEntry {
    context: RequestContext,
    refused: RefusedAction,
    repeated: u64,
}

impl RefusalLog {
    /// Counts a refusal; the entry that it makes due, if it does.
    fn count(&mut self, context: &RequestContext, refused: RefusedAction) -> Option<DueEntry> {
        let is_known = self.0.contains_key(&refused.topic);
        let topic = if is_known || self.0.len() < MAX_TOPICS { refused.topic.clone() } else { OTHERS.to_owned() };
        if let Some(window) = self.0.get_mut(&topic)
            && !is_over(window.since, context.at)
        {
            window.repeated += 1;
            return None;
        }
        let repeated = self.0.get(&topic).map_or(0, |window| window.repeated);
        let window = Window { since: context.at, repeated: 0, context: context.clone(), refused: refused.clone() };
        self.0.insert(topic, window);
        Some(DueEntry { context: context.clone(), refused, repeated })
    }

    /// The counts whose hour is over.
    fn close(&mut self, now: Timestamp) -> Vec<DueEntry> {
        let mut due = Vec::new();
        self.0.retain(|_, window| {
            if !is_over(window.since, now) {
                return true;
            }
            if window.repeated == 0 {
                return false;
            }
            let context = RequestContext { at: now, actor: window.context.actor.clone() };
            due.push(DueEntry { context, refused: window.refused.clone(), repeated: window.repeated });
            (window.since, window.repeated) = (now, 0);
            true
        });
        due
    }
}

/// Whether the hour that began at `since` is over. A clock that went back ends it.
fn is_over(since: Timestamp, now: Timestamp) -> bool {
    now < since || since.after(Span::seconds(3_600)) <= now
}

/// Writes an act that was refused into the audit table, or counts it where the same was refused within the hour.
/// What cannot be written is logged: a full disk lets nobody in.
pub fn record_refusal(app: &App, context: &RequestContext, refused: RefusedAction) {
    let due = app.lock_refusals().count(context, refused);
    if let Some(entry) = due {
        write_refusal(app, entry);
    }
}

/// Does what someone asks of `object`; that it is refused is an entry, and is returned.
///
/// # Errors
/// Those of `work`.
pub(crate) fn record_if_refused<T>(
    app: &App,
    context: &RequestContext,
    action: &str,
    object: &str,
    work: impl FnOnce() -> Result<T, AppError>,
) -> Result<T, AppError> {
    work().inspect_err(|error| {
        let is_race = matches!(error, AppError::Store(StoreError::Moved { .. } | StoreError::Conflict { .. }));
        if !error.is_refusal() && !is_race {
            return;
        }
        let reason: String = with_causes(error).chars().take(REASON_CHARS).collect();
        let topic = format!("{} {action} {object}: {reason}", context.actor);
        record_refusal(
            app,
            context,
            RefusedAction { topic, action: action.to_owned(), object: object.to_owned(), reason },
        );
    })
}

/// Writes the counts of refusals that were repeated and whose hour is over.
pub fn record_repeated_refusals(app: &App, now: Timestamp) {
    let due = app.lock_refusals().close(now);
    due.into_iter().for_each(|entry| write_refusal(app, entry));
}

fn write_refusal(app: &App, entry: DueEntry) {
    let DueEntry { context, refused, repeated } = entry;
    let more = if repeated > 0 {
        format!("; refused {} since the entry before", counted(repeated, "more time"))
    } else {
        String::new()
    };
    let draft = context.audit_event(&refused.action, format!("{}{more}", refused.reason), vec![]);
    let written = app.store().write(move |tx| tx.audited(draft).record_refusal(&refused.object, Outcome::Denied));
    if let Err(error) = written.map_err(AppError::from) {
        tracing::error!(%error, "a refused act could not be written into the audit table");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kilter_domain::time::HOUR_MS;

    fn context(at: i64) -> RequestContext {
        RequestContext { at: Timestamp(at), actor: "user:eve".parse().unwrap() }
    }

    fn refused(topic: &str) -> RefusedAction {
        RefusedAction { topic: topic.into(), action: "x".into(), object: "y".into(), reason: "z".into() }
    }

    #[test]
    fn what_is_repeated_within_an_hour_is_one_entry_and_a_count() {
        let mut log = RefusalLog::default();
        assert_eq!(log.count(&context(0), refused("a")).unwrap().repeated, 0);
        assert!((1..1_000_000).step_by(1_000).all(|at| log.count(&context(at), refused("a")).is_none()));
        assert!(log.close(Timestamp(HOUR_MS - 1)).is_empty());
        let due = log.close(Timestamp(HOUR_MS));
        assert_eq!((due.len(), due[0].repeated), (1, 1_000));
        assert!(log.count(&context(HOUR_MS + 1), refused("a")).is_none(), "the entry of the count began a new hour");
        assert_eq!(log.count(&context(2 * HOUR_MS), refused("a")).unwrap().repeated, 1);
        assert!(log.close(Timestamp(4 * HOUR_MS)).is_empty() && log.0.is_empty(), "what is not repeated is forgotten");
    }

    #[test]
    fn however_many_kinds_are_sent_the_entries_are_bounded() {
        let mut log = RefusalLog::default();
        let entries = (0..10_000).filter_map(|at| log.count(&context(at), refused(&format!("{at}")))).count();
        assert_eq!((entries, log.0.len()), (MAX_TOPICS + 1, MAX_TOPICS + 1));
        let due = log.close(Timestamp(2 * HOUR_MS));
        assert_eq!(due.iter().map(|due| due.repeated).sum::<u64>(), (10_000 - MAX_TOPICS - 1) as u64);
    }
}
