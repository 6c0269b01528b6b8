//! Who acts: people, service accounts, the system itself; the roles they hold and what a role may do.
//!
//! Invariants: nobody may do what is not in the table of [`may`]; a service account and the system never decide
//! for a person. Out of scope: how an identity is proved (tokens, OpenID Connect).

use std::{collections::BTreeMap, fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Someone who did something: `user:ana`, `svc:trainer`, `system:reconcile`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Actor {
    /// Whether it is a person, a service or a part of the platform.
    pub kind: ActorKind,
    /// 1 to 128 characters: letters, digits and `-_.@`.
    name: String,
}

/// What kind of being acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ActorKind {
    /// A person, who may do by hand what needs one.
    User,
    /// A service account, such as a trainer or a client of the API.
    #[serde(rename = "svc")]
    Service,
    /// A part of the platform, such as the reconciler.
    System,
}

impl ActorKind {
    /// As written before the colon.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Service => "svc",
            Self::System => "system",
        }
    }
}

/// A text that names nobody.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` names nobody: write {allowed}, the name in letters, digits and `-_.@`")]
pub struct InvalidActor {
    /// The text, as it was given.
    pub text: String,
    /// The kinds that would be accepted, for the message.
    pub allowed: &'static str,
}

impl Actor {
    /// A person. Errors when the name is not one.
    pub fn user(name: &str) -> Result<Self, InvalidActor> {
        format!("user:{name}").parse()
    }

    /// A part of the platform acting by itself (`reconcile`, `gate`).
    pub fn system(name: &'static str) -> Self {
        Self { kind: ActorKind::System, name: name.to_owned() }
    }

    /// A caller of the API who does not say who they are: `svc:api`.
    pub fn nameless_service() -> Self {
        Self { kind: ActorKind::Service, name: "api".to_owned() }
    }

    /// The name without its kind.
    pub fn name(&self) -> &str {
        &self.name
    }
}

fn is_actor_name(text: &str) -> bool {
    (1..=128).contains(&text.len()) && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.@".contains(c))
}

impl fmt::Display for Actor {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}", self.kind.as_str(), self.name)
    }
}

impl FromStr for Actor {
    type Err = InvalidActor;

    fn from_str(text: &str) -> Result<Self, InvalidActor> {
        let invalid = || InvalidActor {
            text: text.chars().take(80).collect(),
            allowed: "`user:NAME`, `svc:NAME` or `system:NAME`",
        };
        let (kind, name) = text.split_once(':').filter(|(_, name)| is_actor_name(name)).ok_or_else(invalid)?;
        let kind = match kind {
            "user" => ActorKind::User,
            "svc" => ActorKind::Service,
            "system" => ActorKind::System,
            _ => return Err(invalid()),
        };
        Ok(Self { kind, name: name.to_owned() })
    }
}

/// Whom a role is given to: `user:ana`, `group:ds`, `svc:crm-portal`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Principal {
    /// The name behind `user:`.
    User(String),
    /// The name behind `group:`: of local accounts, and of the claim of an OpenID provider.
    Group(String),
    /// The name behind `svc:`.
    Service(String),
}

impl fmt::Display for Principal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(name) => write!(out, "user:{name}"),
            Self::Group(name) => write!(out, "group:{name}"),
            Self::Service(name) => write!(out, "svc:{name}"),
        }
    }
}

impl FromStr for Principal {
    type Err = InvalidActor;

    fn from_str(text: &str) -> Result<Self, InvalidActor> {
        let invalid = || InvalidActor {
            text: text.chars().take(80).collect(),
            allowed: "`user:NAME`, `group:NAME` or `svc:NAME`",
        };
        let (kind, name) = text.split_once(':').filter(|(_, name)| is_actor_name(name)).ok_or_else(invalid)?;
        match kind {
            "user" => Ok(Self::User(name.to_owned())),
            "group" => Ok(Self::Group(name.to_owned())),
            "svc" => Ok(Self::Service(name.to_owned())),
            _ => Err(invalid()),
        }
    }
}

