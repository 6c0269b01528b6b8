//! Who may do what to a project: the roles that its recorded contract gives, held against the table of rights in `domain`.
//!
//! Holds true: the contract that is asked is the one that someone recorded who might, never a file that somebody has at
//! hand. One that gives any role trusts nobody else; one that gives none trusts everyone who can reach the platform (a
//! person alone with a project), but the word of a named owner stays the owner's: what only an owner may, and who the
//! owner is. Deliberately absent: proof of who someone is; whoever calls hands in the actor.

use kilter_domain::{
    actor::{Action, Actor, Denied, Principal, Role, RoleBindings, may, roles_of},
    contract::Contract,
};

use crate::{
    App,
    authz::refused_actions::{self, RefusedAction},
    context::RequestContext,
    error::AppError,
};

/// Holders of a role that a sentence names at most.
const MAX_NAMED: usize = 5;

/// What an actor was found to be to a project, and may therefore do one thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permit {
    pub roles: Vec<Role>,
}

/// Who may do what to one project. Small, so that the data plane can keep it in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    project: String,
    owner: Option<Principal>,
    roles: RoleBindings,
}

impl Access {
    /// What the contract of a project says of it.
    pub fn of(project: &str, contract: &Contract) -> Self {
        let stated = &contract.project;
        Self { project: project.to_owned(), owner: stated.owner.clone(), roles: stated.roles.clone() }
    }

    /// Whether any role is given: then nobody else is trusted.
    pub fn gives_roles(&self) -> bool {
        self.roles.values().any(|given| !given.is_empty())
    }

    /// Asks whether `actor` may do `action`.
    ///
    /// # Errors
    /// [`AppError::RightMissing`], with the roles that it takes and who has them.
    pub fn permit(&self, actor: &Actor, action: Action) -> Result<Permit, AppError> {
        let mut roles = roles_of(&self.roles, self.owner.as_ref(), actor, &[]);
        if !self.gives_roles() {
            let is_owners =
                |role: &Role| matches!(role, Role::Owner) || (*role == Role::Admin && action == Action::ChangeRoles);
            // Everyone may loosen and tighten the rules of a project that nobody guards, its owner named or not.
            let is_free = self.owner.is_none() || roles.contains(&Role::Owner) || action == Action::ChangePolicy;
            roles = Role::ALL.into_iter().filter(|role| is_free || !is_owners(role)).collect();
        }
        match may(actor, &roles, action) {
            Ok(()) => Ok(Permit { roles }),
            Err(Denied::NeedsRole { .. }) => Err(self.missing(actor, action)),
            Err(denied) => Err(AppError::RightMissing { sentence: denied.to_string(), is_nameless: false }),
        }
    }

    fn missing(&self, actor: &Actor, action: Action) -> AppError {
        let holders: Vec<String> =
            action.roles().iter().map(|role| format!("{role} ({})", self.holders(*role))).collect();
        AppError::RightMissing {
            sentence: format!(
                "{actor} may not {} of project `{}`: this needs the role {}",
                action.phrase(),
                self.project,
                holders.join(" or ")
            ),
            is_nameless: *actor == Actor::nameless_service(),
        }
    }

    /// Who has a role, for a sentence.
    fn holders(&self, role: Role) -> String {
        let owner = self.owner.iter().filter(|_| role == Role::Owner);
        let mut names: Vec<String> =
            owner.chain(self.roles.get(&role).into_iter().flatten()).map(ToString::to_string).collect();
        names.dedup();
        let more = names.len().saturating_sub(MAX_NAMED);
        names.truncate(MAX_NAMED);
        match (names.is_empty(), more) {
            (true, _) => "nobody has it".to_owned(),
            (false, 0) => names.join(", "),
            (false, more) => format!("{} and {more} more", names.join(", ")),
        }
    }
}

/// Asks whether `actor` may do `action` to the project of `contract`.
///
/// # Errors
/// [`AppError::RightMissing`], with the roles that it takes and who has them.
pub fn permit(contract: &Contract, actor: &Actor, action: Action) -> Result<Permit, AppError> {
    let name = contract.project.name.as_ref().map_or("?", |name| name.as_str());
    Access::of(name, contract).permit(actor, action)
}

/// Asks for a right, and leaves an entry where it is missing.
pub(crate) fn authorize(
    app: &App,
    context: &RequestContext,
    access: &Access,
    action: Action,
) -> Result<Permit, AppError> {
    let asked = access.permit(&context.actor, action);
    if let Err(refused) = &asked {
        refused_actions::record_refusal(
            app,
            context,
            RefusedAction {
                topic: format!("{} {action:?} {}", context.actor, access.project),
                action: "right.refuse".to_owned(),
                object: format!("project:{}", access.project),
                reason: refused.to_string(),
            },
        );
    }
    asked
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
        assert!(asked("", "svc:api", Action::Predict).is_ok() && asked("", "svc:api", Action::Run).is_ok());
        assert!(asked("", "svc:ci", Action::Approve).is_err(), "a service never decides for a person");
        assert!(asked("", "user:ana", Action::Validate).is_err(), "evidence is nobody's to declare");
        let owned = "[project]\nowner = \"user:ana\"\n";
        for action in [Action::Deploy, Action::ChangeContract, Action::ChangePolicy, Action::Audit] {
            assert!(
                asked(owned, "user:eve", action).is_ok(),
                "an owner is accountable, and keeps nobody out: {action:?}"
            );
        }
        for action in [Action::Retire, Action::ChangeRoles] {
            assert!(asked(owned, "user:eve", action).is_err(), "but this is the owner's: {action:?}");
            assert!(asked(owned, "user:ana", action).is_ok());
        }
    }

    #[test]
    fn a_contract_that_gives_a_role_trusts_nobody_else() {
        let contract = "[project]\nowner = \"user:ana\"\n[project.roles]\noperator = [\"user:ben\", \"svc:ci\"]\n";
        assert!(asked(contract, "user:ana", Action::Approve).is_ok());
        assert!(asked(contract, "svc:ci", Action::Deploy).is_ok());
        let denied = asked(contract, "user:ana", Action::Deploy).unwrap_err().to_string();
        assert!(denied.contains("needs the role operator (user:ben, svc:ci)"), "{denied}");
        let denied = asked(contract, "user:eve", Action::Run).unwrap_err().to_string();
        assert!(denied.contains("owner (user:ana) or developer (nobody has it)"), "{denied}");
        for action in Action::ALL {
            assert!(asked(contract, "user:eve", action).is_err(), "{action:?}");
            assert!(asked(contract, "svc:api", action).is_err(), "{action:?}");
        }
    }
}
