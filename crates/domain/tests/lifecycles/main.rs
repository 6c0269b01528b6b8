//! The lives: every legal move is made, every other one is refused with what would be needed.

mod actor;
mod alert;
mod approval;
mod audit;
mod deployment;
mod verdict;
mod version;

use kilter_domain::{
    actor::{Action, Actor, ActorKind, Denied, Principal, Role, RoleBindings, may, roles_of},
    alert::{AlertEvent, AlertState, Hysteresis, MonitorKind},
    audit::{Entry, Outcome},
    contract::Risk,
    deployment::{AdmissionPolicy, DeploymentEvent, DeploymentState, IllegalDeploymentTransition},
    digest::Digest,
    gate::{ApprovalRule, Signoff, Verdict, Waiver},
    model::{
        ActorWithRoles, Approval, Card, Commit, GateResult, Golden, IllegalVersionTransition, Lapse, Requirements,
        Retirement, Submission, Validation, VersionEvent, VersionFacts, VersionState,
    },
    nonempty::NonEmpty,
    rule::{MetricId, NotMeasured, RuleOutcome, RuleVerdict, Undecided},
    run::Cause,
    time::Timestamp,
};

pub(crate) fn user(name: &str) -> Actor {
    Actor::user(name).unwrap()
}

pub(crate) fn digest(text: &str) -> Digest {
    Digest::of(text.as_bytes())
}
