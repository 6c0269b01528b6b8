//! The rights of every registered project, as they are kept in memory.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
};

use kilter_domain::{
    actor::{Action, Actor, Denied, Principal, Role, RoleBindings, may, roles_of},
    contract::Contract,
    ids::{EndpointName, ModelName, ProjectName},
};

use crate::{causes::PermissionDenied, context::RequestContext};

/// Every project's rights, and whose each endpoint is.
#[derive(Debug, Default)]
pub(crate) struct AccessMap {
    pub projects: BTreeMap<ProjectName, Result<Access, String>>,
    pub endpoints: BTreeMap<EndpointName, ProjectName>,
}

/// The rights as they were read last. Who asks keeps what it was given: a new map takes its place as a whole.
#[derive(Debug, Default)]
pub(crate) struct AccessCache {
    map: RwLock<Arc<AccessMap>>,
    /// Held by whoever reads the rights anew.
    loading: Mutex<()>,
}

impl AccessCache {
    /// The rights as they are now.
    pub(crate) fn current(&self) -> Arc<AccessMap> {
        self.map.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Held while the rights are read and put in place: an older reading never takes the place of a newer one.
    pub(crate) fn loading(&self) -> MutexGuard<'_, ()> {
        self.loading.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts other rights in place.
    pub(crate) fn replace(&self, map: AccessMap) {
        *self.map.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(map);
    }
}

/// What a right is asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// An endpoint, by its name.
    Endpoint(EndpointName),
    /// A model, by its name.
    Model(ModelName),
    /// An alert, by its id.
    Alert(String),
    /// A run, by its id.
    Run(String),
    /// A project, by its name.
    Project(ProjectName),
    /// At least one project: what is of the others is left out of the answer.
    AnyProject,
    /// All projects: the answer cannot be taken apart.
    EveryProject,
    /// The platform itself: accounts, tokens, where events are sent.
    Platform,
}

/// The projects that someone may read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Readable {
    pub(crate) projects: BTreeSet<ProjectName>,
    pub(crate) endpoints: BTreeSet<EndpointName>,
}

impl Readable {
    /// Whether the project of this name may be read.
    pub fn has_project(&self, name: &str) -> bool {
        self.projects.iter().any(|project| project.as_str() == name)
    }

    /// The endpoints whose projects may be read, by name.
    pub fn endpoints(&self) -> impl Iterator<Item = &EndpointName> {
        self.endpoints.iter()
    }

    /// Whether the project of this endpoint may be read.
    pub fn has_endpoint(&self, name: &str) -> bool {
        self.endpoints.iter().any(|endpoint| endpoint.as_str() == name)
    }
}

pub(crate) fn permitted(
    map: &AccessMap,
    context: &RequestContext,
    action: Action,
    project: &ProjectName,
) -> Result<(), PermissionDenied> {
    match map.projects.get(project) {
        Some(Ok(access)) => access.permit(context, action).map(|_| ()),
        Some(Err(why)) => Err(unreadable(project, why)),
        None => Ok(()),
    }
}

pub(crate) fn unreadable(project: &ProjectName, why: &str) -> PermissionDenied {
    PermissionDenied {
        sentence: format!(
            "nobody has a right to project `{project}`, because its recorded contract cannot be read: {why}"
        ),
        is_nameless: false,
    }
}

/// Holders of a role that a sentence names at most.
pub(crate) const MAX_NAMED: usize = 5;

/// What an actor was found to be to a project, and may therefore do one thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permit {
    /// The roles that the actor has in the project.
    pub roles: Vec<Role>,
}

/// Who may do what to one project. Small, so that the data plane can keep it in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    pub(crate) project: ProjectName,
    owner: Option<Principal>,
    roles: RoleBindings,
}

impl Access {
    /// What the contract of a project says of it.
    pub fn of(project: &ProjectName, contract: &Contract) -> Self {
        let stated = &contract.project;
        Self { project: project.clone(), owner: stated.owner.clone(), roles: stated.roles.clone() }
    }

    /// Whether any role is given: then nobody else is trusted.
    pub fn gives_roles(&self) -> bool {
        self.roles.values().any(|given| !given.is_empty())
    }

