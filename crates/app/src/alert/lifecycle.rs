//! Alerts: one open alert a kind and endpoint, moved by the verdicts of windows.
//!
//! Invariants: a window that could not be judged, or that is too close to call, moves nothing; an alert names what
//! breached, in the words and numbers of the rules.

use std::collections::BTreeSet;

use kilter_domain::{
    alert::{AlertDetail, AlertEvent, AlertKey, AlertState, AlertTopic, Breach, Hysteresis, RootCause},
    contract::{AlertSink, Monitor},
    event::{EventKind, EventMetrics},
    ids::EndpointName,
    plural::plural,
    rule::{PartOutcome, RuleOutcome, RuleVerdict},
    time::{Interval, Timestamp},
};
use kilter_store::{
    audit::AuditEvent,
    monitor::{alert as alerts, alert::Alert},
};

use crate::{
    alert::error::AlertError,
    alert::notify::{self, AlertNotification},
    app::App,
    authz::AuthorizedContext,
};

/// Parts that break a rule anew which one sentence names.
const MAX_NEW_PARTS: usize = 5;

/// What the outcomes of one window say together. An alert that is open is over when what breached holds again and nothing
/// else breaches: a rule that never breached may be too close to call for ever.
pub fn event_of(outcomes: &[RuleOutcome], notified: &BTreeSet<Breach>) -> AlertEvent {
    let has_breached = |outcome: &&RuleOutcome| notified.is_empty() || is_notified(notified, outcome);
    let mut watched = outcomes.iter().filter(has_breached).peekable();
    if outcomes.iter().any(RuleOutcome::is_failed) {
        AlertEvent::Breached
    } else if watched.peek().is_some() && watched.all(RuleOutcome::is_passed) {
        AlertEvent::Clean
    } else {
        AlertEvent::NotMeasured
    }
}

fn is_notified(notified: &BTreeSet<Breach>, outcome: &RuleOutcome) -> bool {
    notified.iter().any(|breach| breach.is_of(outcome))
}

/// The end of the newest window that breached; one that is not over at `now` was judged by a clock that was ahead.
fn last_breach(detail: &AlertDetail, now: Timestamp) -> Option<Timestamp> {
    Some(detail.window.end).filter(|end| *end <= now)
}

/// The result of one window for one alert.
#[derive(Clone, Copy)]
pub(crate) struct WindowResult<'a> {
    pub topic: &'a AlertTopic,
    pub window: Interval,
    pub outcomes: &'a [RuleOutcome],
    /// Looks for the root cause; called only when an alert begins to fire.
    pub explain: &'a dyn Fn() -> Option<Explanation>,
}

impl<'a> WindowResult<'a> {
    /// A result whose root cause is not searched.
    pub fn unexplained(topic: &'a AlertTopic, window: Interval, outcomes: &'a [RuleOutcome]) -> Self {
        Self { topic, window, outcomes, explain: &|| None }
    }

    fn key(&self, endpoint: &EndpointName) -> AlertKey {
        AlertKey::new(endpoint.clone(), self.topic.clone())
    }
}

/// Why an alert fires, in words and numbers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Explanation {
    pub sentence: String,
    pub metrics: EventMetrics,
    pub root_cause: RootCause,
}

/// The alerts of one endpoint, as its contract treats them.
#[derive(Clone, Copy)]
pub(crate) struct EndpointAlerts<'a> {
    pub app: &'a App,
    pub context: &'a AuthorizedContext,
    pub endpoint: &'a EndpointName,
    /// Who is notified.
    pub sinks: &'a [AlertSink],
    /// Windows in a row until an alert fires, and until it is over.
    pub hysteresis: Hysteresis,
}

impl<'a> EndpointAlerts<'a> {
    /// The alerts of an endpoint; `monitor` is its section of the contract, if there is one.
    pub fn new(
        app: &'a App,
        context: &'a AuthorizedContext,
        endpoint: &'a EndpointName,
        monitor: Option<&'a Monitor>,
    ) -> Self {
        let fire_after = monitor.map_or(1, |monitor| monitor.for_windows.max(1));
        let hysteresis = Hysteresis { fire_after, ..Hysteresis::default() };
        let sinks = monitor.map_or(&[][..], |monitor| &monitor.alert);
        Self { app, context, endpoint, sinks, hysteresis }
    }

