//! Gates: a candidate is measured on rows it has not seen, beside the champion, and judged by the frozen rules.
//!
//! Holds true: judging is pure over what was measured; the evidence of a verdict holds every rule with its numbers.

mod bench;
mod data;
mod notes;

use kilter_domain::{
    contract::GateSpec,
    gate::Verdict,
    ids::GateName,
    nonempty::NonEmpty,
    rule::{JudgeMode, Measurements, RuleOutcome},
};

pub use bench::{Bench, Champion, group_columns};
pub(crate) use data::numbers as data_numbers;
pub(crate) use notes::{Look, Notes};

use crate::decision::Numbers;

/// What each gate came to.
#[derive(Clone, Debug)]
pub struct Judged {
    pub gate: GateName,
    pub verdict: Verdict,
}

/// Holds every gate of the contract against the measurements. A gate without rules says nothing and is left out.
pub fn judge(gates: &[GateSpec], measurements: &dyn Measurements) -> Vec<Judged> {
    let verdict = |gate: &GateSpec| {
        let outcomes = gate.rules.iter().map(|rule| rule.judge(measurements, JudgeMode::Point)).collect();
        Some(Judged { gate: gate.name.clone(), verdict: Verdict::of(NonEmpty::new(outcomes)?) })
    };
    gates.iter().filter_map(verdict).collect()
}

/// The numbers behind verdicts, by the left side of each rule.
pub fn numbers(judged: &[Judged]) -> Numbers {
    let mut numbers = Numbers::default();
    for outcome in judged.iter().flat_map(|judged| judged.verdict.outcomes()) {
        put_outcome(&mut numbers, outcome);
    }
    numbers
}

/// Adds value, interval and bound of a rule under the rule's own words.
pub fn put_outcome(numbers: &mut Numbers, outcome: &RuleOutcome) {
    let Some(measured) = &outcome.measured else { return };
    let mut name = subject(&outcome.rule);
    if outcome.rule.contains("champion.") {
        name.push_str(" minus champion");
    }
    numbers.put(format!("{name} count"), measured.count as f64);
    if let Some((low, high)) = measured.interval {
        numbers.put(format!("{name} low"), low);
        numbers.put(format!("{name} high"), high);
    }
    if let Some(limit) = outcome.limits.low.or(outcome.limits.high) {
        numbers.put(format!("{name} limit"), limit);
    }
    numbers.put(name, measured.value);
}

/// What a rule is about: everything before its comparison.
pub fn subject(rule: &str) -> String {
    let end = [" >", " <", " =", " !", " in "].iter().filter_map(|mark| rule.find(mark)).min();
    rule[..end.unwrap_or(rule.len())].trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_subject_of_a_rule_is_its_left_side() {
        assert_eq!(subject("auc >= champion.auc - 0.002"), "auc");
        assert_eq!(subject("ratio(selected, gender) in 0.8..1.25"), "ratio(selected, gender)");
        assert_eq!(subject("unique(id)"), "unique(id)");
    }
}
