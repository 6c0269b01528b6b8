//! Labels that name no class of the version that serves: a new queue, a new kind of fault, or another spelling.
//!
//! Invariants: no metric counts such a label, and with many of them nothing is measured; here they are named, because a
//! metric that is not measured raises no alarm. They count since the rows that the live version was trained on, whoever
//! answered: a version that takes over without having learned a class changes nothing about it. Where most labels fit, a
//! label of several classes is a new class, which a retraining can learn, and has an alert of its own. In every other
//! case the labels are in other words: one alert names them, and nothing is retrained. An alert ends when the labels are
//! taken back or corrected, too.

use std::sync::Arc;

use kilter_domain::{
    alert::MonitorKind,
    contract::Monitor,
    ids::EndpointName,
    plural::{counted, plural},
    rule::{Limits, PartOutcome, RuleOutcome, RuleVerdict},
    time::{Span, Timestamp},
};
use kilter_evaluation::{
    column_stats::exact,
    labelled_predictions::{ClassMatcher, LabelCheck, quoted},
};
use kilter_inference::{Signature, Task};
use kilter_store::{
    PageRequest,
    monitor::{alert as alerts, alert::Alert},
};

use crate::{
    app::App,
    context::RequestContext,
    error::AppError,
    model::package::Package,
    monitor::{
        alert::lifecycle::{Basis, Finding, Subject},
        window::Window,
    },
    prediction::logged::{self, LoggedPredictions, PredictionFilter},
};

/// Rows of unknown classes below which they may be slips of the pen.
const MIN_ROWS: usize = 5;
/// Classes that get an alert at most, those of most rows: a label that names hundreds is broken in another way.
const MAX_NAMED: usize = 20;
/// The share of unknown labels up to which each of several classes may be a new one. Beyond it, most labels are in other
/// words than those of the model, whatever each of them means.
const MAX_NEW_SHARE: f64 = 0.5;

const NEW_CLASS: Subject = Subject { kind: MonitorKind::Data, basis: Basis::Labels };
const OTHER_WORDS: Subject = Subject { kind: MonitorKind::Data, basis: Basis::LabelWords };

/// What a version can answer, and the windows since the rows that it was trained on, oldest first.
pub(super) struct KnownClasses {
    pub package: Arc<Package>,
    pub version: u32,
    pub windows: Vec<Window>,
}

impl KnownClasses {
    fn signature(&self) -> &Signature {
        &self.package.manifest.signature
    }
}

impl App {
    /// Raises alerts about labels that name no class of the version, and ends those whose labels were taken back.
    pub(super) fn see_classes(
        &self,
        context: &RequestContext,
        endpoint: &EndpointName,
        monitor: &Monitor,
        known: &KnownClasses,
    ) -> Result<(), AppError> {
        let (Some(first), Some(&window)) = (known.windows.first(), known.windows.last()) else { return Ok(()) };
        let answered = self.labelled_since_training(context, endpoint, known, (first.start, window.end))?;
        let since = answered.events.iter().min().copied().unwrap_or(first.start).civil().date().to_string();
        let check = check(&answered, known.signature());
        if are_other_words(&check, known.signature()) {
            self.see_words(context, endpoint, monitor, known, &answered, &since)?;
        } else {
            for (class, breach) in breaches(&check, known.signature(), known.version, &since) {
                let outcomes = [breach];
                let finding =
                    Finding { subject: NEW_CLASS, about: Some(&class), window, outcomes: &outcomes, explain: &|| None };
                self.alert(context, endpoint, monitor, finding)?;
            }
        }
        self.end_taken_back(context, endpoint, monitor, known)
    }

    fn labelled_since_training(
        &self,
        context: &RequestContext,
        endpoint: &EndpointName,
        known: &KnownClasses,
        span: (Timestamp, Timestamp),
    ) -> Result<LoggedPredictions, AppError> {
        let through = known.package.manifest.trained_through;
        let answered = logged::logged_labels(self, endpoint, PredictionFilter::Answers, span, context.at)?;
        Ok(answered.filter(|row| {
            answered.labels[row].is_some() && through.is_none_or(|through| answered.events[row] > through)
        }))
    }

