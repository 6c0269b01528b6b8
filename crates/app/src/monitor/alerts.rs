//! Alerts: one open alert a kind and endpoint, moved by the verdicts of windows.
//!
//! Holds true: a window that could not be judged, or that is too close to call, moves nothing; an alert names what
//! breached, in the words and numbers of the rules.

use kilter_domain::{
    alert::{AlertEvent, AlertState, Hold, MonitorKind},
    ids::EndpointName,
    rule::{RuleOutcome, RuleVerdict},
};
use kilter_store::monitor::alert as alerts;
use serde_json::{Value, json};

use crate::{
    App,
    decision::{DecisionKind, Numbers},
    error::AppError,
    gate::put_outcome,
    ledger::Act,
    monitor::Window,
};

/// What an alert is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subject {
    pub kind: MonitorKind,
    /// Whether it rests on performance that was estimated without labels.
    pub estimated: bool,
}

impl Subject {
    /// The word in the store and in documents.
    pub const fn word(self) -> &'static str {
        match (self.kind, self.estimated) {
            (MonitorKind::Accuracy, true) => "estimate",
            (MonitorKind::Accuracy, false) => "performance",
            (kind, _) => kind.as_str(),
        }
    }

    const fn decision(self) -> DecisionKind {
        match (self.kind, self.estimated) {
            (MonitorKind::Accuracy, true) => DecisionKind::EstimateAlert,
            (MonitorKind::Accuracy, false) => DecisionKind::PerformanceAlert,
            (MonitorKind::Data, _) => DecisionKind::DataAlert,
            (MonitorKind::Drift, _) => DecisionKind::DriftAlert,
            (MonitorKind::Bias, _) => DecisionKind::BiasAlert,
            (MonitorKind::Usage, _) => DecisionKind::UsageAlert,
        }
    }
}

/// The alert about a subject at an endpoint: there is one at most.
pub fn cause(endpoint: &EndpointName, subject: Subject) -> String {
    format!("{endpoint}/{}", subject.word())
}

/// What the outcomes of one window say together.
pub fn event_of(outcomes: &[RuleOutcome]) -> AlertEvent {
    if outcomes.iter().any(RuleOutcome::is_failed) {
        AlertEvent::Breached
    } else if !outcomes.is_empty() && outcomes.iter().all(RuleOutcome::is_passed) {
        AlertEvent::Clean
    } else {
        AlertEvent::NotMeasured
    }
}

impl App {
    /// Moves the alert of a subject by what a window showed.
    pub(crate) fn alert(
        &self,
        act: &Act,
        endpoint: &EndpointName,
        subject: Subject,
        window: Window,
        outcomes: &[RuleOutcome],
        hold: Hold,
    ) -> Result<(), AppError> {
        let event = event_of(outcomes);
        let key = cause(endpoint, subject);
        let open = self.store().read(|reader| alerts::find_open(reader, &key))?;
        match (open, event) {
            (None, AlertEvent::Breached) => self.open_alert(act, endpoint, subject, window, outcomes, hold),
            (Some(alert), AlertEvent::Breached | AlertEvent::Clean) => {
                self.move_alert(act, subject, &alert, event, outcomes, hold)
            }
            _ => Ok(()),
        }
    }

    fn open_alert(
        &self,
        act: &Act,
        endpoint: &EndpointName,
        subject: Subject,
        window: Window,
        outcomes: &[RuleOutcome],
        hold: Hold,
    ) -> Result<(), AppError> {
        let state = AlertState::opened(hold);
        let new = alerts::NewAlert {
            id: self.new_id(),
            endpoint: endpoint.clone(),
            cause: cause(endpoint, subject),
            monitor: subject.kind,
            state,
            detail: detail(window, outcomes),
        };
        let draft = self.alert_entry(act, subject, state, outcomes);
        self.store().write(move |tx| alerts::open(&tx.audited(draft), &new).map(|_| ()))?;
        Ok(())
    }

