//! A version is held against rules that were added since it was measured, over what was measured then.
//!
//! Invariants: a rule that was judged keeps its outcome; a new one is judged over the stored value of the same quantity on the
//! rows of its gate, and is undecided where there is none. So is one whose gate is about other rows now. Out of scope: measuring
//! again ([`super::review`]).

use std::collections::BTreeMap;

use kilter_domain::{
    contract::Policy,
    gate::Verdict,
    ids::GateName,
    model::GateResult,
    nonempty::NonEmpty,
    rule::{
        Champion, JudgeMode, MAX_PARTS, Measured, Measurements, MetricId, NotMeasured, Part, Quantity, Rule,
        RuleOutcome,
    },
    time::Span,
};

/// Everything that gates measured of a version.
struct Stored<'o> {
    outcomes: Vec<&'o RuleOutcome>,
}

impl Measurements for Stored<'_> {
    fn measure(&self, quantity: &Quantity, over: Option<Span>) -> Measured {
        let wanted = MetricId::from(quantity.clone());
        let is_same = |outcome: &&&RuleOutcome| !outcome.is_relative && outcome.metric == wanted && over.is_none();
        let found = self.outcomes.iter().filter(is_same).find_map(|outcome| measured(outcome));
        found.unwrap_or_else(|| nothing(quantity))
    }

    fn champion(&self, quantity: &Quantity) -> Champion {
        Champion::Measured(nothing(quantity))
    }
}

fn nothing(quantity: &Quantity) -> Measured {
    Measured::Nothing(NotMeasured {
        missing: format!("{quantity} was not measured when the version was made"),
        how: "make a new version with `kilter run --force`".to_owned(),
    })
}

fn measured(outcome: &RuleOutcome) -> Option<Measured> {
    match outcome.parts.len() {
        0 => outcome.measured.clone().map(Measured::Value),
        // Not all of them were kept.
        MAX_PARTS => None,
        _ => {
            let part = |(name, measurement)| Part { name, measurement };
            let parts = outcome.parts.iter().map(|part| Some((part.name.clone(), part.measurement.clone()?)));
            Some(Measured::Each(parts.collect::<Option<Vec<_>>>()?.into_iter().map(part).collect()))
        }
    }
}

/// The verdicts of the gates to which the policy in force adds rules, or whose rows it changes, over what was measured by the
/// frozen one; empty where every rule was judged on the rows that it is about.
pub(super) fn added_verdicts(frozen: &Policy, in_force: &Policy, judged: &[GateResult]) -> Vec<GateResult> {
    let by_gate: BTreeMap<&GateName, &Verdict> = judged.iter().map(|result| (&result.gate, &result.verdict)).collect();
    let mut added = Vec::new();
    for (gate, wanted) in &frozen.stricter(in_force).gates {
        let now = in_force.gates.get(gate);
        let dataset = now.map_or(&wanted.dataset, |gate| &gate.dataset);
        let has_other_rows = frozen.gates.get(gate).is_some_and(|then| then.dataset != *dataset);
        let is_of_other_rows = |rule: &Rule| has_other_rows && now.is_some_and(|gate| gate.rules.contains(rule));
        let known: Vec<&RuleOutcome> =
            by_gate.get(gate).map(|verdict| verdict.outcomes().collect()).unwrap_or_default();
        let is_new =
            |rule: &&Rule| is_of_other_rows(rule) || known.iter().all(|outcome| outcome.rule != rule.to_string());
        let stored = Stored { outcomes: measured_on(dataset.as_ref(), frozen, &by_gate) };
        let new: Vec<RuleOutcome> =
            wanted.rules.iter().filter(is_new).map(|rule| rule.judge(&stored, JudgeMode::Point)).collect();
        if new.is_empty() {
            continue;
        }
        let is_kept = |outcome: &&&RuleOutcome| new.iter().all(|new| new.rule != outcome.rule);
        let kept: Vec<RuleOutcome> = known.iter().filter(is_kept).map(|outcome| (*outcome).clone()).collect();
        let verdict = NonEmpty::new(kept.into_iter().chain(new).collect()).map(Verdict::of);
        // A gate whose rows changed is judged by each look, and written once.
        let verdict = verdict.filter(|verdict| by_gate.get(gate) != Some(&verdict));
        added.extend(verdict.map(|verdict| GateResult { gate: gate.clone(), verdict }));
    }
    added
}

/// What the gates of a policy measured that are about these rows.
fn measured_on<'o>(
    dataset: Option<&String>,
    policy: &Policy,
    by_gate: &BTreeMap<&GateName, &'o Verdict>,
) -> Vec<&'o RuleOutcome> {
    let of_rows = policy.gates.iter().filter(|(_, gate)| gate.dataset.as_ref() == dataset);
    of_rows.filter_map(|(name, _)| by_gate.get(name)).flat_map(|verdict| verdict.outcomes()).collect()
}

