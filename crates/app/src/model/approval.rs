//! What people decide about a version: yes, no, and what is still missing after a yes.
//!
//! Invariants: every decision is a fact of its own, kept with its entry, whatever it comes to; the version moves by the
//! one function of `domain`, over all decisions that were made. The card is what the contract says of
//! the model. Out of scope: findings and reviews; where the risk asks for a review, a yes stays short of an
//! approval and says so.

use kilter_domain::{
    actor::{Action, Role},
    gate::Signoff,
    ids::ModelName,
    model::{ActorWithRoles, Approval, Card, IllegalVersionTransition, VersionEvent, VersionState},
    time::Timestamp,
};
use kilter_store::{
    PageRequest, Reader, StoreError, gate as decisions,
    gate::{Approval as Said, Decision, NewApproval},
    model as versions,
    model::Version,
};
use serde_json::json;

use crate::{
    app::App,
    authz::{access::permit, access_map, refused_actions},
    causes::{AuditedError, NotFound, PermissionDenied, StorageError, from_causes},
    context::RequestContext,
    deployment::auto_deploy::{self, DeployOutcome},
    event::DecisionKind,
    model::facts::facts_of,
    project::{ProjectError, folder::Project},
};

/// Decisions about a version that are read; more than a rule can ask for.
const MAX_DECISIONS: u32 = 1000;