    /// Moves the alert about a topic by the result of a window; the state of the alert then, `None` where there is none.
    pub fn update(&self, result: WindowResult) -> Result<Option<AlertState>, AlertError> {
        let key = result.key(self.endpoint);
        let open = self.app.store().read(|reader| alerts::find_open(reader, &key))?;
        let notified = open.as_ref().map(|alert| alert.detail.notified.clone()).unwrap_or_default();
        match (open, event_of(result.outcomes, &notified)) {
            // A window that was judged before, or an older one, says nothing against what newer ones showed: that it
            // holds now does not end the alert, and that it breaches again does not count anew.
            (Some(alert), event @ (AlertEvent::Clean | AlertEvent::Breached))
                if last_breach(&alert.detail, self.context.at).is_some_and(|end| result.window.end <= end) =>
            {
                if event == AlertEvent::Breached {
                    self.renew(&alert, alert.state, result)?;
                }
                Ok(Some(alert.state))
            }
            (None, AlertEvent::Breached) => self.open(result).map(Some),
            (Some(alert), event @ (AlertEvent::Breached | AlertEvent::Clean)) => {
                self.advance(&alert, event, result).map(Some)
            }
            (open, _) => Ok(open.map(|alert| alert.state)),
        }
    }

    fn open(&self, result: WindowResult) -> Result<AlertState, AlertError> {
        let state = AlertState::opened(self.hysteresis);
        let explanation = if state.is_failing() { (result.explain)() } else { None };
        let new = alerts::NewAlert {
            id: self.app.new_id(),
            key: result.key(self.endpoint),
            state,
            detail: first_detail(result, explanation.as_ref()),
        };
        let reason = whole_sentence(self.context.at, result, explanation.as_ref());
        let draft = self.entry(state, result, &reason, explanation.as_ref());
        let opened = self.app.store().write(move |tx| alerts::open(&tx.audited(draft), &new))?;
        if state.is_failing() {
            self.notify(&opened, &reason);
        }
        Ok(state)
    }

    fn advance(&self, alert: &Alert, event: AlertEvent, result: WindowResult) -> Result<AlertState, AlertError> {
        let (from, now) = (alert.state, self.context.at);
        let next = from.after(event, self.hysteresis, now)?;
        // A clean window before does not make what breaches now less new.
        if event == AlertEvent::Breached && (next == from || from.is_failing()) {
            self.renew(alert, next, result)?;
            return Ok(next);
        }
        if next == from {
            return Ok(next);
        }
        let begins = !from.is_failing() && next.is_failing();
        let explanation = if begins { (result.explain)() } else { None };
        let reason = match next {
            AlertState::Resolved => resolution(result.topic),
            _ => whole_sentence(now, result, explanation.as_ref()),
        };
        let draft = match next {
            AlertState::Resolved => {
                self.context.decision_event(EventKind::AlertResolved, reason.clone(), &EventMetrics::default())
            }
            _ if begins => self.entry(next, result, &reason, explanation.as_ref()),
            _ => self.context.audit_event("alert.count", reason.clone(), vec![]),
        };
        let (id, detail) = (alert.id.clone(), next_detail(&alert.detail, now, result, explanation.as_ref()));
        let moved =
            self.app.store().write(move |tx| alerts::advance(&tx.audited(draft), &id, from, next, Some(&detail)))?;
        if begins || next == AlertState::Resolved {
            self.notify(&moved, &reason);
        }
        Ok(next)
    }

    /// Keeps the newest numbers of an alert that goes on, and notifies of what breaches now and did not before.
    fn renew(&self, alert: &Alert, next: AlertState, result: WindowResult) -> Result<(), AlertError> {
        let known = &alert.detail.notified;
        let news: BTreeSet<Breach> = Breach::all_of(result.outcomes).difference(known).cloned().collect();
        let detail = next_detail(&alert.detail, self.context.at, result, None);
        let (id, from) = (alert.id.clone(), alert.state);
        if news.is_empty() || known.is_empty() || !from.is_failing() {
            let draft = self.context.audit_event("alert.count", sentence(result.outcomes), vec![]);
            self.app.store().write(move |tx| alerts::advance(&tx.audited(draft), &id, from, next, Some(&detail)))?;
            return Ok(());
        }
        let new: Vec<RuleOutcome> =
            result.outcomes.iter().filter(|outcome| is_notified(&news, outcome)).cloned().collect();
        let reason = format!("still open: {}", sentence_of_news(&new, known));
        let draft = self.entry(next, WindowResult { outcomes: &new, ..result }, &reason, None);
        let renewed = self.app.store().write(move |tx| alerts::renew(&tx.audited(draft), &id, from, next, &detail))?;
        if !matches!(next, AlertState::Muted { .. }) {
            self.notify(&renewed, &reason);
        }
        Ok(())
    }