macro_rules! serde_by_text {
    ($($type:ty),*) => {$(
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
                out.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
                String::deserialize(input)?.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}
serde_by_text!(Actor, Principal);

/// What someone is to a project.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Accountable; may retire, revoke, and approve where the rule asks for the owner.
    Owner,
    /// Creates, runs, submits.
    Developer,
    /// Approves and rejects, never own work.
    Validator,
    /// Deploys and rolls back; cannot approve.
    Operator,
    /// Predicts and sends labels.
    Consumer,
    /// Reads and verifies everything.
    Auditor,
    /// Users, keys, settings; cannot approve.
    Admin,
}

impl Role {
    /// Every role.
    pub const ALL: [Role; 7] =
        [Role::Owner, Role::Developer, Role::Validator, Role::Operator, Role::Consumer, Role::Auditor, Role::Admin];

    /// As written in `[project.roles]`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Role::Owner => "owner",
            Role::Developer => "developer",
            Role::Validator => "validator",
            Role::Operator => "operator",
            Role::Consumer => "consumer",
            Role::Auditor => "auditor",
            Role::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

/// A text that is no role.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a role: write owner, developer, validator, operator, consumer, auditor or admin")]
pub struct InvalidRole(pub String);

impl FromStr for Role {
    type Err = InvalidRole;

    fn from_str(text: &str) -> Result<Self, InvalidRole> {
        Role::ALL
            .into_iter()
            .find(|role| role.as_str() == text)
            .ok_or_else(|| InvalidRole(text.chars().take(80).collect()))
    }
}

/// The roles of each principal in a project.
pub type RoleBindings = BTreeMap<Role, Vec<Principal>>;

/// The roles that `actor` has, who is a member of `groups`. The system has none: its rights stand in [`may`].
pub fn roles_of(bindings: &RoleBindings, owner: Option<&Principal>, actor: &Actor, groups: &[String]) -> Vec<Role> {
    let is_meant = |principal: &Principal| match (principal, actor.kind) {
        (Principal::User(name), ActorKind::User) | (Principal::Service(name), ActorKind::Service) => {
            *name == actor.name
        }
        (Principal::Group(group), ActorKind::User | ActorKind::Service) => groups.contains(group),
        _ => false,
    };
    let bound = |role: Role| bindings.get(&role).is_some_and(|principals| principals.iter().any(is_meant));
    let is_owner = owner.is_some_and(is_meant);
    Role::ALL.into_iter().filter(|&role| bound(role) || (role == Role::Owner && is_owner)).collect()
}

/// Something that needs a right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// See versions, deployments, readings, alerts and runs.
    Read,
    /// Get answers of an endpoint.
    Predict,
    /// Send what turned out to be true.
    Label,
    /// Start, cancel, or repeat a run; pin data.
    Run,
    /// Make a draft and submit it as a candidate.
    Submit,
    /// Record that the gates passed (or failed).
    Validate,
    /// Accept a validated version.
    Approve,
    /// Refuse a version for good.
    Reject,
    /// Measure a version again, independently of who made it.
    Review,
    /// Let a version miss a rule of a gate for a time.
    Waive,
    /// Take a validated version back to candidate.
    Return,
    /// Let an approval lapse.
    Lapse,
    /// Take a version out of use for good.
    Retire,
    /// Forbid a version for good, also where it serves.
    Revoke,
    /// Let a version answer at an endpoint.
    Deploy,
    /// Fetch what answers, and its packages, to answer elsewhere; send back what was answered there.
    Replicate,
    /// Let a version answer without its approval, in an emergency.
    BreakGlass,
    /// To the last approved version: needs no approval.
    RollBack,
    /// Acknowledge, mute, resolve.
    HandleAlert,
    /// Change the contract of a project: data, steps, package, monitors, retraining.
    ChangeContract,
    /// Change what judges and releases: gates, requirements of data, approval, risk, objectives, deployment, threshold.
    ChangePolicy,
    /// Decide whether gates, approval or requirements may be loosened.
    AcceptPolicy,
    /// Change the owner and the roles of a project.
    ChangeRoles,
    /// Verify the audit log and packages, export evidence.
    Audit,
    /// Users, tokens, keys, settings.
    Administer,
}

impl Action {
    /// Every action.
    pub const ALL: [Action; 25] = [
        Action::Read,
        Action::Predict,
        Action::Label,
        Action::Run,
        Action::Submit,
        Action::Validate,
        Action::Approve,
        Action::Reject,
        Action::Review,
        Action::Waive,
        Action::Return,
        Action::Lapse,
        Action::Retire,
        Action::Revoke,
        Action::Deploy,
        Action::Replicate,
        Action::BreakGlass,
        Action::RollBack,
        Action::HandleAlert,
        Action::ChangeContract,
        Action::ChangePolicy,
        Action::AcceptPolicy,
        Action::ChangeRoles,
        Action::Audit,
        Action::Administer,
    ];

    /// As written in the scope of a token: `predict`, `roll_back`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Predict => "predict",
            Self::Label => "label",
            Self::Run => "run",
            Self::Submit => "submit",
            Self::Validate => "validate",
            Self::Approve => "approve",
            Self::Reject => "reject",
            Self::Review => "review",
            Self::Waive => "waive",
            Self::Return => "return",
            Self::Lapse => "lapse",
            Self::Retire => "retire",
            Self::Revoke => "revoke",
            Self::Deploy => "deploy",
            Self::Replicate => "replicate",
            Self::RollBack => "roll_back",
            Self::HandleAlert => "handle_alert",
            Self::ChangeContract => "change_contract",
            Self::ChangePolicy => "change_policy",
            Self::ChangeRoles => "change_roles",
            Self::Audit => "audit",
            Self::BreakGlass => "break_glass",
            Self::AcceptPolicy => "accept_policy",
            Self::Administer => "administer",
        }
    }

    /// The roles that have the right.
    pub const fn roles(self) -> &'static [Role] {
        use Role::{Admin, Auditor, Consumer, Developer, Operator, Owner, Validator};
        match self {
            Self::Read => &[Owner, Developer, Validator, Operator, Consumer, Auditor, Admin],
            Self::Predict => &[Owner, Developer, Operator, Consumer],
            Self::Label => &[Owner, Developer, Operator, Consumer],
            Self::Run | Self::Submit | Self::ChangeContract => &[Owner, Developer],
            Self::Validate | Self::Lapse => &[],
            Self::Approve => &[Validator, Owner],
            Self::Reject | Self::Review | Self::Waive | Self::AcceptPolicy | Self::Return => &[Validator],
            Self::Retire | Self::ChangePolicy => &[Owner],
            Self::ChangeRoles => &[Owner, Admin],
            Self::Revoke => &[Owner, Validator],
            Self::Deploy | Self::RollBack | Self::Replicate => &[Operator],
            Self::HandleAlert => &[Owner, Developer, Validator, Operator],
            Self::Audit => &[Owner, Validator, Auditor, Admin],
            Self::Administer | Self::BreakGlass => &[Admin],
        }
    }

    /// Whether the system does it by itself, following the contract.
    pub const fn is_done_by_system(self) -> bool {
        !matches!(
            self,
            Self::Revoke
                | Self::Retire
                | Self::Review
                | Self::Waive
                | Self::AcceptPolicy
                | Self::BreakGlass
                | Self::Replicate
                | Self::Return
                | Self::ChangeContract
                | Self::ChangePolicy
                | Self::ChangeRoles
                | Self::Administer
        )
    }

    /// Whether only a person may do it (the system may where [`Action::is_done_by_system`]).
    pub const fn needs_a_person(self) -> bool {
        matches!(
            self,
            Self::Approve
                | Self::Reject
                | Self::Review
                | Self::Waive
                | Self::AcceptPolicy
                | Self::BreakGlass
                | Self::Return
                | Self::Revoke
                | Self::Retire
                | Self::ChangePolicy
                | Self::ChangeRoles
        )
    }

    /// What one does who does it, for a sentence: "may not {phrase}".
    pub const fn phrase(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Predict => "ask for predictions",
            Self::Label => "send labels",
            Self::Run => "start or cancel a run",
            Self::Submit => "submit a version",
            Self::Validate => "validate a version",
            Self::Approve => "approve a version",
            Self::Reject => "reject a version",
            Self::Review => "review a version",
            Self::Waive => "waive a rule of a gate",
            Self::Return => "take a version back to candidate",
            Self::Lapse => "let an approval lapse",
            Self::Retire => "retire a version",
            Self::Revoke => "revoke a version",
            Self::Deploy => "deploy a version",
            Self::Replicate => "follow what answers, to answer elsewhere",
            Self::BreakGlass => "deploy a version without its approval",
            Self::RollBack => "roll back",
            Self::HandleAlert => "handle an alert",
            Self::ChangeContract => "change the contract",
            Self::ChangePolicy => "change gates, approval, deployment or what else judges and releases",
            Self::AcceptPolicy => "decide about looser gates, approval or requirements",
            Self::ChangeRoles => "change the owner or the roles",
            Self::Audit => "read or verify the audit table",
            Self::Administer => "administer the platform",
        }
    }
}

