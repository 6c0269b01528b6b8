//! The verdict of a gate from the outcomes of its rules.

use crate::*;

pub(crate) fn outcome(verdict: RuleVerdict, text: &str) -> RuleOutcome {
    RuleOutcome::new("auc >= 0.8", MetricId::named("auc"), verdict, text)
}

pub(crate) fn undecided() -> RuleVerdict {
    RuleVerdict::Undecided(Undecided::NotMeasured(NotMeasured { missing: "labels".into(), how: "send them".into() }))
}

pub(crate) fn verdict(outcomes: &[(RuleVerdict, &str)]) -> Verdict {
    let outcomes = outcomes.iter().map(|(verdict, text)| outcome(verdict.clone(), text)).collect();
    Verdict::of(NonEmpty::new(outcomes).unwrap())
}

#[test]
fn a_failed_rule_fails_the_gate_and_an_undecided_one_blocks_it() {
    let (passed, failed) = (RuleVerdict::Passed, RuleVerdict::Failed);
    let all = [(passed.clone(), "p"), (undecided(), "u"), (failed, "f")];
    let failed = verdict(&all);
    assert_eq!((failed.as_str(), failed.reasons(), failed.outcomes().count()), ("failed", vec!["f"], 3));
    let blocked = verdict(&all[..2]);
    assert_eq!((blocked.as_str(), blocked.reasons(), blocked.is_passed()), ("undecided", vec!["u"], false));
    let clean = verdict(&all[..1]);
    assert!(clean.is_passed() && clean.reasons() == ["p"]);
    let json = serde_json::to_string(&blocked).unwrap();
    assert_eq!(serde_json::from_str::<Verdict>(&json).unwrap(), blocked, "{json}");
    let hollow = r#"{"outcome":"passed","measured":[]}"#;
    assert!(serde_json::from_str::<Verdict>(hollow).is_err(), "a pass without evidence cannot be read");
}
