//! Alerts: one open alert a kind and endpoint, moved by the verdicts of windows.
//!
//! Invariants: a window that could not be judged, or that is too close to call, moves nothing; an alert names what
//! breached, in the words and numbers of the rules.

use std::collections::BTreeSet;

use kilter_domain::{
    alert::{AlertEvent, AlertState, Hysteresis, MonitorKind},
    contract::{AlertSink, Monitor},
    ids::{EndpointName, ModelName},
    plural::plural,
    rule::{PartOutcome, RuleOutcome, RuleVerdict},
    time::Timestamp,
};
use kilter_store::monitor::alert as alerts;
use serde_json::{Value, json};

use crate::{
    app::App,
    context::RequestContext,
    error::AppError,
    event::{DecisionKind, EventMetrics},
    gate::judge::put_outcome,
    model::load,
    monitor::{alert::notify::Told, unknown_classes, window::Window},
    project::folder::Project,
};

/// What an alert is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subject {
    pub kind: MonitorKind,
    pub basis: Basis,
}

/// What an alert rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    Measured,
    /// Performance that was estimated without labels.
    Estimated,
    /// The classes that labels name.
    Labels,
    /// The words of labels, where they are not those of the model.
    LabelWords,
    /// What was reached before a promotion.
    Promotion,
}

impl Subject {
    /// The word in the store and in documents.
    pub const fn word(self) -> &'static str {
        match (self.kind, self.basis) {
            (_, Basis::Labels) => "labels",
            (_, Basis::LabelWords) => "label_words",
            (_, Basis::Promotion) => "promotion",
            (MonitorKind::Performance, Basis::Estimated) => "estimate",
            (MonitorKind::Performance, Basis::Measured) => "performance",
            (kind, _) => kind.as_str(),
        }
    }

    const fn decision(self) -> DecisionKind {
        match (self.kind, self.basis) {
            (MonitorKind::Performance, Basis::Estimated) => DecisionKind::EstimateAlert,
            (MonitorKind::Performance, Basis::Promotion) => DecisionKind::PromotionAlert,
            (MonitorKind::Performance, _) => DecisionKind::PerformanceAlert,
            (MonitorKind::Data, _) => DecisionKind::DataAlert,
            (MonitorKind::Drift, _) => DecisionKind::DriftAlert,
            (MonitorKind::Bias, _) => DecisionKind::BiasAlert,
            (MonitorKind::Usage, _) => DecisionKind::UsageAlert,
        }
    }
}

/// What the outcomes of one window say together. An alert that is open is over when what breached holds again and nothing
/// else breaches: a rule that never breached may be too close to call for ever.
pub fn event_of(outcomes: &[RuleOutcome], told: &BTreeSet<String>) -> AlertEvent {
    let holds = |outcome: &&RuleOutcome| told.is_empty() || told.iter().any(|thing| is_of(thing, outcome));
    let mut watched = outcomes.iter().filter(holds).peekable();
    if outcomes.iter().any(RuleOutcome::is_failed) {
        AlertEvent::Breached
    } else if watched.peek().is_some() && watched.all(RuleOutcome::is_passed) {
        AlertEvent::Clean
    } else {
        AlertEvent::NotMeasured
    }
}

/// What breached, one by one: a rule, and where it has parts each part.
fn breached(outcomes: &[RuleOutcome]) -> BTreeSet<String> {
    let things = |outcome: &RuleOutcome| -> Vec<String> {
        let failed = outcome.parts.iter().filter(|part| part.verdict == RuleVerdict::Failed);
        let parts: Vec<String> = failed.map(|part| format!("{}{PART}{}", outcome.rule, part.name)).collect();
        if parts.is_empty() { vec![outcome.rule.clone()] } else { parts }
    };
    outcomes.iter().filter(|outcome| outcome.is_failed()).flat_map(things).collect()
}

/// Whether a thing that was told is of a rule.
fn is_of(thing: &str, outcome: &RuleOutcome) -> bool {
    thing.split(PART).next() == Some(outcome.rule.as_str())
}

/// Whether a new training could mend it: labels that do not come, or in other words, are learned by no model, and a
/// promotion that made it worse is taken back, or explained.
pub(crate) fn can_be_learned(alert: &alerts::Alert) -> bool {
    let about = alert.cause.split_once('/').map(|(_, about)| about);
    let bases = [Basis::Labels, Basis::LabelWords, Basis::Promotion];
    about.is_none_or(|about| bases.iter().all(|basis| Subject { kind: alert.monitor, basis: *basis }.word() != about))
}

