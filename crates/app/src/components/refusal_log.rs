//! What was refused lately, by topic: what repeats within an hour is counted, not listed.

use std::{collections::BTreeMap, sync::Mutex};

use kilter_domain::time::{Span, Timestamp};

use crate::{clock_skew, context::RequestContext, lock::lock};

/// Kinds of refusals that are kept apart at a time; what is beyond them is counted together.
pub(crate) const MAX_TOPICS: usize = 64;

/// The topic of what is beyond them.
pub(crate) const OTHERS: &str = "others";

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

/// The log of this process.
#[derive(Debug, Default)]
pub(crate) struct Refusals(Mutex<RefusalLog>);

impl Refusals {
    /// Counts a refusal; the entry that it makes due, if it does.
    pub(crate) fn count(&self, context: &RequestContext, refused: RefusedAction) -> Option<DueEntry> {
        lock(&self.0).count(context, refused)
    }

    /// The counts whose hour is over.
    pub(crate) fn close(&self, now: Timestamp) -> Vec<DueEntry> {
        lock(&self.0).close(now)
    }
}

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
pub(crate) struct DueEntry {
    pub context: RequestContext,
    pub refused: RefusedAction,
    pub repeated: u64,
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
            let context = RequestContext { at: now, ..window.context.clone() };
            due.push(DueEntry { context, refused: window.refused.clone(), repeated: window.repeated });
            (window.since, window.repeated) = (now, 0);
            true
        });
        due
    }
}

/// Whether the hour that began at `since` is over. A clock that was set back ends it; requests that run side by side do
/// not, though their times may be in another order than their counts.
fn is_over(since: Timestamp, now: Timestamp) -> bool {
    clock_skew::is_ahead(since, now) || since.after(Span::seconds(3_600)) <= now
}

#[cfg(test)]
mod tests {
    use super::*;
    use kilter_domain::time::HOUR_MS;

    fn context(at: i64) -> RequestContext {
        RequestContext::new(Timestamp(at), "user:eve".parse().unwrap())
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
    fn requests_side_by_side_share_an_hour_and_a_clock_that_is_set_back_ends_it() {
        let mut log = RefusalLog::default();
        assert!(log.count(&context(HOUR_MS), refused("a")).is_some());
        assert!(
            log.count(&context(HOUR_MS - 1), refused("a")).is_none(),
            "one of them read the clock a little earlier"
        );
        assert_eq!(log.count(&context(0), refused("a")).unwrap().repeated, 1);
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
