//! Gates: a candidate is measured on rows it has not seen, beside the champion, and judged by the frozen rules.
//!
//! Invariants: judging is pure over what was measured; the evidence of a verdict holds every rule with its numbers.

use kilter_domain::{
    contract::GateSpec,
    gate::Verdict,
    model::GateResult,
    nonempty::NonEmpty,
    rule::{Champion as OfChampion, JudgeMode, Measured, Measurements, Rule, RuleOutcome, rounded},
};

use crate::event::EventMetrics;

/// Holds every gate of the contract against the measurements. A gate without rules says nothing and is left out.
pub fn judge(gates: &[GateSpec], measurements: &dyn Measurements) -> Vec<GateResult> {
    let verdict = |gate: &GateSpec| {
        let outcomes = gate.rules.iter().map(|rule| rule.judge(measurements, JudgeMode::Point)).collect();
        Some(GateResult { gate: gate.name.clone(), verdict: Verdict::of(NonEmpty::new(outcomes)?) })
    };
    gates.iter().filter_map(verdict).collect()
}

/// What the champion reaches on the same rows where a candidate failed a bound that is not about it: a floor may keep out
/// what is far better than what serves, and whoever reads the refusal should know.
pub fn beside_champion(gates: &[GateSpec], judged: &[GateResult], measurements: &dyn Measurements) -> Vec<String> {
    let failed = |rule: &Rule| {
        let text = rule.to_string();
        let of =
            |judged: &GateResult| judged.verdict.outcomes().any(|outcome| outcome.is_failed() && outcome.rule == text);
        !text.contains("champion.") && judged.iter().any(of)
    };
    let sentence = |rule: &Rule, measured: &Measured| match measured {
        Measured::Value(measurement) => {
            Some(format!("what serves reaches {} of {} on the same rows", rule.quantity, rounded(measurement.value)))
        }
        _ => None,
    };
    let rules = gates.iter().flat_map(|gate| &gate.rules);
    let champions = rules.filter(|rule| failed(rule)).filter_map(|rule| match measurements.champion(&rule.quantity) {
        OfChampion::Measured(measured) => Some((rule, measured)),
        OfChampion::None => None,
    });
    champions.filter_map(|(rule, measured)| sentence(rule, &measured)).collect()
}

/// The numbers behind verdicts, by the left side of each rule.
pub fn numbers(judged: &[GateResult]) -> EventMetrics {
    let mut numbers = EventMetrics::default();
    for outcome in judged.iter().flat_map(|judged| judged.verdict.outcomes()) {
        put_outcome(&mut numbers, outcome);
    }
    numbers
}

/// Adds value, interval and bound of a rule under the rule's own words.
pub fn put_outcome(numbers: &mut EventMetrics, outcome: &RuleOutcome) {
    let Some(measured) = &outcome.measured else { return };
    let mut name = subject(&outcome.rule);
    if outcome.rule.contains("champion.") {
        name.push_str("_difference");
    }
    numbers.put(format!("{name}_count"), measured.count as f64);
    if let Some((low, high)) = measured.interval {
        numbers.put(format!("{name}_low"), low);
        numbers.put(format!("{name}_high"), high);
    }
    if let Some(limit) = outcome.limits.low.or(outcome.limits.high) {
        numbers.put(format!("{name}_limit"), limit);
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
    use kilter_domain::{contract::Contract, rule::Quantity, time::Span};

    use super::*;
    use kilter_evaluation::column_stats::exact;

    #[test]
    fn the_subject_of_a_rule_is_its_left_side() {
        assert_eq!(subject("auc >= champion.auc - 0.002"), "auc");
        assert_eq!(subject("ratio(selected, gender) in 0.8..1.25"), "ratio(selected, gender)");
        assert_eq!(subject("unique(id)"), "unique(id)");
    }

    /// A candidate of 0.77 beside a champion of 0.6.
    struct Better;

    impl Measurements for Better {
        fn measure(&self, _: &Quantity, _: Option<Span>) -> Measured {
            Measured::Value(exact(0.77, 100))
        }

        fn champion(&self, _: &Quantity) -> OfChampion {
            OfChampion::Measured(Measured::Value(exact(0.6, 100)))
        }
    }

    #[test]
    fn a_floor_that_keeps_out_what_is_better_says_so() {
        let contract =
            Contract::parse("[gate.quality]\nrules = [\"auc >= 0.8\", \"auc >= champion.auc\", \"f1 >= 0.1\"]\n")
                .unwrap();
        let judged = judge(&contract.gates, &Better);
        let sentences = beside_champion(&contract.gates, &judged, &Better);
        assert_eq!(sentences, ["what serves reaches auc of 0.6 on the same rows"]);
    }
}