    /// Resolves an alert for a reason that no window gives.
    pub fn resolve(&self, alert: &Alert, reason: &str) -> Result<(), AlertError> {
        let draft = self.context.decision_event(EventKind::AlertResolved, reason, &EventMetrics::default());
        let (id, from) = (alert.id.clone(), alert.state);
        let resolved = self
            .app
            .store()
            .write(move |tx| alerts::advance(&tx.audited(draft), &id, from, AlertState::Resolved, None))?;
        self.notify(&resolved, reason);
        Ok(())
    }

    fn notify(&self, alert: &Alert, reason: &str) {
        let notification = AlertNotification {
            at: self.context.at,
            endpoint: &alert.key.endpoint,
            alert: &alert.id,
            kind: alert.key.topic.kind(),
            subject: alert.key.topic.subject(),
            state: alert.state.as_str(),
            reason,
        };
        notify::notify(self.app, self.sinks, &notification);
    }

    fn entry(
        &self,
        state: AlertState,
        result: WindowResult,
        reason: &str,
        explanation: Option<&Explanation>,
    ) -> AuditEvent {
        let outcomes = result.outcomes;
        let mut metrics = explanation.map(|explanation| explanation.metrics.clone()).unwrap_or_default();
        outcomes.iter().filter(|outcome| outcome.is_failed()).for_each(|outcome| metrics.put_outcome(outcome));
        let parts = outcomes.iter().flat_map(|outcome| &outcome.parts);
        for part in parts.filter(|part| part.verdict == RuleVerdict::Failed) {
            if let Some(measured) = &part.measurement {
                metrics.put(part.name.clone(), measured.value);
            }
        }
        if state.is_failing() {
            self.context.decision_event(result.topic.into(), reason, &metrics)
        } else {
            self.context.audit_event("alert.pending", reason, metrics.to_evidence())
        }
    }
}

/// Why an alert about a topic ends when its window is clean.
fn resolution(topic: &AlertTopic) -> String {
    match topic {
        AlertTopic::MissingLabels => "labels arrive again".to_owned(),
        AlertTopic::Objective(name) => format!("objective `{name}` is met again"),
        AlertTopic::BreakGlass => "every break-glass was reviewed".to_owned(),
        AlertTopic::UnknownClass(class) => format!("labels no longer name `{class}`"),
        AlertTopic::UnknownLabels => "the labels are in the words of the model again".to_owned(),
        topic => format!("{topic} is back in bounds"),
    }
}

/// What breached, in one line.
fn sentence(outcomes: &[RuleOutcome]) -> String {
    let failed: Vec<&str> =
        outcomes.iter().filter(|outcome| outcome.is_failed()).map(|outcome| outcome.text.as_str()).collect();
    failed.join("; ")
}

/// What breaches and was not notified of: of a rule that breached before, the parts that are new, the worst first.
fn sentence_of_news(outcomes: &[RuleOutcome], notified: &BTreeSet<Breach>) -> String {
    let of = |outcome: &RuleOutcome| {
        if !is_notified(notified, outcome) {
            return outcome.text.clone();
        }
        let is_new = |part: &&PartOutcome| {
            let breach = Breach { rule: outcome.rule.clone(), part: Some(part.name.clone()) };
            part.verdict == RuleVerdict::Failed && !notified.contains(&breach)
        };
        let named = |part: &PartOutcome| match &part.measurement {
            Some(measured) => format!("{} ({:.4})", part.name, measured.value),
            None => part.name.clone(),
        };
        let new: Vec<String> = outcome.parts.iter().filter(is_new).map(named).collect();
        let more = new.len().saturating_sub(MAX_NEW_PARTS);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let names = new[..new.len().min(MAX_NEW_PARTS)].join(", ");
        format!("{names}{more} {} {} too", plural(new.len(), "violates", "violate"), outcome.rule)
    };
    outcomes.iter().map(of).collect::<Vec<_>>().join("; ")
}

/// What breached and why, in one line. Of a window that is not the newest, because its labels came later, which one.
fn whole_sentence(now: Timestamp, result: WindowResult, explanation: Option<&Explanation>) -> String {
    let is_measured = matches!(
        result.topic,
        AlertTopic::Data | AlertTopic::Drift | AlertTopic::Performance | AlertTopic::Bias | AlertTopic::Usage
    );
    let is_older = is_measured && result.window.is_older(now);
    let of = is_older.then(|| format!("in the window {}", result.window));
    let why = explanation.map(|explanation| explanation.sentence.clone());
    let parts = [Some(sentence(result.outcomes)), of, why].into_iter().flatten();
    parts.filter(|part| !part.is_empty()).collect::<Vec<_>>().join("; ")
}