    /// The alert on labels in other words: it breaches with the newest window that has some, and windows after that whose
    /// labels fit speak for its end.
    fn see_words(
        &self,
        context: &RequestContext,
        endpoint: &EndpointName,
        monitor: &Monitor,
        known: &KnownClasses,
        answered: &LoggedPredictions,
        since: &str,
    ) -> Result<(), AppError> {
        let matcher = ClassMatcher::new(&known.signature().classes);
        let is_unknown = |row: &usize| {
            answered.labels[*row].as_deref().is_some_and(|label| !fits(&matcher, known.signature(), label))
        };
        let newest = (0..answered.len()).filter(is_unknown).map(|row| answered.events[row]).max();
        let window_of =
            |event: Timestamp| known.windows.iter().rev().find(|window| (window.start..window.end).contains(&event));
        let Some(breached) = newest.and_then(window_of) else { return Ok(()) };
        let outcomes = [other_words(&check(answered, known.signature()), known, since, RuleVerdict::Failed)];
        let finding =
            Finding { subject: OTHER_WORDS, about: None, window: *breached, outcomes: &outcomes, explain: &|| None };
        self.alert(context, endpoint, monitor, finding)?;
        let after = answered.filter(|row| answered.events[row] >= breached.end);
        if let Some(window) =
            after.events.iter().max().and_then(|event| window_of(*event)).filter(|_| after.len() >= MIN_ROWS)
        {
            let outcomes = [other_words(&check(&after, known.signature()), known, since, RuleVerdict::Passed)];
            let finding =
                Finding { subject: OTHER_WORDS, about: None, window: *window, outcomes: &outcomes, explain: &|| None };
            self.alert(context, endpoint, monitor, finding)?;
        }
        Ok(())
    }

    /// Ends the alerts about labels of which fewer are left than open one: they were taken back or corrected. The rows are
    /// those that could be seen when the alert was opened, so that what is merely old ends none.
    fn end_taken_back(
        &self,
        context: &RequestContext,
        endpoint: &EndpointName,
        monitor: &Monitor,
        known: &KnownClasses,
    ) -> Result<(), AppError> {
        let filter = alerts::AlertFilter { endpoint: Some(endpoint.clone()), open: true };
        let open = self.store().read(|reader| alerts::list(reader, &filter, &PageRequest::first(1000)))?;
        for alert in open.items {
            let Some(about) = About::of(&alert.cause) else { continue };
            let span = seen_at_opening(&alert, known, monitor.every);
            let check = check(&self.labelled_since_training(context, endpoint, known, span)?, known.signature());
            let left = match &about {
                About::Class(class) => {
                    check.words.iter().find(|(word, _)| **word == **class).map_or(0, |(_, rows)| *rows)
                }
                About::Words => check.unknown,
            };
            if left < MIN_ROWS {
                let reason = match &about {
                    About::Class(class) => {
                        format!("labels no longer name {}: they were taken back or corrected", quoted(class))
                    }
                    About::Words => "the labels are in the words of the model again".to_owned(),
                };
                self.end_alert(context, &monitor.alert, &alert, &reason)?;
            }
        }
        Ok(())
    }
}

/// What an alert about labels names.
enum About {
    Class(String),
    Words,
}

impl About {
    fn of(cause: &str) -> Option<Self> {
        if let Some((_, class)) = cause.split_once(LABELS_OF) {
            return Some(Self::Class(class.to_owned()));
        }
        cause.ends_with(&format!("/{}", OTHER_WORDS.word())).then_some(Self::Words)
    }
}

/// The span of the labels that were seen when an alert was opened, and since.
fn seen_at_opening(alert: &Alert, known: &KnownClasses, every: Span) -> (Timestamp, Timestamp) {
    let end = known.windows.last().map_or(alert.opened, |window| window.end);
    let opened: Option<Timestamp> = serde_json::from_value(alert.detail["since"].clone()).ok();
    let windows = i64::try_from(known.windows.len()).unwrap_or(1);
    let reach = Span { count: every.count.saturating_mul(windows), unit: every.unit };
    let first = known.windows.first().map_or(alert.opened, |window| window.start);
    (opened.map_or(first, |opened| opened.before(reach).min(first)), end)
}