    fn move_alert(
        &self,
        act: &Act,
        subject: Subject,
        alert: &alerts::Alert,
        event: AlertEvent,
        outcomes: &[RuleOutcome],
        hold: Hold,
    ) -> Result<(), AppError> {
        let from = alert.state;
        let next = from.after(event, hold, act.at).map_err(|illegal| AppError::Denied(illegal.to_string()))?;
        if next == from {
            return Ok(());
        }
        let draft = match (from.is_failing(), next) {
            (_, AlertState::Resolved) => {
                let because = format!("{} is back in bounds", subject.word());
                act.decides(DecisionKind::AlertResolved, because, &Numbers::default())
            }
            (false, _) if next.is_failing() => self.alert_entry(act, subject, next, outcomes),
            _ => act.does("alert.count", sentence(outcomes), vec![]),
        };
        let (id, detail) = (alert.id.clone(), with_latest(&alert.detail, outcomes));
        self.store()
            .write(move |tx| alerts::advance(&tx.audited(draft), &id, from, next, Some(&detail)).map(|_| ()))?;
        Ok(())
    }

    /// Resolves every open alert of an endpoint: the version that they are about no longer serves.
    pub(crate) fn resolve_alerts(&self, act: &Act, endpoint: &EndpointName, because: &str) -> Result<(), AppError> {
        let filter = alerts::AlertFilter { endpoint: Some(endpoint.clone()), open: true };
        let open = self.store().read(|reader| alerts::list(reader, &filter, &kilter_store::PageRequest::first(100)))?;
        for alert in open.items {
            let draft =
                act.decides(DecisionKind::AlertResolved, format!("{}: {because}", alert.monitor), &Numbers::default());
            self.store().write(move |tx| {
                alerts::advance(&tx.audited(draft), &alert.id, alert.state, AlertState::Resolved, None).map(|_| ())
            })?;
        }
        Ok(())
    }

    fn alert_entry(
        &self,
        act: &Act,
        subject: Subject,
        state: AlertState,
        outcomes: &[RuleOutcome],
    ) -> kilter_store::audit::Draft {
        let mut numbers = Numbers::default();
        outcomes.iter().filter(|outcome| outcome.is_failed()).for_each(|outcome| put_outcome(&mut numbers, outcome));
        for part in
            outcomes.iter().flat_map(|outcome| &outcome.parts).filter(|part| part.verdict == RuleVerdict::Failed)
        {
            if let Some(measured) = &part.measurement {
                numbers.put(part.name.clone(), measured.value);
            }
        }
        match state.is_failing() {
            true => act.decides(subject.decision(), sentence(outcomes), &numbers),
            false => act.does("alert.pending", sentence(outcomes), numbers.evidence()),
        }
    }
}

/// What breached, in one line.
fn sentence(outcomes: &[RuleOutcome]) -> String {
    let failed: Vec<&str> =
        outcomes.iter().filter(|outcome| outcome.is_failed()).map(|outcome| outcome.text.as_str()).collect();
    failed.join("; ")
}

fn detail(window: Window, outcomes: &[RuleOutcome]) -> Value {
    json!({
        "since": window.start,
        "window": { "start": window.start, "end": window.end },
        "columns": breached_columns(outcomes),
        "text": sentence(outcomes),
    })
}

fn with_latest(detail: &Value, outcomes: &[RuleOutcome]) -> Value {
    let mut detail = detail.clone();
    if let (Some(fields), true) = (detail.as_object_mut(), outcomes.iter().any(RuleOutcome::is_failed)) {
        fields.insert("text".to_owned(), json!(sentence(outcomes)));
        fields.insert("columns".to_owned(), json!(breached_columns(outcomes)));
    }
    detail
}

fn breached_columns(outcomes: &[RuleOutcome]) -> Vec<String> {
    let parts = outcomes.iter().flat_map(|outcome| &outcome.parts).filter(|part| part.verdict == RuleVerdict::Failed);
    parts.map(|part| part.name.clone()).collect()
}