fn first_detail(result: WindowResult, explanation: Option<&Explanation>) -> AlertDetail {
    AlertDetail {
        notified: Breach::all_of(result.outcomes),
        columns: breached_columns(result.outcomes),
        explanation: explanation.map(|explanation| explanation.sentence.clone()),
        root_cause: explanation.map(|explanation| explanation.root_cause.clone()),
        ..AlertDetail::new(result.window, sentence(result.outcomes))
    }
}

/// The detail of an alert after another window.
fn next_detail(
    known: &AlertDetail,
    now: Timestamp,
    result: WindowResult,
    explanation: Option<&Explanation>,
) -> AlertDetail {
    let mut next = known.clone();
    if let Some(explanation) = explanation {
        next.explanation = Some(explanation.sentence.clone());
        next.root_cause = Some(explanation.root_cause.clone());
    }
    if result.outcomes.iter().any(RuleOutcome::is_failed) {
        next.notified.extend(Breach::all_of(result.outcomes));
        if last_breach(known, now).is_none_or(|end| end <= result.window.end) {
            next.text = sentence(result.outcomes);
            next.columns = breached_columns(result.outcomes);
            next.window = result.window;
        }
    }
    next
}

fn breached_columns(outcomes: &[RuleOutcome]) -> Vec<String> {
    let parts = outcomes.iter().flat_map(|outcome| &outcome.parts).filter(|part| part.verdict == RuleVerdict::Failed);
    parts.map(|part| part.name.clone()).collect()
}

#[cfg(test)]
mod tests {
    use kilter_domain::rule::{NotMeasured, Rule, Undecided};

    use super::*;

    fn outcome(rule: &str, verdict: RuleVerdict, parts: &[&str]) -> RuleOutcome {
        let part = |name: &&str| PartOutcome { name: (*name).to_owned(), verdict: verdict.clone(), measurement: None };
        let metric = rule.parse::<Rule>().unwrap().quantity.into();
        let parts = parts.iter().map(part).collect();
        RuleOutcome { parts, ..RuleOutcome::new(rule, metric, verdict.clone(), "") }
    }

    fn undecided() -> RuleVerdict {
        let missing = NotMeasured { missing: "rows".to_owned(), how: "wait".to_owned() };
        RuleVerdict::Undecided(Undecided::NotMeasured(missing))
    }

    #[test]
    fn an_alert_is_over_when_what_breached_holds_again_whatever_is_too_close_to_call() {
        let notified = Breach::all_of(&[outcome("missing(*) <= 1%", RuleVerdict::Failed, &["age", "city"])]);
        let now =
            [outcome("missing(*) <= 1%", RuleVerdict::Passed, &["age"]), outcome("min(x) >= 0", undecided(), &[])];
        assert_eq!(event_of(&now, &notified), AlertEvent::Clean);
        assert_eq!(event_of(&now, &BTreeSet::new()), AlertEvent::NotMeasured, "nothing is known of what breached");
        let other = [outcome("min(x) >= 0", RuleVerdict::Passed, &[])];
        assert_eq!(event_of(&other, &notified), AlertEvent::NotMeasured, "the rule that breached is not among them");
        let worse = [now[0].clone(), outcome("min(x) >= 0", RuleVerdict::Failed, &[])];
        assert_eq!(event_of(&worse, &notified), AlertEvent::Breached);
    }

    #[test]
    fn a_column_that_begins_to_breach_is_named_once() {
        let of = |columns: &[&str]| vec![outcome("psi(*) < 0.1", RuleVerdict::Failed, columns)];
        let known = Breach::all_of(&of(&["a"]));
        let news = |columns: &[&str]| -> Vec<Option<String>> {
            Breach::all_of(&of(columns)).difference(&known).map(|breach| breach.part.clone()).collect()
        };
        assert_eq!(news(&["a", "b", "c"]), [Some("b".to_owned()), Some("c".to_owned())]);
        assert!(news(&["a"]).is_empty() && news(&[]) == [None]);
        let many: Vec<String> = (0..9).map(|at| format!("c{at}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert_eq!(sentence_of_news(&of(&["a", "b"]), &known), "b violates psi(*) < 0.1 too");
        assert_eq!(sentence_of_news(&of(&many), &known), "c0, c1, c2, c3, c4 and 4 more violate psi(*) < 0.1 too");
        let other = [RuleOutcome {
            text: "psi(score) is 0.4".to_owned(),
            ..outcome("psi(score) < 0.1", RuleVerdict::Failed, &[])
        }];
        assert_eq!(sentence_of_news(&other, &known), "psi(score) is 0.4");
    }
}