/// Between a rule and its part in what was told: no rule holds it.
const PART: &str = " | ";

/// Parts that break a rule anew which one sentence names.
const NEWS_NAMED: usize = 5;

/// The end of the newest window that breached; one that is not over at `now` was judged by a clock that was ahead.
fn last_breach(detail: &Value, now: Timestamp) -> Option<Timestamp> {
    serde_json::from_value(detail["window"]["end"].clone()).ok().filter(|end| *end <= now)
}

/// What an alert has told of so far; nothing for alerts that were opened before this was kept.
fn told(detail: &Value) -> BTreeSet<String> {
    let things = detail["told"].as_array().map(Vec::as_slice).unwrap_or_default();
    things.iter().filter_map(|thing| thing.as_str().map(str::to_owned)).collect()
}

/// What a window came to on one subject.
#[derive(Clone, Copy)]
pub(crate) struct Finding<'a> {
    pub subject: Subject,
    /// What of the subject, where each has an alert of its own.
    pub about: Option<&'a str>,
    pub window: Window,
    pub outcomes: &'a [RuleOutcome],
    /// Looks for causes; asked only when an alert begins to fire.
    pub explain: &'a dyn Fn() -> Option<Explained>,
}

impl Finding<'_> {
    /// What an alert is known by: of each there is one open at most.
    fn cause(&self, endpoint: &EndpointName) -> String {
        let word = self.subject.word();
        self.about.map_or_else(|| format!("{endpoint}/{word}"), |about| format!("{endpoint}/{word}:{about}"))
    }
}

/// Why, in words and numbers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Explained {
    pub sentence: String,
    pub numbers: EventMetrics,
    pub detail: Value,
}

impl App {
    /// Moves the alert of a subject by what a window showed; the state of the alert then, `None` where there is none.
    pub(crate) fn alert(
        &self,
        context: &RequestContext,
        endpoint: &EndpointName,
        monitor: &Monitor,
        finding: Finding,
    ) -> Result<Option<AlertState>, AppError> {
        let key = finding.cause(endpoint);
        let open = self.store().read(|reader| alerts::find_open(reader, &key))?;
        let event = event_of(finding.outcomes, &open.as_ref().map(|alert| told(&alert.detail)).unwrap_or_default());
        match (open, event) {
            // A window that was judged before, or an older one, says nothing against what newer ones showed: that it
            // holds now does not end the alert, and that it breaches again does not count anew.
            (Some(alert), AlertEvent::Clean | AlertEvent::Breached)
                if last_breach(&alert.detail, context.at).is_some_and(|end| finding.window.end <= end) =>
            {
                if event == AlertEvent::Breached {
                    self.renew_alert(context, &alert, alert.state, monitor, finding)?;
                }
                Ok(Some(alert.state))
            }
            (None, AlertEvent::Breached) => self.open_alert(context, endpoint, monitor, finding).map(Some),
            (Some(alert), AlertEvent::Breached | AlertEvent::Clean) => {
                self.move_alert(context, &alert, event, monitor, finding).map(Some)
            }
            (open, _) => Ok(open.map(|alert| alert.state)),
        }
    }

    fn open_alert(
        &self,
        context: &RequestContext,
        endpoint: &EndpointName,
        monitor: &Monitor,
        finding: Finding,
    ) -> Result<AlertState, AppError> {
        let state = AlertState::opened(hold(monitor));
        let explained = if state.is_failing() { (finding.explain)() } else { None };
        let new = alerts::NewAlert {
            id: self.new_id(),
            endpoint: endpoint.clone(),
            cause: finding.cause(endpoint),
            monitor: finding.subject.kind,
            state,
            detail: detail(finding, explained.as_ref()),
        };
        let reason = whole_sentence(context.at, finding, explained.as_ref());
        let draft = self.alert_entry(context, state, finding, &reason, explained.as_ref());
        let opened = self.store().write(move |tx| alerts::open(&tx.audited(draft), &new))?;
        if state.is_failing() {
            self.tell_of(context, &monitor.alert, &opened, &reason);
        }
        Ok(state)
    }

