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
    alert::AlertTopic,
    plural::{counted, plural},
    rule::{Arg, Function, Limits, MetricId, PartOutcome, Quantity, RuleOutcome, RuleVerdict},
    time::{Interval, Span, Timestamp},
};
use kilter_evaluation::{
    column_stats::exact,
    labelled_predictions::{ClassMatcher, LabelCheck, quoted},
};
use kilter_inference::{Signature, Task};
use kilter_package::Package;
use kilter_store::{
    PageRequest,
    monitor::{alert as alerts, alert::Alert},
};

use crate::{
    alert::lifecycle::WindowResult,
    monitor::endpoint_monitor::EndpointMonitor,
    monitor::error::MonitorError,
    prediction::{
        logged::{self, Label, LoggedPredictions, PredictionFilter},
        window_sample::{self, WindowQuery},
    },
};

/// Rows of unknown classes below which they may be slips of the pen.
const MIN_ROWS: usize = 5;
/// Classes that get an alert at most, those of most rows: a label that names hundreds is broken in another way.
const MAX_NAMED: usize = 20;
/// The share of unknown labels up to which each of several classes may be a new one. Beyond it, most labels are in other
/// words than those of the model, whatever each of them means.
const MAX_NEW_SHARE: f64 = 0.5;

/// What a version can answer, and the windows since the rows that it was trained on, oldest first.
pub(super) struct KnownClasses<'a> {
    pub at: &'a EndpointMonitor<'a>,
    pub package: Arc<Package>,
    pub version: u32,
    pub windows: Vec<Interval>,
}

