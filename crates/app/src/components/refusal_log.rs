//! What was refused lately, by topic: what repeats within an hour is counted, not listed.
//!
//! Invariants: a topic is made of words of this platform and of names that it knows, never of what a stranger sent; each source of
//! refusals has places of its own, so a flood of one keeps no entry of another away.

use std::{collections::BTreeMap, sync::Mutex};

use kilter_domain::{
    actor::{Actor, ActorKind},
    time::{Span, Timestamp},
};

use crate::{clock_skew, context::RequestContext, lock::lock};

/// Topics of one source that are kept apart at a time; what is beyond them is counted together.
const MAX_TOPICS: usize = 64;
/// Proven actors that are sources of their own at a time; others share one.
const MAX_ACTORS: usize = 64;

/// What counts as the same refusal.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RefusalTopic {
    /// A token that is nobody's, by what is wrong with it.
    Token(&'static str),
    /// A token of this account that is not valid any more, by why.
    TokenOf(Actor, &'static str),
    /// A login by a name that has no account.
    UnknownLogin,
    /// A login as this account.
    Login(Actor),
    /// A request that was refused before anyone asked who sent it: its row of the table of rights, and the code of the answer.
    Request(String),
    /// A right that an actor does not have: to what, and where.
    Right(Actor, String),
    /// A use case that refused an actor: what was asked, and why it was not done.
    UseCase(Actor, String),
}

/// Who causes refusals: each has places of its own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Source {
    /// Whoever can reach the platform.
    Strangers,
    /// Whoever knows the name of an account, or had a token of it.
    Accounts,
    /// Whatever sends requests that are refused unseen: pages of the web.
    Requests,
    /// An actor whose name is proven.
    Actor(Actor),
    /// Actors whose names are only stated, and proven ones that have no place.
    Names,
}

impl RefusalTopic {
    fn source(&self, context: &RequestContext) -> Source {
        match self {
            Self::Token(_) | Self::UnknownLogin => Source::Strangers,
            Self::TokenOf(..) | Self::Login(_) => Source::Accounts,
            Self::Request(_) => Source::Requests,
            Self::Right(actor, _) | Self::UseCase(actor, _) => {
                let is_proven = context.credential.token.is_some() || actor.kind == ActorKind::System;
                if is_proven { Source::Actor(actor.clone()) } else { Source::Names }
            }
        }
    }
}

/// An act that was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedAction {
    /// What counts as the same refusal.
    pub topic: RefusalTopic,
    /// What was asked for: the action of the entry.
    pub action: String,
    /// On which thing.
    pub object: String,
    /// Why not.
    pub reason: String,
}

/// What was refused lately: by source, and by topic; without a topic, what is beyond [`MAX_TOPICS`].
#[derive(Debug, Default)]
pub(crate) struct RefusalLog(BTreeMap<Source, BTreeMap<Option<RefusalTopic>, Window>>);

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
        let mut source = refused.topic.source(context);
        let has_place = self.0.contains_key(&source) || self.actors() < MAX_ACTORS;
        if matches!(source, Source::Actor(_)) && !has_place {
            source = Source::Names;
        }
        let topics = self.0.entry(source).or_default();
        let is_kept_apart = topics.contains_key(&Some(refused.topic.clone())) || topics.len() < MAX_TOPICS;
        let topic = is_kept_apart.then(|| refused.topic.clone());
        if let Some(window) = topics.get_mut(&topic)
            && !is_over(window.since, context.at)
        {
            window.repeated += 1;
            return None;
        }
        let repeated = topics.get(&topic).map_or(0, |window| window.repeated);
        let window = Window { since: context.at, repeated: 0, context: context.clone(), refused: refused.clone() };
        topics.insert(topic, window);
        Some(DueEntry { context: context.clone(), refused, repeated })
    }

    fn actors(&self) -> usize {
        self.0.keys().filter(|source| matches!(source, Source::Actor(_))).count()
    }

    /// The counts whose hour is over.
    fn close(&mut self, now: Timestamp) -> Vec<DueEntry> {
        let mut due = Vec::new();
        self.0.retain(|_, topics| {
            topics.retain(|_, window| window.stays(now, &mut due));
            !topics.is_empty()
        });
        due
    }
}

impl Window {
    /// Whether it is kept: until its hour is over, and for one more hour if something was repeated, whose entry is due.
    fn stays(&mut self, now: Timestamp, due: &mut Vec<DueEntry>) -> bool {
        if !is_over(self.since, now) {
            return true;
        }
        if self.repeated == 0 {
            return false;
        }
        let context = RequestContext { at: now, ..self.context.clone() };
        due.push(DueEntry { context, refused: self.refused.clone(), repeated: self.repeated });
        (self.since, self.repeated) = (now, 0);
        true
    }
}

