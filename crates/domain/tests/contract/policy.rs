//! The policy of a contract: what gates and approvals ask, and nothing else.

use crate::{SAMPLE, parse};

#[test]
fn the_policy_is_the_same_however_the_file_is_laid_out() {
    let one = parse("[gate.b]\nrules = [\"auc>=0.80\"]\n[gate.a]\nrules = [\"rows >= 1_000\"]\n");
    let two = parse("# a comment\n[gate.a]\nrules = ['rows >= 1000']\n[gate.b]\nrules = [\"auc >= 0.8\"]\n[monitor]\n");
    assert_eq!(one.policy_text(), two.policy_text());
    assert_eq!(one.policy_digest(), two.policy_digest());
    let stricter = parse("[gate.a]\nrules = ['rows >= 1000']\n[gate.b]\nrules = [\"auc >= 0.81\"]\n");
    assert_ne!(one.policy_digest(), stricter.policy_digest());
}

#[test]
fn the_policy_of_the_sample_is_canonical_json() {
    let text = parse(SAMPLE).policy_text();
    let sorted: std::collections::BTreeMap<String, serde_json::Value> = serde_json::from_str(&text).unwrap();
    assert_eq!(serde_json::to_string(&sorted).unwrap(), text);
    assert!(text.contains(r#""rule":"1 of validator and 1 of owner""#), "{text}");
    assert!(text.contains(r#""auc >= champion.auc - 0.002""#), "{text}");
}
