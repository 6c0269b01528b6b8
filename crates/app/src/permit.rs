//! Who may do what to a project: the roles that its contract gives, held against the table of rights in `domain`.
//!
//! Holds true: a right is asked for here, once an intention. A contract that gives any role trusts nobody else; one that
//! gives none trusts everyone who can reach the platform (a person alone with a project), but the word of a named owner
//! stays the owner's. Deliberately absent: proof of who someone is; whoever calls hands in the actor.

use kilter_domain::{
    actor::{Action, Actor, Role, may, roles_of},
    contract::Contract,
};

use crate::error::AppError;

/// What an actor was found to be to a project, and may therefore do one thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permit {
    pub roles: Vec<Role>,
}

/// Asks whether `actor` may do `action` to the project of `contract`.
///
/// # Errors
/// [`AppError::Denied`], with the role that it takes and where roles are given.
pub fn permit(contract: &Contract, actor: &Actor, action: Action) -> Result<Permit, AppError> {
    let project = &contract.project;
    let gives_roles = project.roles.values().any(|given| !given.is_empty());
    let mut roles = roles_of(&project.roles, project.owner.as_ref(), actor, &[]);
    if !gives_roles {
        let is_open = |role: &Role| *role != Role::Owner || project.owner.is_none() || roles.contains(&Role::Owner);
        roles = Role::ALL.into_iter().filter(is_open).collect();
    }
    match may(actor, &roles, action) {
        Ok(()) => Ok(Permit { roles }),
        Err(denied) => Err(AppError::Denied(denied.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(contract: &str, who: &str, action: Action) -> Result<Permit, AppError> {
        permit(&Contract::parse(contract).unwrap(), &who.parse().unwrap(), action)
    }

    #[test]
    fn a_contract_that_gives_no_role_trusts_everyone_with_what_a_person_may_do() {
        assert!(asked("", "user:ana", Action::Deploy).is_ok());
        assert!(asked("", "user:ana", Action::Approve).is_ok());
        assert!(asked("", "svc:ci", Action::Approve).is_err(), "a service never decides for a person");
        assert!(asked("", "user:ana", Action::Validate).is_err(), "evidence is nobody's to declare");
        let owned = "[project]\nowner = \"user:ana\"\n";
        assert!(asked(owned, "user:eve", Action::Deploy).is_ok(), "an owner is accountable, and keeps nobody out");
        assert!(asked(owned, "user:eve", Action::Retire).is_err(), "but retiring is the owner's");
        assert!(asked(owned, "user:ana", Action::Retire).is_ok());
    }

    #[test]
    fn a_contract_that_gives_a_role_trusts_nobody_else() {
        let contract = "[project]\nowner = \"user:ana\"\n[project.roles]\noperator = [\"user:ben\", \"svc:ci\"]\n";
        assert!(asked(contract, "user:ana", Action::Approve).is_ok());
        assert!(asked(contract, "svc:ci", Action::Deploy).is_ok());
        let denied = asked(contract, "user:ana", Action::Deploy).unwrap_err().to_string();
        assert!(denied.contains("needs the role operator"), "{denied}");
        assert!(asked(contract, "user:eve", Action::Deploy).is_err());
    }
}