    /// Asks whether who acts may do `action`: by their role, and by the scope of the token that they show.
    ///
    /// # Errors
    /// [`PermissionDenied`], with the roles that it takes and who has them.
    pub fn permit(&self, context: &RequestContext, action: Action) -> Result<Permit, PermissionDenied> {
        let (actor, credential) = (&context.actor, &context.credential);
        if !credential.scope.allows(action, Some(&self.project)) {
            return Err(outside_scope(context, action));
        }
        let mut roles = roles_of(&self.roles, self.owner.as_ref(), actor, &credential.groups);
        if credential.is_admin && !roles.contains(&Role::Admin) {
            roles.push(Role::Admin);
        }
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
            Err(denied) => Err(PermissionDenied { sentence: denied.to_string(), is_nameless: false }),
        }
    }

    fn missing(&self, actor: &Actor, action: Action) -> PermissionDenied {
        let holders: Vec<String> =
            action.roles().iter().map(|role| format!("{role} ({})", self.holders(*role))).collect();
        PermissionDenied {
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

/// The token was made for less than this.
pub(crate) fn outside_scope(context: &RequestContext, action: Action) -> PermissionDenied {
    let credential = &context.credential;
    let name = credential.token.as_ref().map_or("?", |(_, name)| name);
    let sentence = format!(
        "{} may not {} with the token `{name}`: its scope is {}",
        context.actor,
        action.phrase(),
        credential.scope
    );
    PermissionDenied { sentence, is_nameless: false }
}

#[cfg(test)]
mod tests {
    use kilter_domain::{identity::TokenScope, time::Timestamp};

    use super::*;
    use crate::context::Credential;

    fn asked(contract: &str, who: &str, action: Action) -> Result<Permit, PermissionDenied> {
        asked_with(contract, who, Credential::default(), action)
    }

    fn asked_with(contract: &str, who: &str, by: Credential, action: Action) -> Result<Permit, PermissionDenied> {
        let context =
            RequestContext { credential: Arc::new(by), ..RequestContext::new(Timestamp(0), who.parse().unwrap()) };
        Access::of(&"churn".parse().unwrap(), &Contract::parse(contract).unwrap()).permit(&context, action)
    }

    #[test]
    fn a_member_of_a_group_has_the_roles_of_the_group() {
        let contract = "[project]\nowner = \"user:ana\"\n[project.roles]\nvalidator = [\"group:risk\"]\n";
        let member = |groups: &[&str]| Credential {
            groups: groups.iter().map(|group| (*group).to_owned()).collect(),
            ..Credential::default()
        };
        assert!(asked_with(contract, "user:vera", member(&["ds", "risk"]), Action::Approve).is_ok());
        assert!(asked_with(contract, "user:vera", member(&["ds"]), Action::Approve).is_err());
        let service = asked_with(contract, "svc:ci", member(&["risk"]), Action::Approve).unwrap_err().to_string();
        assert!(service.contains("only a person"), "{service}");
        assert!(asked_with(contract, "svc:ci", member(&["risk"]), Action::Audit).is_ok());
    }

    #[test]
    fn an_administrator_of_the_platform_is_admin_of_each_project_and_approves_nothing() {
        let contract = "[project]\nowner = \"user:ana\"\n[project.roles]\ndeveloper = [\"user:dev\"]\n";
        let admin = Credential { is_admin: true, ..Credential::default() };
        for action in Action::ALL {
            let is_admins = action.roles().contains(&Role::Admin);
            assert_eq!(asked_with(contract, "user:root", admin.clone(), action).is_ok(), is_admins, "{action:?}");
        }
    }

    #[test]
    fn a_token_does_nothing_beyond_its_scope_whatever_the_role() {
        let contract = "[project]\nowner = \"user:ana\"\n[project.roles]\noperator = [\"svc:ci\"]\n";
        let scope = |action: Action, project: &str| Credential {
            scope: TokenScope { actions: Some([action].into()), projects: Some([project.parse().unwrap()].into()) },
            token: Some(("t-1".into(), "nightly".into())),
            ..Credential::default()
        };
        assert!(asked_with(contract, "svc:ci", scope(Action::Deploy, "churn"), Action::Deploy).is_ok());
        assert!(asked_with(contract, "svc:ci", scope(Action::Deploy, "other"), Action::Deploy).is_err());
        let refused = asked_with(contract, "svc:ci", scope(Action::Read, "churn"), Action::Deploy).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "svc:ci may not deploy a version with the token `nightly`: its scope is read in churn"
        );
        assert!(asked_with(contract, "svc:ci", scope(Action::Run, "churn"), Action::Run).is_err(), "it gives no right");
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