impl KnownClasses<'_> {
    fn signature(&self) -> &Signature {
        &self.package.manifest.signature
    }

    /// Raises alerts about labels that name no class of the version, and ends those whose labels were taken back.
    pub fn check_labels(&self) -> Result<(), MonitorError> {
        let (Some(first), Some(&window)) = (self.windows.first(), self.windows.last()) else { return Ok(()) };
        let answered = self.labelled_since_training((first.start, window.end))?;
        let since = answered.rows.events.iter().min().copied().unwrap_or(first.start).civil().date().to_string();
        let check = answered.check(self.signature());
        if are_other_words(&check, self.signature()) {
            self.check_other_words(&answered, &since)?;
        } else {
            for (class, breach) in breaches(&check, self.signature(), self.version, &since) {
                let (topic, outcomes) = (AlertTopic::UnknownClass(class.to_string()), [breach]);
                self.at.alerts().update(WindowResult::unexplained(&topic, window, &outcomes))?;
            }
        }
        self.resolve_taken_back()
    }

    /// The labels of a span, since the rows that the version was trained on. Where there are more rows than are held at once, those
    /// that the version does not know go before all others.
    fn labelled_since_training(&self, (start, end): (Timestamp, Timestamp)) -> Result<KnownLabels, MonitorError> {
        let (at, matcher) = (self.at, ClassMatcher::new(&self.signature().classes));
        let start = match self.package.manifest.trained_through {
            Some(through) => start.max(Timestamp(through.millis().saturating_add(1))),
            None => start,
        };
        if start >= end {
            return Ok(KnownLabels::default());
        }
        let (who, as_of, task) = (PredictionFilter::Answers, at.context.at, self.signature().task);
        if !window_sample::may_exceed_bound(at.app, at.endpoint, (start, end))? {
            let answered = logged::logged_labels(at.app, at.endpoint, who, (start, end), as_of)?;
            return Ok(KnownLabels::of(answered.filter(|row| answered.labels[row].is_some()), self.signature()));
        }
        let (window, endpoint) = (Interval { start, end }, at.endpoint);
        let is_unknown = |label: &Label| !label.fits(task, &matcher);
        let searched = Some(&is_unknown as &dyn Fn(&Label) -> bool);
        let query =
            WindowQuery { endpoint, who, versions: None, window, as_of, reference: None, searched, groups: (&[], 0) };
        let sample = window_sample::read_window(at.app, query)?;
        let rows = sample.labelled.filter(|row| sample.labelled.labels[row].is_some());
        let known = KnownLabels::of(rows, self.signature());
        Ok(match &sample.totals {
            Some(totals) => KnownLabels {
                labelled: usize::try_from(sample.labelled_count()).unwrap_or(usize::MAX),
                ..known.with_unknown(&sample.searched, totals.searched_weight(), &is_unknown)
            },
            None => known,
        })
    }

    /// The alert on labels in other words: it breaches with the newest window that has some, and windows after that whose
    /// labels fit speak for its end.
    fn check_other_words(&self, answered: &KnownLabels, since: &str) -> Result<(), MonitorError> {
        let newest = answered.newest_unknown;
        let window_of = |event: Timestamp| self.windows.iter().rev().find(|window| window.contains(event));
        let Some(breached) = newest.and_then(window_of) else { return Ok(()) };
        let update = |window: Interval, labels: &KnownLabels, verdict: RuleVerdict| {
            let outcomes = [other_words(&labels.check(self.signature()), self, since, verdict)];
            let result = WindowResult::unexplained(&AlertTopic::UnknownLabels, window, &outcomes);
            self.at.alerts().update(result).map(drop)
        };
        update(*breached, answered, RuleVerdict::Failed)?;
        let rows = &answered.rows;
        let after = KnownLabels::of(rows.filter(|row| rows.events[row] >= breached.end), self.signature());
        let newest = after.rows.events.iter().max().and_then(|event| window_of(*event));
        if let Some(window) = newest.filter(|_| after.labelled >= MIN_ROWS) {
            update(*window, &after, RuleVerdict::Passed)?;
        }
        Ok(())
    }

    /// Ends the alerts about labels of which fewer are left than open one: they were taken back or corrected. The rows are
    /// those that could be seen when the alert was opened, so that what is merely old ends none.
    fn resolve_taken_back(&self) -> Result<(), MonitorError> {
        let at = self.at;
        let filter = alerts::AlertFilter { endpoint: Some(at.endpoint.clone()), open: true };
        let open = at.app.store().read(|reader| alerts::list(reader, &filter, &PageRequest::first(1000)))?;
        for alert in open.items {
            if !is_about_labels(&alert.key.topic) {
                continue;
            }
            let span = seen_at_opening(&alert, self, at.monitor.every);
            let check = self.labelled_since_training(span)?.check(self.signature());
            let (left, reason) = match &alert.key.topic {
                AlertTopic::UnknownClass(class) => (
                    check.words.iter().find(|(word, _)| **word == **class).map_or(0, |(_, rows)| *rows),
                    format!("labels no longer name {}: they were taken back or corrected", quoted(class)),
                ),
                _ => (check.unknown, "the labels are in the words of the model again".to_owned()),
            };
            if left < MIN_ROWS {
                at.alerts().resolve(&alert, &reason)?;
            }
        }
        Ok(())
    }
}

/// Whether an alert is about what labels name.
const fn is_about_labels(topic: &AlertTopic) -> bool {
    matches!(topic, AlertTopic::UnknownClass(_) | AlertTopic::UnknownLabels)
}

/// The span of the labels that were seen when an alert was opened, and since.
fn seen_at_opening(alert: &Alert, known: &KnownClasses, every: Span) -> (Timestamp, Timestamp) {
    let end = known.windows.last().map_or(alert.opened, |window| window.end);
    let windows = i64::try_from(known.windows.len()).unwrap_or(1);
    let reach = Span { count: every.count.saturating_mul(windows), unit: every.unit };
    let first = known.windows.first().map_or(alert.opened, |window| window.start);
    (alert.detail.since.before(reach).min(first), end)
}