/// How the labels of rows fit the classes of a version; every label fits a number that is one.
fn check(answered: &LoggedPredictions, signature: &Signature) -> LabelCheck {
    let matcher = ClassMatcher::new(&signature.classes);
    let labels = answered.labels.iter().flatten();
    let unknown = labels.clone().filter(|label| !fits(&matcher, signature, label));
    LabelCheck::new(&signature.classes, labels.count(), unknown)
}

fn fits(matcher: &ClassMatcher, signature: &Signature, label: &str) -> bool {
    match signature.task {
        Task::Regression => label.trim().parse().is_ok_and(f64::is_finite),
        _ => matcher.class_of(label).is_some(),
    }
}

/// Whether labels that fit no class are no new classes, but words of another vocabulary: two classes have no third, and
/// where most labels fit none, it is not the classes that are new.
fn are_other_words(check: &LabelCheck, signature: &Signature) -> bool {
    check.unknown >= MIN_ROWS && (signature.task != Task::Multiclass || check.unknown_share() > MAX_NEW_SHARE)
}

/// Whether an alert is about labels that a model cannot answer either.
pub(super) fn is_unknown_to(alert: &Alert, signature: &Signature) -> bool {
    let matcher = ClassMatcher::new(&signature.classes);
    match About::of(&alert.cause) {
        Some(About::Class(class)) => !fits(&matcher, signature, &class),
        Some(About::Words) => {
            let words = alert.detail["columns"].as_array().map(Vec::as_slice).unwrap_or_default();
            words.iter().filter_map(|word| word.as_str()).any(|word| !fits(&matcher, signature, word))
        }
        None => false,
    }
}

/// Between an endpoint and the class in what an alert about a class is known by; no endpoint's name holds it.
const LABELS_OF: &str = "/labels:";

/// A breach for each unknown class, as the rule `unseen(LABEL) == 0` would say it; classes of too few rows wait.
fn breaches(check: &LabelCheck, signature: &Signature, version: u32, since: &str) -> Vec<(Arc<str>, RuleOutcome)> {
    let (label, labelled) = (signature.target.as_deref().unwrap_or("label"), check.labelled);
    let breach = |(class, rows): &(Arc<str>, usize)| {
        let text = format!(
            "{rows} of {} since {since} {} {}, which version {version} cannot answer: a new class is \
             learned by a retraining, another spelling is mended in the labels",
            counted(labelled, "label"),
            plural(*rows, "names", "name"),
            quoted(class)
        );
        let outcome = RuleOutcome {
            rule: format!("unseen({label}) == 0"),
            verdict: RuleVerdict::Failed,
            measured: Some(exact(*rows as f64, labelled)),
            part: Some(class.to_string()),
            limits: Limits { low: None, high: Some(0.0) },
            parts: vec![],
            text,
        };
        (class.clone(), outcome)
    };
    check.words.iter().filter(|(_, rows)| *rows >= MIN_ROWS).take(MAX_NAMED).map(breach).collect()
}

/// What is to be said of labels in other words, as the rule `unseen(LABEL) == 0` would say it.
fn other_words(check: &LabelCheck, known: &KnownClasses, since: &str, verdict: RuleVerdict) -> RuleOutcome {
    let label = known.signature().target.as_deref().unwrap_or("label");
    let effect = if check.is_beyond() { "nothing is measured on them" } else { "they are left out" };
    let text = format!(
        "since {since}, {}; {effect}, and no retraining of version {} mends it: write the labels in the words of the model",
        check.sentence(),
        known.version
    );
    let part = |(word, rows): &(Arc<str>, usize)| PartOutcome {
        name: word.to_string(),
        verdict: verdict.clone(),
        measurement: Some(exact(*rows as f64, check.labelled)),
    };
    RuleOutcome {
        rule: format!("unseen({label}) == 0"),
        measured: Some(exact(check.unknown as f64, check.labelled)),
        part: None,
        limits: Limits { low: None, high: Some(0.0) },
        parts: check.words.iter().take(MAX_NAMED).map(part).collect(),
        verdict,
        text,
    }
}

