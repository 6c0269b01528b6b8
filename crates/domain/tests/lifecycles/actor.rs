//! Actors, principals and rights.

use crate::*;

#[test]
fn actors_and_principals_read_back_and_nobody_else_does() {
    for text in ["user:ana", "svc:crm-portal", "system:gate", "user:ana@example.com"] {
        assert_eq!(text.parse::<Actor>().unwrap().to_string(), text);
    }
    for text in ["", "ana", "group:ds", "user:", "user:a b", "user:a/b", "root:x", &format!("user:{}", "x".repeat(200))]
    {
        assert!(text.parse::<Actor>().is_err(), "{text}");
    }
    assert_eq!("group:ds".parse::<Principal>().unwrap(), Principal::Group("ds".into()));
    assert!("system:gate".parse::<Principal>().is_err(), "a role is not given to the platform");
}

#[test]
fn roles_come_from_names_groups_and_the_owner() {
    let bindings: RoleBindings = [
        (Role::Developer, vec![Principal::Group("ds".into())]),
        (Role::Consumer, vec![Principal::Service("crm".into())]),
        (Role::Validator, vec![Principal::User("val".into())]),
    ]
    .into();
    let owner = Principal::User("ana".into());
    let roles = |actor: &str, groups: &[&str]| {
        let groups: Vec<String> = groups.iter().map(|group| (*group).to_owned()).collect();
        roles_of(&bindings, Some(&owner), &actor.parse().unwrap(), &groups)
    };
    assert_eq!(roles("user:ana", &["ds"]), [Role::Owner, Role::Developer]);
    assert_eq!(roles("user:val", &[]), [Role::Validator]);
    assert_eq!(roles("svc:crm", &[]), [Role::Consumer]);
    assert_eq!(roles("user:crm", &[]), [], "a person is not a service of the same name");
    assert_eq!(roles("system:gate", &["ds"]), []);
}

#[test]
fn the_table_of_rights_keeps_duties_apart() {
    let can = |roles: &[Role], action| may(&user("x"), roles, action).is_ok();
    for role in [Role::Developer, Role::Operator, Role::Admin, Role::Auditor, Role::Consumer] {
        assert!(!can(&[role], Action::Approve), "{role} cannot approve");
    }
    assert!(can(&[Role::Validator], Action::Approve) && can(&[Role::Operator], Action::RollBack));
    for action in Action::ALL {
        assert!(!can(&[], action), "without a role nobody may {action:?}");
        let service: Actor = "svc:x".parse().unwrap();
        assert_eq!(may(&service, &Role::ALL, action).is_ok(), !action.roles().is_empty() && !action.needs_a_person());
        assert_eq!(may(&Actor::system("x"), &[], action).is_ok(), action.is_done_by_system());
        // Reading changes nothing, so every role may.
        assert_eq!(action.roles().len() == Role::ALL.len(), action == Action::Read);
    }
    assert!(may(&Actor::system("x"), &[], Action::Revoke).is_err(), "the platform never revokes by itself");
    let error = may(&user("x"), &[Role::Admin], Action::Approve).unwrap_err().to_string();
    assert!(error.contains("validator or owner"), "{error}");
    assert_eq!(ActorKind::Service.as_str(), "svc");
}