    fn move_alert(
        &self,
        context: &RequestContext,
        alert: &alerts::Alert,
        event: AlertEvent,
        monitor: &Monitor,
        finding: Finding,
    ) -> Result<AlertState, AppError> {
        let from = alert.state;
        let next = from.after(event, hold(monitor), context.at)?;
        // A clean window before does not make what breaches now less new.
        if event == AlertEvent::Breached && (next == from || from.is_failing()) {
            self.renew_alert(context, alert, next, monitor, finding)?;
            return Ok(next);
        }
        if next == from {
            return Ok(next);
        }
        let begins = !from.is_failing() && next.is_failing();
        let explained = if begins { (finding.explain)() } else { None };
        let reason = match next {
            AlertState::Resolved if finding.subject.basis == Basis::Labels => "labels arrive again".to_owned(),
            AlertState::Resolved if finding.subject.basis == Basis::LabelWords => {
                "the labels are in the words of the model again".to_owned()
            }
            AlertState::Resolved => format!("{} is back in bounds", finding.subject.word()),
            _ => whole_sentence(context.at, finding, explained.as_ref()),
        };
        let draft = match next {
            AlertState::Resolved => {
                context.decision_event(DecisionKind::AlertResolved, reason.clone(), &EventMetrics::default())
            }
            _ if begins => self.alert_entry(context, next, finding, &reason, explained.as_ref()),
            _ => context.audit_event("alert.count", reason.clone(), vec![]),
        };
        let (id, detail) = (alert.id.clone(), with_latest(&alert.detail, context.at, finding, explained.as_ref()));
        let moved =
            self.store().write(move |tx| alerts::advance(&tx.audited(draft), &id, from, next, Some(&detail)))?;
        if begins || next == AlertState::Resolved {
            self.tell_of(context, &monitor.alert, &moved, &reason);
        }
        Ok(next)
    }

    /// Keeps the newest numbers of an alert that goes on, and tells of what breaches now and was not told before.
    fn renew_alert(
        &self,
        context: &RequestContext,
        alert: &alerts::Alert,
        next: AlertState,
        monitor: &Monitor,
        finding: Finding,
    ) -> Result<(), AppError> {
        let known = told(&alert.detail);
        let news: BTreeSet<String> = breached(finding.outcomes).difference(&known).cloned().collect();
        let detail = with_latest(&alert.detail, context.at, finding, None);
        let (id, from) = (alert.id.clone(), alert.state);
        if news.is_empty() || known.is_empty() || !from.is_failing() {
            let draft = context.audit_event("alert.count", sentence(finding.outcomes), vec![]);
            self.store().write(move |tx| alerts::advance(&tx.audited(draft), &id, from, next, Some(&detail)))?;
            return Ok(());
        }
        let new: Vec<RuleOutcome> =
            finding.outcomes.iter().filter(|outcome| news.iter().any(|thing| is_of(thing, outcome))).cloned().collect();
        let reason = format!("still open: {}", sentence_of_news(&new, &known));
        let draft = self.alert_entry(context, next, Finding { outcomes: &new, ..finding }, &reason, None);
        let renewed = self.store().write(move |tx| alerts::renew(&tx.audited(draft), &id, from, next, &detail))?;
        if !matches!(next, AlertState::Muted { .. }) {
            self.tell_of(context, &monitor.alert, &renewed, &reason);
        }
        Ok(())
    }

    /// Resolves the open alerts of an endpoint: the version that they are about no longer serves. Those about classes
    /// that the version which serves now (`by`) cannot answer either stay open.
    pub(crate) fn resolve_alerts(
        &self,
        context: &RequestContext,
        project: &Project,
        endpoint: &EndpointName,
        by: (&ModelName, u32),
        reason: &str,
    ) -> Result<(), AppError> {
        let (package, _) = load::load_version(self, by.0, by.1)?;
        let signature = &package.manifest.signature;
        let filter = alerts::AlertFilter { endpoint: Some(endpoint.clone()), open: true };
        let open = self.store().read(|reader| alerts::list(reader, &filter, &kilter_store::PageRequest::first(100)))?;
        let sinks = project.contract.monitor.as_ref().map(|monitor| monitor.alert.clone()).unwrap_or_default();
        for alert in open.items.into_iter().filter(|alert| !unknown_classes::is_unknown_to(alert, signature)) {
            self.end_alert(context, &sinks, &alert, &format!("{}: {reason}", alert.monitor))?;
        }
        Ok(())
    }

