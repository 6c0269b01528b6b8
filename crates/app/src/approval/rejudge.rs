//! A version is held against rules that were added since it was measured, over what was measured then.
//!
//! Invariants: a rule that was judged keeps its outcome; a new one is judged over the stored value of the same quantity, and is
//! undecided where there is none. Out of scope: measuring again ([`super::review`]).

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

/// The verdicts of the gates that a policy adds rules to, over what was measured; empty where every rule was judged.
pub(super) fn added_verdicts(policy: &Policy, judged: &[GateResult]) -> Vec<GateResult> {
    let by_gate: BTreeMap<&GateName, &Verdict> = judged.iter().map(|result| (&result.gate, &result.verdict)).collect();
    let stored = Stored { outcomes: judged.iter().flat_map(|result| result.verdict.outcomes()).collect() };
    let mut added = Vec::new();
    for (gate, wanted) in &policy.gates {
        let known: Vec<RuleOutcome> =
            by_gate.get(gate).map(|verdict| verdict.outcomes().cloned().collect()).unwrap_or_default();
        let is_new = |rule: &&Rule| known.iter().all(|outcome| outcome.rule != rule.to_string());
        let new: Vec<RuleOutcome> =
            wanted.rules.iter().filter(is_new).map(|rule| rule.judge(&stored, JudgeMode::Point)).collect();
        if new.is_empty() {
            continue;
        }
        let outcomes = NonEmpty::new(known.into_iter().chain(new).collect());
        added.extend(outcomes.map(|outcomes| GateResult { gate: gate.clone(), verdict: Verdict::of(outcomes) }));
    }
    added
}

#[cfg(test)]
mod tests {
    use kilter_domain::contract::Contract;
    use kilter_evaluation::column_stats::exact;

    use super::*;

    /// The verdict of a version whose auc is 0.84, held against other rules.
    fn rejudged(rules: &str) -> Vec<String> {
        let outcome = RuleOutcome {
            measured: Some(exact(0.84, 100)),
            ..RuleOutcome::new(
                "auc >= 0.8",
                MetricId::named("auc"),
                kilter_domain::rule::RuleVerdict::Passed,
                "auc is 0.84",
            )
        };
        let verdict = Verdict::of(NonEmpty::new(vec![outcome]).unwrap());
        let judged = [GateResult { gate: "quality".parse().unwrap(), verdict }];
        let policy = Contract::parse(&format!("[gate.quality]\nrules = [{rules}]\n")).unwrap().policy();
        added_verdicts(&policy, &judged).iter().map(|result| result.verdict.as_str().to_owned()).collect()
    }

    #[test]
    fn a_stricter_bound_is_held_against_the_value_that_was_measured() {
        assert_eq!(rejudged("\"auc >= 0.8\""), [""; 0]);
        assert_eq!(rejudged("\"auc >= 0.82\""), ["passed"]);
        assert_eq!(rejudged("\"auc >= 0.9\""), ["failed"]);
        assert_eq!(rejudged("\"ece <= 0.1\""), ["undecided"], "what was not measured is never a pass");
        assert_eq!(rejudged("\"auc >= champion.auc\""), ["undecided"]);
    }
}
