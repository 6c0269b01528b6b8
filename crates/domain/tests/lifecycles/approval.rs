//! Approval rules: whose yes counts.

use crate::*;

#[test]
fn an_approval_rule_counts_each_person_once() {
    let rule: ApprovalRule = "2 of validator and owner".parse().unwrap();
    let yes = |name: &str, role| Signoff { by: user(name), role };
    assert_eq!(rule.missing(&[]), ["the yes of 2 more validator", "the yes of 1 more owner"]);
    let twice = [yes("ana", Role::Validator), yes("ana", Role::Validator), yes("ana", Role::Owner)];
    assert_eq!(rule.missing(&twice), ["the yes of 1 more validator", "the yes of 1 more owner"]);
    let enough = [yes("ana", Role::Validator), yes("ben", Role::Validator), yes("cy", Role::Owner)];
    assert!(rule.missing(&enough).is_empty());
    assert!("auto".parse::<ApprovalRule>().unwrap().missing(&[]).is_empty());
    for text in ["", "0 of owner", "10 of owner", "x of owner", "admin", "owner and owner", "1 of"] {
        let error = text.parse::<ApprovalRule>().unwrap_err().to_string();
        assert!(error.contains("write `auto`"), "{error}");
    }
    for text in ["auto", "1 of validator", "1 of validator and 1 of owner"] {
        assert_eq!(text.parse::<ApprovalRule>().unwrap().to_string(), text);
    }
}