    /// Resolves an alert for a reason that no window gives.
    pub(crate) fn end_alert(
        &self,
        context: &RequestContext,
        sinks: &[AlertSink],
        alert: &alerts::Alert,
        reason: &str,
    ) -> Result<(), AppError> {
        let draft = context.decision_event(DecisionKind::AlertResolved, reason, &EventMetrics::default());
        let (id, from) = (alert.id.clone(), alert.state);
        let resolved =
            self.store().write(move |tx| alerts::advance(&tx.audited(draft), &id, from, AlertState::Resolved, None))?;
        self.tell_of(context, sinks, &resolved, reason);
        Ok(())
    }

    fn tell_of(&self, context: &RequestContext, sinks: &[AlertSink], alert: &alerts::Alert, reason: &str) {
        let about = alert.cause.split_once('/').map_or(alert.cause.as_str(), |(_, about)| about);
        let (id, state) = (alert.id.as_str(), alert.state.as_str());
        self.tell(sinks, &Told { at: context.at, endpoint: &alert.endpoint, alert: id, about, state, reason });
    }

    fn alert_entry(
        &self,
        context: &RequestContext,
        state: AlertState,
        finding: Finding,
        reason: &str,
        explained: Option<&Explained>,
    ) -> kilter_store::audit::AuditEvent {
        let outcomes = finding.outcomes;
        let mut numbers = explained.map(|explained| explained.numbers.clone()).unwrap_or_default();
        outcomes.iter().filter(|outcome| outcome.is_failed()).for_each(|outcome| put_outcome(&mut numbers, outcome));
        for part in
            outcomes.iter().flat_map(|outcome| &outcome.parts).filter(|part| part.verdict == RuleVerdict::Failed)
        {
            if let Some(measured) = &part.measurement {
                numbers.put(part.name.clone(), measured.value);
            }
        }
        match state.is_failing() {
            true => context.decision_event(finding.subject.decision(), reason, &numbers),
            false => context.audit_event("alert.pending", reason, numbers.evidence()),
        }
    }
}

/// What breached, in one line.
fn sentence(outcomes: &[RuleOutcome]) -> String {
    let failed: Vec<&str> =
        outcomes.iter().filter(|outcome| outcome.is_failed()).map(|outcome| outcome.text.as_str()).collect();
    failed.join("; ")
}

