//! Who may do what to a project: the roles that its contract gives, held against the table of rights in `domain`.
//!
//! Holds true: a right is asked for here, once an intention. A contract that names an owner or gives any role trusts
//! nobody else; one that names nobody trusts everyone who can reach the platform (a person alone with a project).
//! Deliberately absent: proof of who someone is; whoever calls hands in the actor.

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
    let names_somebody = project.owner.is_some() || project.roles.values().any(|given| !given.is_empty());
    let roles = match names_somebody {
        true => roles_of(&project.roles, project.owner.as_ref(), actor, &[]),
        false => Role::ALL.to_vec(),
    };
    match may(actor, &roles, action) {
        Ok(()) => Ok(Permit { roles }),
        Err(denied) => Err(AppError::Denied(match names_somebody {
            true => format!("{denied}; the contract gives roles in [project.roles]"),
            false => denied.to_string(),
        })),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(contract: &str, who: &str, action: Action) -> Result<Permit, AppError> {
        permit(&Contract::parse(contract).unwrap(), &who.parse().unwrap(), action)
    }

    #[test]
    fn a_contract_that_names_nobody_trusts_everyone_with_what_a_person_may_do() {
        assert!(asked("", "user:ana", Action::Deploy).is_ok());
        assert!(asked("", "user:ana", Action::Approve).is_ok());
        assert!(asked("", "svc:ci", Action::Approve).is_err(), "a service never decides for a person");
        assert!(asked("", "user:ana", Action::Validate).is_err(), "evidence is nobody's to declare");
    }

    #[test]
    fn a_contract_that_names_somebody_trusts_nobody_else() {
        let contract = "[project]\nowner = \"user:ana\"\n[project.roles]\noperator = [\"user:ben\", \"svc:ci\"]\n";
        assert!(asked(contract, "user:ana", Action::Approve).is_ok());
        assert!(asked(contract, "svc:ci", Action::Deploy).is_ok());
        let denied = asked(contract, "user:ana", Action::Deploy).unwrap_err().to_string();
        assert!(denied.contains("needs the role operator") && denied.contains("[project.roles]"), "{denied}");
        assert!(asked(contract, "user:eve", Action::Deploy).is_err());
    }
}