/// Why a decision about a version is not taken.
#[derive(Debug, thiserror::Error)]
pub enum ApproveError {
    /// There is no such model.
    #[error(transparent)]
    NotFound(#[from] NotFound),
    #[error(transparent)]
    Denied(#[from] PermissionDenied),
    #[error(transparent)]
    Move(#[from] IllegalVersionTransition),
    #[error(transparent)]
    Project(#[from] ProjectError),
    #[error(transparent)]
    Storage(#[from] StorageError),
}

from_causes!(ApproveError: Storage(StoreError));

impl AuditedError for ApproveError {
    fn is_refusal(&self) -> bool {
        // A missing right has its entry where it is asked for.
        matches!(self, Self::Move(_))
    }

    fn is_race(&self) -> bool {
        matches!(self, Self::Storage(error) if error.is_race())
    }
}

/// What a yes came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approved {
    pub state: VersionState,
    /// What the contract still asks for; empty when the version is approved.
    pub missing: Vec<String>,
    /// What became of it where the contract deploys by itself.
    pub deployed: Vec<DeployOutcome>,
}

/// The project of a model, as its contract was last registered; its files are not looked for.
pub fn project_of(app: &App, model: &ModelName) -> Result<Project, ApproveError> {
    let found = app.store().read(|reader| versions::find_model(reader, model))?;
    let unknown =
        || NotFound { what: "model", id: model.to_string(), how: "see the models with `kilter model list`".to_owned() };
    Ok(access_map::recorded_project(app, &found.ok_or_else(unknown)?.project)?)
}

/// Someone says yes to a validated version; it is approved once everyone whom the contract asks has, and deployed at
/// once where the contract deploys by itself.
///
/// # Errors
/// When they may not, or the version is not validated; the refusal has its entry.
pub fn approve(
    app: &App,
    context: &RequestContext,
    model: &ModelName,
    number: u32,
    reason: &str,
) -> Result<Approved, ApproveError> {
    let project = project_of(app, model)?;
    let object = versions::object(model, number);
    let mut approved = refused_actions::record_if_refused(app, context, "version.sign_off", &object, || {
        record_sign_off(app, context, &project, model, number, reason)
    })?;
    if approved.state == VersionState::Approved {
        // The approval stands whatever becomes of the deployment; the loop of a server tries again.
        match auto_deploy::deploy_newest(app, &project, context.at) {
            Ok(deployed) => approved.deployed = deployed,
            Err(error) => tracing::error!(%model, number, %error, "what was approved could not be deployed"),
        }
    }
    Ok(approved)
}

/// Keeps a yes and moves the version if it was the last one that was missing: one transaction.
fn record_sign_off(
    app: &App,
    context: &RequestContext,
    project: &Project,
    model: &ModelName,
    number: u32,
    reason: &str,
) -> Result<Approved, ApproveError> {
    let permit = permit(&project.contract, &context.actor, Action::Approve)?;
    let version = app.store().read(|reader| versions::get(reader, model, number))?;
    if version.state != VersionState::Validated {
        let (from, to) = (version.state, "approved");
        return Err(IllegalVersionTransition::State { from, to }.into());
    }
    let role = asked_role(project, &permit.roles);
    let expires = project.contract.approve.expire.map(|span| context.at.after(span));
    let (name, decision) = (model.clone(), Decision::Approved);
    let new = NewApproval { model: name.clone(), number, role, decision, conditions: json!({}), expires };
    let by = ActorWithRoles { actor: context.actor.clone(), roles: permit.roles };
    let (signed, moved) = (
        context.audit_event("version.sign_off", reason, vec![]),
        context.audit_event(DecisionKind::Approved.word(), reason, vec![]),
    );
    let (project, at) = (project.clone(), context.at);
    Ok(app.store().write(move |tx| {
        decisions::record_approval(&tx.audited(signed), &new)?;
        let (version, said) = decided(tx, &name, number)?;
        let (state, missing) = match count_votes(&project, &version, &said, at, &by) {
            Ok(next) => (versions::advance(&tx.audited(moved), &name, number, version.state, next)?.state, vec![]),
            Err(IllegalVersionTransition::Evidence { missing, .. }) => (version.state, missing),
            // The right was asked for above, so the version has moved since: the yes is not kept either.
            Err(IllegalVersionTransition::State { .. } | IllegalVersionTransition::Right(_)) => {
                return Err(StoreError::Moved {
                    object: versions::object(&name, number),
                    expected: VersionState::Validated.to_string(),
                    actual: version.state.to_string(),
                });
            }
        };
        Ok(Approved { state, missing, deployed: vec![] })
    })?)
}

/// What a validated version still lacks to be approved, and by whom it can be given; empty for any other version.
///
/// # Errors
/// When the metadata cannot be read.
pub fn missing_approval(
    app: &App,
    project: &Project,
    version: &Version,
    at: Timestamp,
) -> Result<Vec<String>, StorageError> {
    if version.state != VersionState::Validated {
        return Ok(Vec::new());
    }
    let (version, said) = app.store().read(|reader| decided(reader, &version.model, version.number))?;
    // What is missing does not depend on who asks.
    Ok(match count_votes(project, &version, &said, at, &ActorWithRoles::system("status")) {
        Err(IllegalVersionTransition::Evidence { missing, .. }) => missing,
        _ => Vec::new(),
    })
}

/// Someone says no to a candidate or a validated version. It is final: a fix is a new version.
///
/// # Errors
/// When they may not, give no reason, or the version is past it.
pub fn reject(
    app: &App,
    context: &RequestContext,
    model: &ModelName,
    number: u32,
    reason: &str,
) -> Result<VersionState, ApproveError> {
    let project = project_of(app, model)?;
    let object = versions::object(model, number);
    refused_actions::record_if_refused(app, context, "version.reject", &object, || {
        record_decline(app, context, &project, model, number, reason)
    })
}

fn record_decline(
    app: &App,
    context: &RequestContext,
    project: &Project,
    model: &ModelName,
    number: u32,
    reason: &str,
) -> Result<VersionState, ApproveError> {
    let permit = permit(&project.contract, &context.actor, Action::Reject)?;
    let version = app.store().read(|reader| versions::get(reader, model, number))?;
    let by = ActorWithRoles { actor: context.actor.clone(), roles: permit.roles };
    let event = VersionEvent::Rejected { reason: reason.to_owned() };
    let next = facts_of(project, &version).after(&event, &by)?;
    let (who, decision) = (model.clone(), Decision::Rejected);
    let new = NewApproval { model: who, number, role: Role::Validator, decision, conditions: json!({}), expires: None };
    let (said, moved) =
        (context.audit_event("version.reject", reason, vec![]), context.audit_event("rejected", reason, vec![]));
    let (model, from) = (model.clone(), version.state);
    app.store().write(move |tx| {
        decisions::record_approval(&tx.audited(said), &new)?;
        versions::advance(&tx.audited(moved), &model, number, from, next)
    })?;
    Ok(next)
}

/// A version and what people said of it.
fn decided(reader: &Reader, model: &ModelName, number: u32) -> Result<(Version, Vec<Said>), StoreError> {
    let page = PageRequest::first(MAX_DECISIONS);
    Ok((versions::get(reader, model, number)?, decisions::list_approvals(reader, model, number, &page)?.items))
}

/// Where a version stands by what people said of it until `at`.
fn count_votes(
    project: &Project,
    version: &Version,
    said: &[Said],
    at: Timestamp,
    by: &ActorWithRoles,
) -> Result<VersionState, IllegalVersionTransition> {
    let yes = said.iter().filter(|said| said.decision == Decision::Approved);
    let stands = yes.filter(|said| said.expires.is_none_or(|expires| expires > at)).collect::<Vec<_>>();
    let approval = Approval {
        signoffs: stands.iter().map(|said| Signoff { by: said.by.clone(), role: said.role }).collect(),
        card: card(project),
        has_independent_review: false,
        open_findings: 0,
        expires: stands.iter().filter_map(|said| said.expires).min(),
    };
    facts_of(project, version).after(&VersionEvent::Approved(approval), by)
}

/// How far the card is: what the contract says of the model beside what was measured.
fn card(project: &Project) -> Card {
    let stated = &project.contract.project;
    let parts = [
        ("purpose", stated.purpose.is_none()),
        ("not_for", stated.not_for.is_empty()),
        ("owner", stated.owner.is_none()),
        ("an objective", project.contract.objectives.is_empty()),
    ];
    let gaps: Vec<String> = parts.iter().filter(|(_, lacks)| *lacks).map(|(name, _)| (*name).to_owned()).collect();
    if gaps.is_empty() { Card::Complete } else { Card::Draft { gaps } }
}

/// The role in which someone says yes: one that the rule asks for, if they have it.
fn asked_role(project: &Project, roles: &[Role]) -> Role {
    let asked = project.contract.approve.rule.quorums.iter().map(|quorum| quorum.role);
    let may = [Role::Validator, Role::Owner];
    asked.chain(may).find(|role| roles.contains(role)).unwrap_or(Role::Owner)
}