/// Whether the hour that began at `since` is over. A clock that was set back ends it; requests that run side by side do
/// not, though their times may be in another order than their counts.
fn is_over(since: Timestamp, now: Timestamp) -> bool {
    clock_skew::is_ahead(since, now) || since.after(Span::seconds(3_600)) <= now
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::context::Credential;
    use kilter_domain::time::HOUR_MS;

    fn context(at: i64) -> RequestContext {
        RequestContext::new(Timestamp(at), "user:eve".parse().unwrap())
    }

    fn refused(topic: RefusalTopic) -> RefusedAction {
        RefusedAction { topic, action: "x".into(), object: "y".into(), reason: "z".into() }
    }

    fn token(why: &'static str) -> RefusedAction {
        refused(RefusalTopic::Token(why))
    }

    fn right(actor: &Actor, to: &str) -> RefusedAction {
        refused(RefusalTopic::Right(actor.clone(), to.to_owned()))
    }

    fn proven(actor: &str) -> RequestContext {
        let credential = Credential { token: Some(("id".into(), "name".into())), ..Credential::default() };
        RequestContext { credential: Arc::new(credential), ..RequestContext::new(Timestamp(0), actor.parse().unwrap()) }
    }

    #[test]
    fn what_is_repeated_within_an_hour_is_one_entry_and_a_count() {
        let mut log = RefusalLog::default();
        assert_eq!(log.count(&context(0), token("a")).unwrap().repeated, 0);
        assert!((1..1_000_000).step_by(1_000).all(|at| log.count(&context(at), token("a")).is_none()));
        assert!(log.close(Timestamp(HOUR_MS - 1)).is_empty());
        let due = log.close(Timestamp(HOUR_MS));
        assert_eq!((due.len(), due[0].repeated), (1, 1_000));
        assert!(log.count(&context(HOUR_MS + 1), token("a")).is_none(), "the entry of the count began a new hour");
        assert_eq!(log.count(&context(2 * HOUR_MS), token("a")).unwrap().repeated, 1);
        assert!(log.close(Timestamp(4 * HOUR_MS)).is_empty() && log.0.is_empty(), "what is not repeated is forgotten");
    }

    #[test]
    fn requests_side_by_side_share_an_hour_and_a_clock_that_is_set_back_ends_it() {
        let mut log = RefusalLog::default();
        assert!(log.count(&context(HOUR_MS), token("a")).is_some());
        assert!(log.count(&context(HOUR_MS - 1), token("a")).is_none(), "one of them read the clock a little earlier");
        assert_eq!(log.count(&context(0), token("a")).unwrap().repeated, 1);
    }

    #[test]
    fn however_many_topics_there_are_the_entries_of_a_source_are_bounded() {
        let mut log = RefusalLog::default();
        let eve = context(0).actor;
        let entries = (0..10_000).filter_map(|at| log.count(&context(at), right(&eve, &format!("{at}")))).count();
        assert_eq!(entries, MAX_TOPICS + 1);
        let due = log.close(Timestamp(2 * HOUR_MS));
        assert_eq!(due.iter().map(|due| due.repeated).sum::<u64>(), (10_000 - MAX_TOPICS - 1) as u64);
    }

    #[test]
    fn a_flood_of_one_source_keeps_no_entry_of_another_away() {
        let mut log = RefusalLog::default();
        let (eve, ana) = (proven("user:eve"), proven("user:ana"));
        for number in 0..1_000 {
            let stated: Actor = format!("user:made-up-{number}").parse().unwrap();
            log.count(&RequestContext::new(Timestamp(0), stated.clone()), right(&stated, "approve"));
            log.count(&context(0), refused(RefusalTopic::Login(stated)));
            log.count(&context(0), refused(RefusalTopic::Request(number.to_string())));
            log.count(&eve, right(&eve.actor, &number.to_string()));
        }
        assert!(
            log.count(&ana, right(&ana.actor, "approve")).is_some(),
            "someone who is proven has places of their own"
        );
        assert!(log.count(&context(0), token("unknown")).is_some());
        assert!(log.count(&context(0), refused(RefusalTopic::UnknownLogin)).is_some());
        for number in 0..1_000 {
            let one = proven(&format!("svc:client-{number}"));
            log.count(&one, right(&one.actor, "approve"));
        }
        assert_eq!(log.0.len(), MAX_ACTORS + 4, "as many actors as there are places, and the other sources");
    }
}
