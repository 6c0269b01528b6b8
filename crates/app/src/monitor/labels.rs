//! Labels that name a class which the model cannot answer: a new queue, a new kind of fault.
//!
//! Holds true: such labels are counted as wrong answers by every metric, and named here, because no metric says why. They
//! count since the rows that the live version was trained on, whoever answered: a version that takes over without having
//! learned a class changes nothing about it.

use std::{collections::BTreeMap, sync::Arc};

use kilter_domain::{
    alert::MonitorKind,
    contract::Monitor,
    ids::EndpointName,
    rule::{Limits, RuleOutcome, RuleVerdict},
};
use kilter_inference::{Signature, Task};

use super::{
    Subject, Window,
    alerts::{Basis, Finding},
};
use crate::{
    App,
    error::AppError,
    ledger::Act,
    measure::columns::exact,
    outcomes::same_class,
    package::Package,
    prediction::{Answered, Who},
};

/// Rows of unknown classes below which they may be slips of the pen.
const LEAST_ROWS: usize = 5;
/// Classes that get an alert at most, those of most rows: a label that names hundreds is broken in another way.
const MOST_NAMED: usize = 20;

/// What a version can answer, and the windows since the rows that it was trained on, oldest first.
pub(super) struct KnownClasses {
    pub package: Arc<Package>,
    pub version: u32,
    pub windows: Vec<Window>,
}

impl App {
    /// Raises an alert for each class that labels name and the version does not know. Windows without such labels say
    /// nothing against it: the class is there, and the alert ends with a version that has learned it.
    pub(super) fn see_classes(
        &self,
        act: &Act,
        endpoint: &EndpointName,
        monitor: &Monitor,
        known: &KnownClasses,
    ) -> Result<(), AppError> {
        let signature = &known.package.manifest.signature;
        let (Some(first), Some(&window)) = (known.windows.first(), known.windows.last()) else { return Ok(()) };
        if signature.task == Task::Regression {
            return Ok(());
        }
        let through = known.package.manifest.trained_through;
        let answered = self.answered(endpoint, Who::Answers, (first.start, window.end), act.at)?;
        let answered = answered.filter(|row| through.is_none_or(|through| answered.events[row] > through));
        let since = answered.events.iter().min().copied().unwrap_or(first.start).civil().date().to_string();
        let subject = Subject { kind: MonitorKind::Data, basis: Basis::Labels };
        for (class, breach) in breaches(&answered, signature, known.version, &since) {
            let outcomes = [breach];
            let finding = Finding { subject, about: Some(&class), window, outcomes: &outcomes, explain: &|| None };
            self.alert(act, endpoint, monitor, finding)?;
        }
        Ok(())
    }
}

/// Whether an alert is about a class that a model cannot answer.
pub(super) fn is_unknown_to(cause: &str, signature: &Signature) -> bool {
    let class = cause.split_once(LABELS_OF).map(|(_, class)| class);
    class.is_some_and(|class| !signature.classes.iter().any(|known| same_class(known, class)))
}

/// Between an endpoint and the class in what an alert about a class is known by; no endpoint's name holds it.
const LABELS_OF: &str = "/labels:";

/// How many labels name each class that the model does not know, most first; nothing for a regression.
pub(super) fn unknown(answered: &Answered, signature: &Signature) -> Vec<(Arc<str>, usize)> {
    if signature.task == Task::Regression {
        return vec![];
    }
    let mut counts: BTreeMap<&Arc<str>, usize> = BTreeMap::new();
    answered.labels.iter().flatten().for_each(|label| *counts.entry(label).or_default() += 1);
    let is_unknown = |label: &str| !signature.classes.iter().any(|class| same_class(class, label));
    let mut found: Vec<(Arc<str>, usize)> = counts
        .into_iter()
        .filter(|(label, _)| is_unknown(label))
        .map(|(label, count)| (label.clone(), count))
        .collect();
    found.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    found
}

/// A breach for each unknown class, as the rule `unseen(LABEL) == 0` would say it; classes of too few rows wait.
pub(super) fn breaches(
    answered: &Answered,
    signature: &Signature,
    version: u32,
    since: &str,
) -> Vec<(Arc<str>, RuleOutcome)> {
    let (label, labelled) = (signature.target.as_deref().unwrap_or("label"), answered.labelled());
    let breach = |(class, rows): (Arc<str>, usize)| {
        let text = format!(
            "{rows} of {labelled} labels since {since} name `{class}`, which version {version} cannot answer; only a \
             retraining can learn it"
        );
        let outcome = RuleOutcome {
            rule: format!("unseen({label}) == 0"),
            verdict: RuleVerdict::Failed,
            measured: Some(exact(rows as f64, labelled)),
            part: Some(class.to_string()),
            limits: Limits { low: None, high: Some(0.0) },
            parts: vec![],
            text,
        };
        (class, outcome)
    };
    let known = unknown(answered, signature).into_iter();
    known.filter(|(_, rows)| *rows >= LEAST_ROWS).take(MOST_NAMED).map(breach).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signature(classes: &[&str]) -> Signature {
        let classes = classes.iter().map(|class| (*class).to_owned()).collect();
        Signature { inputs: vec![], task: Task::Multiclass, classes, target: Some("queue".into()) }
    }

    fn labels(labels: &[&str]) -> Answered {
        Answered { labels: labels.iter().map(|label| Some(Arc::from(*label))).collect(), ..Answered::default() }
    }

    #[test]
    fn a_new_class_is_named_with_its_rows_once_they_are_no_slip() {
        let known = signature(&["Windows", "Library"]);
        let few = labels(&["Windows", "macOS", "macOS", "macOS", "macOS"]);
        assert!(breaches(&few, &known, 3, "2017-12-06").is_empty());
        let enough = labels(&["Windows", "macOS", "macOS", "macOS", "macOS", "macOS", "Tools"]);
        let [(class, outcome)] = &breaches(&enough, &known, 3, "2017-12-06")[..] else { panic!("one class") };
        assert!(&**class == "macOS" && outcome.is_failed() && outcome.rule == "unseen(queue) == 0");
        assert!(outcome.text.starts_with("5 of 7 labels since 2017-12-06 name `macOS`, which version 3 cannot answer"));
    }

    #[test]
    fn an_alert_ends_with_a_version_that_knows_its_class_and_with_no_other() {
        let known = signature(&["Windows", "1"]);
        assert!(is_unknown_to("tickets/labels:macOS", &known) && !is_unknown_to("tickets/labels:Windows", &known));
        assert!(!is_unknown_to("tickets/labels:true", &known) && !is_unknown_to("tickets/performance", &known));
    }

    #[test]
    fn a_class_that_is_written_otherwise_is_known() {
        assert!(unknown(&labels(&["1", "true", "0"]), &signature(&["0", "1"])).is_empty());
    }
}
