//! Gates: a candidate is measured on rows it has not seen, beside the champion, and judged by the frozen rules.
//!
//! Invariants: judging is pure over what was measured; the evidence of a verdict holds every rule with its numbers.

use kilter_domain::{
    contract::GateSpec,
    event::EventMetrics,
    gate::Verdict,
    model::GateResult,
    nonempty::NonEmpty,
    rule::{Champion as OfChampion, JudgeMode, Measured, Measurements, Rule, RuleOutcome, rounded},
};

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
        let is_floor = |outcome: &RuleOutcome| outcome.is_failed() && !outcome.is_relative && outcome.rule == text;
        judged.iter().any(|judged| judged.verdict.outcomes().any(is_floor))
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

/// The metrics behind verdicts, by their names.
pub fn metrics_of(judged: &[GateResult]) -> EventMetrics {
    let mut metrics = EventMetrics::default();
    for outcome in judged.iter().flat_map(|judged| judged.verdict.outcomes()) {
        metrics.put_outcome(outcome);
    }
    metrics
}

#[cfg(test)]
mod tests {
    use kilter_domain::{contract::Contract, rule::Quantity, time::Span};

    use super::*;
    use kilter_evaluation::column_stats::exact;

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