#[cfg(test)]
mod tests {
    use kilter_domain::contract::Contract;
    use kilter_evaluation::column_stats::exact;

    use super::*;

    fn outcome(rule: &str, metric: &str, value: f64) -> RuleOutcome {
        let verdict = kilter_domain::rule::RuleVerdict::Passed;
        RuleOutcome {
            measured: Some(exact(value, 100)),
            ..RuleOutcome::new(rule, MetricId::named(metric), verdict, format!("{metric} is {value}"))
        }
    }

    fn passed(gate: &str, outcomes: Vec<RuleOutcome>) -> GateResult {
        GateResult { gate: gate.parse().unwrap(), verdict: Verdict::of(NonEmpty::new(outcomes).unwrap()) }
    }

    fn policy(text: &str) -> Policy {
        Contract::parse(text).unwrap().policy()
    }

    /// The verdict of a version whose auc is 0.84, held against other rules.
    fn rejudged(rules: &str) -> Vec<String> {
        let judged = [passed("quality", vec![outcome("auc >= 0.8", "auc", 0.84)])];
        let frozen = policy("[gate.quality]\nrules = [\"auc >= 0.8\"]\n");
        let in_force = policy(&format!("[gate.quality]\nrules = [{rules}]\n"));
        added_verdicts(&frozen, &in_force, &judged).iter().map(|result| result.verdict.as_str().to_owned()).collect()
    }

    #[test]
    fn a_stricter_bound_is_held_against_the_value_that_was_measured() {
        assert_eq!(rejudged("\"auc >= 0.8\""), [""; 0]);
        assert_eq!(rejudged("\"auc >= 0.82\""), ["passed"]);
        assert_eq!(rejudged("\"auc >= 0.9\""), ["failed"]);
        assert_eq!(rejudged("\"ece <= 0.1\""), ["undecided"], "what was not measured is never a pass");
        assert_eq!(rejudged("\"auc >= champion.auc\""), ["undecided"]);
    }

    const TWO_GATES: &str = "[step.split]\nrun = \"split {out.test} {out.recent}\"\nout = { test = \"test.csv\", recent = \"recent.csv\" }\n\
        [gate.quality]\ndataset = \"split.test\"\nrules = [\"auc >= 0.8\"]\n\
        [gate.season]\ndataset = \"split.recent\"\nrules = [\"ece <= 0.2\"]\n";

    /// The gates that are judged anew where `from` of two gates is `to` now, each with its verdict.
    fn changed(from: &str, to: &str) -> Vec<String> {
        let judged = [
            passed("quality", vec![outcome("auc >= 0.8", "auc", 0.84)]),
            passed("season", vec![outcome("ece <= 0.2", "ece", 0.05)]),
        ];
        assert!(TWO_GATES.contains(from), "{from}");
        let (frozen, in_force) = (policy(TWO_GATES), policy(&TWO_GATES.replace(from, to)));
        let added = added_verdicts(&frozen, &in_force, &judged);
        // What was found is written once.
        let found = |result: &GateResult| {
            let written = added.iter().find(|added| added.gate == result.gate);
            written.unwrap_or(result).clone()
        };
        let after: Vec<GateResult> = judged.iter().map(found).chain(added.iter().cloned()).collect();
        assert_eq!(added_verdicts(&frozen, &in_force, &after), [], "{to}");
        added.iter().map(|result| format!("{} {}", result.gate, result.verdict.as_str())).collect()
    }

    #[test]
    fn a_rule_is_held_against_the_rows_of_its_gate_alone() {
        // The other gate measured it, on other rows.
        assert_eq!(changed("\"ece <= 0.2\"", "\"ece <= 0.2\", \"auc >= 0.8\""), ["season undecided"]);
        // Another gate of the same rows measured it.
        let third = "[gate.more]\ndataset = \"split.test\"\nrules = [\"auc >= 0.82\"]\n[gate.season]";
        assert_eq!(changed("[gate.season]", third), ["more passed"]);
        let third = "[gate.more]\ndataset = \"split.recent\"\nrules = [\"auc >= 0.82\"]\n[gate.season]";
        assert_eq!(changed("[gate.season]", third), ["more undecided"]);
    }

    #[test]
    fn a_gate_that_is_about_other_rows_now_is_undecided_until_they_are_measured() {
        assert_eq!(changed("split.recent", "split.test"), ["season undecided"]);
        assert_eq!(changed("dataset = \"split.recent\"\n", ""), ["season undecided"]);
    }
}