/// A text that is no action.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a right: write one like read, predict, label, run, approve, deploy or audit")]
pub struct InvalidAction(pub String);

impl FromStr for Action {
    type Err = InvalidAction;

    fn from_str(text: &str) -> Result<Self, InvalidAction> {
        let found = Action::ALL.into_iter().find(|action| action.as_str() == text);
        found.ok_or_else(|| InvalidAction(text.chars().take(80).collect()))
    }
}

/// Why someone may not do something.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant says what it is")]
pub enum Denied {
    #[error("{actor} may not {}: this needs the role {}", .action.phrase(), .roles.iter().map(|role| role.as_str()).collect::<Vec<_>>().join(" or "))]
    NeedsRole { actor: Actor, action: Action, roles: &'static [Role] },
    #[error("{actor} may not {}: only a person may, and a service account is none", .action.phrase())]
    NeedsPerson { actor: Actor, action: Action },
    #[error("nobody may {} by hand: only the platform does it, when the evidence is complete ({actor} tried)", .action.phrase())]
    NeedsSystem { actor: Actor, action: Action },
    #[error("the platform does not {} by itself: a person must", .action.phrase())]
    NotBySystem { action: Action },
}

/// Whether `actor`, holding `roles`, may do `action`. This is the whole table of rights.
pub fn may(actor: &Actor, roles: &[Role], action: Action) -> Result<(), Denied> {
    let actor_named = || actor.clone();
    match actor.kind {
        ActorKind::System if action.is_done_by_system() => Ok(()),
        ActorKind::System => Err(Denied::NotBySystem { action }),
        _ if action.roles().is_empty() => Err(Denied::NeedsSystem { actor: actor_named(), action }),
        ActorKind::Service if action.needs_a_person() => Err(Denied::NeedsPerson { actor: actor_named(), action }),
        _ if roles.iter().any(|role| action.roles().contains(role)) => Ok(()),
        _ => Err(Denied::NeedsRole { actor: actor_named(), action, roles: action.roles() }),
    }
}
