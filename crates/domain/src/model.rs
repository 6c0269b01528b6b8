//! The life of a model version: `draft → candidate → validated → approved → retired`, side exits `rejected` and
//! `revoked`; an approval lapses back to validated.
//!
//! Invariants: a version moves only with the evidence that its transition asks for, given by someone who may. Nothing
//! edits a version; a fix is a new version. Out of scope: where evidence is kept.

mod evidence;
mod label;
mod requirements;
mod state;

use serde::{Deserialize, Serialize};

use crate::actor::{Action, Actor, Denied, Role, may};

pub use self::evidence::{Approval, Card, Commit, GateResult, Golden, Lapse, Retirement, Submission, Validation};

pub use self::label::VersionLabel;
pub use self::requirements::Requirements;
pub use self::state::{VersionFacts, VersionState};

/// What happens to a version, with the evidence it carries.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "event")]
pub enum VersionEvent {
    /// draft → candidate.
    Submitted(Submission),
    /// candidate → validated.
    Validated(Validation),
    /// With its reason; for a gate, the sentences of the breaches.
    Rejected {
        /// One sentence for a person.
        reason: String,
    },
    /// validated → approved.
    Approved(Approval),
    /// Back to candidate, with its reason.
    Returned {
        /// One sentence for a person.
        reason: String,
    },
    /// approved → validated.
    Lapsed(Lapse),
    /// any → revoked: it may answer nowhere.
    Revoked {
        /// One sentence for a person.
        reason: String,
    },
    /// any → retired.
    Retired(Retirement),
}

/// Who moves it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActorWithRoles {
    /// Who.
    pub actor: Actor,
    /// The roles that the contract gives.
    pub roles: Vec<Role>,
}

impl ActorWithRoles {
    /// A part of the platform, following the contract.
    pub fn system(name: &'static str) -> Self {
        Self { actor: Actor::system(name), roles: Vec::new() }
    }
}

/// A move that a version cannot make.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant says what it is")]
pub enum IllegalVersionTransition {
    #[error("a version that is {from} cannot be {to}: {}", .from.next_step())]
    State { from: VersionState, to: &'static str },
    #[error("the version cannot be {to}; missing: {}", .missing.join("; "))]
    Evidence { to: &'static str, missing: Vec<String> },
    #[error(transparent)]
    Right(#[from] Denied),
}

impl VersionEvent {
    /// The right that it takes.
    pub const fn action(&self) -> Action {
        match self {
            Self::Submitted(_) => Action::Submit,
            Self::Validated(_) => Action::Validate,
            Self::Rejected { .. } => Action::Reject,
            Self::Approved(_) => Action::Approve,
            Self::Returned { .. } => Action::Return,
            Self::Lapsed(_) => Action::Lapse,
            Self::Revoked { .. } => Action::Revoke,
            Self::Retired(_) => Action::Retire,
        }
    }

    const fn attempted(&self) -> &'static str {
        match self {
            Self::Submitted(_) => "a candidate",
            Self::Validated(_) => "validated",
            Self::Rejected { .. } => "rejected",
            Self::Approved(_) => "approved",
            Self::Returned { .. } => "returned to candidate",
            Self::Lapsed(_) => "lapsed",
            Self::Revoked { .. } => "revoked",
            Self::Retired(_) => "retired",
        }
    }

    /// What the evidence lacks, as a person would say it.
    fn missing(&self, version: &VersionFacts) -> Vec<String> {
        match self {
            Self::Submitted(submission) => submission.missing(version),
            Self::Validated(validation) => validation.missing(version),
            Self::Approved(approval) => approval.missing(version),
            Self::Retired(retirement) => retirement.missing(),
            Self::Lapsed(_) => Vec::new(),
            Self::Rejected { reason } | Self::Returned { reason } | Self::Revoked { reason } => {
                if reason.trim().is_empty() { vec!["a reason".to_owned()] } else { Vec::new() }
            }
        }
    }
}

impl VersionFacts {
    /// The state as `event`, caused by `by`, leaves it. Every transition there is stands in this match; a legal one
    /// still needs the right and the evidence.
    pub fn after(&self, event: &VersionEvent, by: &ActorWithRoles) -> Result<VersionState, IllegalVersionTransition> {
        use VersionState as State;
        let to = match (self.state, event) {
            (State::Draft, VersionEvent::Submitted(_)) => State::Candidate,
            (State::Candidate, VersionEvent::Validated(_)) => State::Validated,
            (State::Candidate | State::Validated, VersionEvent::Rejected { .. }) => State::Rejected,
            (State::Validated, VersionEvent::Approved(_)) => State::Approved,
            (State::Validated, VersionEvent::Returned { .. }) => State::Candidate,
            (State::Approved, VersionEvent::Lapsed(_)) => State::Validated,
            (
                State::Draft | State::Candidate | State::Validated | State::Approved,
                VersionEvent::Revoked { .. } | VersionEvent::Retired(_),
            ) => match event {
                VersionEvent::Revoked { .. } => State::Revoked,
                _ => State::Retired,
            },
            (State::Rejected, VersionEvent::Retired(_)) => State::Retired,
            (from, event) => return Err(IllegalVersionTransition::State { from, to: event.attempted() }),
        };
        may(&by.actor, &by.roles, event.action())?;
        let missing = event.missing(self);
        if missing.is_empty() {
            Ok(to)
        } else {
            Err(IllegalVersionTransition::Evidence { to: event.attempted(), missing })
        }
    }
}