/// What breaches and was not told before: of a rule that was, the parts that are new, the worst first.
fn sentence_of_news(outcomes: &[RuleOutcome], told: &BTreeSet<String>) -> String {
    let of = |outcome: &RuleOutcome| {
        if !told.iter().any(|thing| is_of(thing, outcome)) {
            return outcome.text.clone();
        }
        let is_new = |part: &&PartOutcome| {
            part.verdict == RuleVerdict::Failed && !told.contains(&format!("{}{PART}{}", outcome.rule, part.name))
        };
        let named = |part: &PartOutcome| match &part.measurement {
            Some(measured) => format!("{} ({:.4})", part.name, measured.value),
            None => part.name.clone(),
        };
        let new: Vec<String> = outcome.parts.iter().filter(is_new).map(named).collect();
        let more = new.len().saturating_sub(NEWS_NAMED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let names = new[..new.len().min(NEWS_NAMED)].join(", ");
        format!("{names}{more} {} {} too", plural(new.len(), "violates", "violate"), outcome.rule)
    };
    outcomes.iter().map(of).collect::<Vec<_>>().join("; ")
}

fn hold(monitor: &Monitor) -> Hysteresis {
    Hysteresis { fire_after: monitor.for_windows.max(1), ..Hysteresis::default() }
}

/// What breached and why, in one line. Of a window that is not the newest, because its labels came later, which one.
fn whole_sentence(now: Timestamp, finding: Finding, explained: Option<&Explained>) -> String {
    let is_older = finding.subject.basis == Basis::Measured && finding.window.is_older(now);
    let of = is_older.then(|| format!("in the window {}", finding.window));
    let why = explained.map(|explained| explained.sentence.clone());
    let parts = [Some(sentence(finding.outcomes)), of, why].into_iter().flatten();
    parts.filter(|part| !part.is_empty()).collect::<Vec<_>>().join("; ")
}

fn detail(Finding { window, outcomes, .. }: Finding, explained: Option<&Explained>) -> Value {
    json!({
        "told": breached(outcomes),
        "since": window.start,
        "window": { "start": window.start, "end": window.end },
        "columns": breached_columns(outcomes),
        "text": sentence(outcomes),
        "why": explained.map(|explained| &explained.sentence),
        "causes": explained.map(|explained| &explained.detail),
    })
}

fn with_latest(detail: &Value, now: Timestamp, finding: Finding, explained: Option<&Explained>) -> Value {
    let outcomes = finding.outcomes;
    let mut detail = detail.clone();
    let (mut things, newest) = (told(&detail), last_breach(&detail, now));
    things.extend(breached(outcomes));
    if let (Some(fields), Some(explained)) = (detail.as_object_mut(), explained) {
        fields.insert("why".to_owned(), json!(explained.sentence));
        fields.insert("causes".to_owned(), explained.detail.clone());
    }
    if let (Some(fields), true) = (detail.as_object_mut(), outcomes.iter().any(RuleOutcome::is_failed)) {
        fields.insert("told".to_owned(), json!(things));
        if newest.is_none_or(|end| end <= finding.window.end) {
            fields.insert("text".to_owned(), json!(sentence(outcomes)));
            fields.insert("columns".to_owned(), json!(breached_columns(outcomes)));
            fields.insert("window".to_owned(), json!({ "start": finding.window.start, "end": finding.window.end }));
        }
    }
    detail
}

fn breached_columns(outcomes: &[RuleOutcome]) -> Vec<String> {
    let parts = outcomes.iter().flat_map(|outcome| &outcome.parts).filter(|part| part.verdict == RuleVerdict::Failed);
    parts.map(|part| part.name.clone()).collect()
}

#[cfg(test)]
mod tests {
    use kilter_domain::rule::{Limits, NotMeasured, Undecided};

    use super::*;

    fn outcome(rule: &str, verdict: RuleVerdict, parts: &[&str]) -> RuleOutcome {
        let part = |name: &&str| PartOutcome { name: (*name).to_owned(), verdict: verdict.clone(), measurement: None };
        RuleOutcome {
            rule: rule.to_owned(),
            verdict: verdict.clone(),
            measured: None,
            part: None,
            limits: Limits::default(),
            parts: parts.iter().map(part).collect(),
            text: String::new(),
        }
    }

    fn undecided() -> RuleVerdict {
        let missing = NotMeasured { missing: "rows".to_owned(), how: "wait".to_owned() };
        RuleVerdict::Undecided(Undecided::NotMeasured(missing))
    }

    #[test]
    fn an_alert_is_over_when_what_breached_holds_again_whatever_is_too_close_to_call() {
        let told = breached(&[outcome("missing(*) <= 1%", RuleVerdict::Failed, &["age", "city"])]);
        assert_eq!(told, ["missing(*) <= 1% | age", "missing(*) <= 1% | city"].map(str::to_owned).into());
        let now =
            [outcome("missing(*) <= 1%", RuleVerdict::Passed, &["age"]), outcome("min(x) >= 0", undecided(), &[])];
        assert_eq!(event_of(&now, &told), AlertEvent::Clean);
        assert_eq!(event_of(&now, &BTreeSet::new()), AlertEvent::NotMeasured, "nothing is known of what breached");
        let other = [outcome("min(x) >= 0", RuleVerdict::Passed, &[])];
        assert_eq!(event_of(&other, &told), AlertEvent::NotMeasured, "the rule that breached is not among them");
        let worse = [now[0].clone(), outcome("min(x) >= 0", RuleVerdict::Failed, &[])];
        assert_eq!(event_of(&worse, &told), AlertEvent::Breached);
    }

    #[test]
    fn a_column_that_begins_to_breach_is_told_by_name_and_once() {
        let of = |columns: &[&str]| vec![outcome("psi(*) < 0.1", RuleVerdict::Failed, columns)];
        let known = breached(&of(&["a"]));
        let news = |columns: &[&str]| breached(&of(columns)).difference(&known).cloned().collect::<Vec<_>>();
        assert_eq!(news(&["a", "b", "c"]), ["psi(*) < 0.1 | b", "psi(*) < 0.1 | c"]);
        assert!(news(&["a"]).is_empty() && news(&[]) == ["psi(*) < 0.1"]);
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