/// The labels of a span, and those among them that name no class of a version.
#[derive(Default)]
struct KnownLabels {
    /// How many labels there are.
    labelled: usize,
    /// Rows with a label, or an even share of them.
    rows: LoggedPredictions,
    /// What the labels name that name no class, each word once for each row.
    unknown: Vec<Arc<str>>,
    /// When the last row with such a label happened.
    newest_unknown: Option<Timestamp>,
}

impl KnownLabels {
    /// Of rows that are all there are.
    fn of(rows: LoggedPredictions, signature: &Signature) -> Self {
        let matcher = ClassMatcher::new(&signature.classes);
        let known = Self { labelled: rows.labelled(), ..Self::default() };
        Self { rows: rows.clone(), ..known.with_unknown(&rows, 1, &|label| !label.fits(signature.task, &matcher)) }
    }

    /// The same with what these rows name that is unknown; each row stands for so many.
    fn with_unknown(self, rows: &LoggedPredictions, times: usize, is_unknown: &dyn Fn(&Label) -> bool) -> Self {
        let (mut unknown, mut newest_unknown) = (Vec::new(), None);
        for (row, label) in rows.labels.iter().enumerate() {
            if let Some(label) = label.as_ref().filter(|label| is_unknown(label)) {
                unknown.extend(std::iter::repeat_n(label.text(), times));
                newest_unknown = newest_unknown.max(rows.events.get(row).copied());
            }
        }
        Self { unknown, newest_unknown, ..self }
    }

    /// How they fit the classes of a version; every label fits a number that is one.
    fn check(&self, signature: &Signature) -> LabelCheck {
        LabelCheck::new(&signature.classes, self.labelled, self.unknown.iter())
    }
}

/// Whether labels that fit no class are no new classes, but words of another vocabulary: two classes have no third, and
/// where most labels fit none, it is not the classes that are new.
fn are_other_words(check: &LabelCheck, signature: &Signature) -> bool {
    check.unknown >= MIN_ROWS && (signature.task != Task::Multiclass || check.unknown_share() > MAX_NEW_SHARE)
}

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
            measured: Some(exact(*rows as f64, labelled)),
            part: Some(class.to_string()),
            ..unseen(label, RuleVerdict::Failed, text)
        };
        (class.clone(), outcome)
    };
    check.words.iter().filter(|(_, rows)| *rows >= MIN_ROWS).take(MAX_NAMED).map(breach).collect()
}

/// The outcome of the rule `unseen(LABEL) == 0` on labels in other words.
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
    let parts = check.words.iter().take(MAX_NAMED).map(part).collect();
    let measured = Some(exact(check.unknown as f64, check.labelled));
    RuleOutcome { measured, parts, ..unseen(label, verdict, text) }
}

/// What came of the rule that every label is a known class, as `unseen(LABEL) == 0` would say it.
fn unseen(label: &str, verdict: RuleVerdict, text: String) -> RuleOutcome {
    let args = vec![Arg::Name(label.to_owned())];
    let metric = MetricId::Quantity(Quantity::Call { function: Function::Unseen, args, condition: None });
    let limits = Limits { low: None, high: Some(0.0) };
    RuleOutcome { limits, ..RuleOutcome::new(format!("unseen({label}) == 0"), metric, verdict, text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(answered: &LoggedPredictions, signature: &Signature) -> LabelCheck {
        KnownLabels::of(answered.clone(), signature).check(signature)
    }

    fn signature(classes: &[&str]) -> Signature {
        let classes = classes.iter().map(|class| (*class).to_owned()).collect();
        Signature { inputs: vec![], task: Task::Multiclass, classes, target: Some("queue".into()) }
    }

    fn labels(labels: &[&str]) -> LoggedPredictions {
        LoggedPredictions {
            labels: labels.iter().map(|label| Some(Label::Text(Arc::from(*label)))).collect(),
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
        let sentence = coded.sentence();
        assert_eq!(
            sentence,
            "not one of the 6 labels is a class of the model (`Windows`, `Library`); they read `0` (3), `1` (3)"
        );
    }
}