#[cfg(test)]
mod tests {
    use kilter_domain::alert::AlertState;

    use super::*;

    fn signature(classes: &[&str]) -> Signature {
        let classes = classes.iter().map(|class| (*class).to_owned()).collect();
        Signature { inputs: vec![], task: Task::Multiclass, classes, target: Some("queue".into()) }
    }

    fn alert(cause: &str, words: &[&str]) -> Alert {
        Alert {
            id: "a".into(),
            endpoint: "tickets".parse().unwrap(),
            cause: cause.to_owned(),
            monitor: MonitorKind::Data,
            state: AlertState::Firing { clean: 0 },
            opened: Timestamp(0),
            fired: None,
            acknowledged: None,
            resolved: None,
            audit_seq: 1,
            detail: serde_json::json!({ "columns": words }),
        }
    }

    fn labels(labels: &[&str]) -> LoggedPredictions {
        LoggedPredictions {
            labels: labels.iter().map(|label| Some(Arc::from(*label))).collect(),
            ..LoggedPredictions::default()
        }
    }

    #[test]
    fn a_new_class_is_named_with_its_rows_once_they_are_no_slip() {
        let known = signature(&["Windows", "Library"]);
        let few = labels(&["Windows", "macOS", "macOS", "macOS", "macOS"]);
        let breaches =
            |answered: &LoggedPredictions| super::breaches(&check(answered, &known), &known, 3, "2017-12-06");
        assert!(breaches(&few).is_empty());
        let enough = labels(&["Windows", "macOS", "macOS", "macOS", "macOS", "macOS", "Tools"]);
        let [(class, outcome)] = &breaches(&enough)[..] else { panic!("one class") };
        assert!(&**class == "macOS" && outcome.is_failed() && outcome.rule == "unseen(queue) == 0");
        assert!(outcome.text.starts_with("5 of 7 labels since 2017-12-06 name `macOS`, which version 3 cannot answer"));
    }

    #[test]
    fn an_alert_ends_with_a_version_that_knows_its_class_and_with_no_other() {
        let known = signature(&["Windows", "1"]);
        let is_unknown = |cause: &str, words: &[&str]| is_unknown_to(&alert(cause, words), &known);
        assert!(is_unknown("tickets/labels:macOS", &[]) && !is_unknown("tickets/labels:Windows", &[]));
        assert!(!is_unknown("tickets/labels:1.0", &[]) && !is_unknown("tickets/performance", &[]));
        assert!(is_unknown("tickets/label_words", &["low", "1"]) && !is_unknown("tickets/label_words", &[" 1"]));
    }

    #[test]
    fn a_class_that_is_written_otherwise_is_known() {
        assert_eq!(check(&labels(&["1", "true", "0", "1.0", " 0"]), &binary()).unknown, 0);
    }

    fn binary() -> Signature {
        Signature { task: Task::Binary, ..signature(&["0", "1"]) }
    }

    #[test]
    fn words_that_are_no_class_of_two_are_other_words_and_no_new_class() {
        let few = check(&labels(&["yes", "no", "no", "1"]), &binary());
        assert!(!are_other_words(&few, &binary()), "too few to speak of");
        let words = check(&labels(&["yes", "no", "no", "no", "no", "1"]), &binary());
        assert!(are_other_words(&words, &binary()));
    }

    #[test]
    fn of_several_classes_a_new_one_is_learned_and_another_vocabulary_is_not() {
        let known = signature(&["Windows", "Library"]);
        let new = ["Windows", "Library", "Windows", "Library", "Windows", "macOS", "macOS", "macOS", "macOS", "macOS"];
        assert!(!are_other_words(&check(&labels(&new), &known), &known));
        let coded = check(&labels(&["0", "1", "0", "1", "0", "1"]), &known);
        assert!(are_other_words(&coded, &known));
        let said = coded.sentence();
        assert_eq!(
            said,
            "not one of the 6 labels is a class of the model (`Windows`, `Library`); they read `0` (3), `1` (3)"
        );
    }
}
