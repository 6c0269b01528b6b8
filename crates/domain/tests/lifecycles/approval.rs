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

/// Who has two roles counts in the one where nobody else does.
#[test]
fn a_person_with_two_roles_counts_where_they_are_missing() {
    let rule: ApprovalRule = "1 of validator and owner".parse().unwrap();
    let yes = |name: &str, role| Signoff { by: user(name), role };
    let (ana, ben) = (user("ana"), user("ben"));
    let both = [Role::Validator, Role::Owner];
    assert_eq!(rule.helpful_role(&[], &ana, &both), Some(Role::Validator), "the first that is asked");
    let said = [yes("ana", Role::Validator)];
    assert_eq!(rule.helpful_role(&said, &ana, &both), None, "one person counts once");
    assert_eq!(rule.helpful_role(&said, &ben, &both), Some(Role::Owner));
    assert_eq!(rule.helpful_role(&said, &ben, &[Role::Validator]), None);
    let said = [yes("ana", Role::Validator), yes("ben", Role::Validator)];
    assert_eq!(rule.helpful_role(&said, &ana, &both), Some(Role::Owner));
    for (first, second) in [("ana", "ben"), ("ben", "ana")] {
        let said = [yes(first, Role::Validator), yes(first, Role::Owner), yes(second, Role::Validator)];
        assert_eq!(rule.missing(&said), [""; 0], "{first} is the owner, {second} the validator");
    }
    assert_eq!(rule.missing(&[yes("ana", Role::Validator), yes("ana", Role::Owner)]), ["the yes of 1 more owner"]);
}
