//! Owners and roles that nobody could ever change.

use super::{Contract, ContractObjection};
use crate::actor::{Principal, Role};

impl Contract {
    /// Why nobody could ever change the owner and the roles once this contract is in force, if so. A service account never
    /// changes them, and a group may have no members, so it takes a person.
    pub(super) fn lockout(&self) -> Option<ContractObjection> {
        let project = &self.project;
        let has_roles = project.roles.values().any(|given| !given.is_empty());
        if !has_roles && project.owner.is_none() {
            return None;
        }
        let of = |role: Role| project.roles.get(&role).into_iter().flatten();
        let mut may = project.owner.iter().chain(of(Role::Owner)).chain(of(Role::Admin)).peekable();
        let what = match may.peek() {
            None => "[project.roles] names neither an owner nor an admin",
            Some(_) => "neither the owner nor an admin is a person",
        };
        let is_locked = !may.any(|principal| matches!(principal, Principal::User(_)));
        is_locked.then(|| ContractObjection {
            path: if project.owner.is_some() { "project.owner" } else { "project.roles" }.to_owned(),
            message: format!("{what}: once it is in force, nobody could ever change the owner or the roles"),
            hint: Some("add `owner = \"user:NAME\"` to [project]".to_owned()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_that_nobody_could_ever_change_are_found() {
        let lockout = |project: &str| Contract::parse(&format!("[project]\n{project}")).unwrap().lockout();
        for open in [
            "",
            "owner = \"user:ana\"",
            "[project.roles]\nowner = [\"user:ana\"]",
            "[project.roles]\nadmin = [\"svc:ci\", \"user:ana\"]",
            "owner = \"group:ds\"\n[project.roles]\nadmin = [\"user:ana\"]",
        ] {
            assert_eq!(lockout(open), None, "{open}");
        }
        for (locked, what) in [
            ("[project.roles]\ndeveloper = [\"user:dev\"]", "names neither an owner nor an admin"),
            ("owner = \"svc:ci\"", "is a person"),
            ("owner = \"group:ds\"\n[project.roles]\nadmin = [\"svc:ci\"]", "is a person"),
            ("[project.roles]\nowner = [\"group:ds\"]\nvalidator = [\"user:vera\"]", "is a person"),
        ] {
            let message = lockout(locked).map(|found| found.message).unwrap_or_default();
            assert!(message.contains(what), "{locked}: {message}");
        }
    }

    /// What `lockout` says is what the table of rights says.
    #[test]
    fn who_is_named_may_change_the_roles() {
        use crate::actor::{Action, Actor, may};
        let user: Actor = "user:ana".parse().unwrap();
        let service: Actor = "svc:ci".parse().unwrap();
        for role in Role::ALL {
            let is_enough = may(&user, &[role], Action::ChangeRoles).is_ok();
            assert_eq!(is_enough, matches!(role, Role::Owner | Role::Admin), "{role}");
            assert!(may(&service, &[role], Action::ChangeRoles).is_err());
        }
    }
}
