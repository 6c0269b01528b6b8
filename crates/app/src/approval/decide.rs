//! What people decide about a version: yes or no; a yes that completes its approval deploys it where the contract says so.
//!
//! Invariants: every decision is a fact of its own, kept with its entry, whatever it comes to; the version moves by the
//! one function of `domain`, over all decisions that were made ([`crate::model::votes`]).

use kilter_domain::{
    actor::{Action, Role},
    event::EventKind,
    gate::{ApprovalConditions, ApprovalRule},
    ids::ModelName,
    model::{ActorWithRoles, IllegalVersionTransition, VersionEvent, VersionState},
    time::Timestamp,
};
use kilter_store::{
    StoreError,
    audit::AuditEvent,
    gate as decisions,
    gate::{Decision, NewApproval},
    model as versions,
};

use crate::{
    app::App,
    approval::error::ApproveError,
    authz::{Act, AuthorizedContext, act, permission::permit_with_roles, refused_actions},
    causes::{InvalidState, NotFound},
    context::RequestContext,
    deployment::auto_deploy::{self, DeployOutcome},
    model::{
        facts::{facts_of, policy_of},
        version_record::VersionRecord,
        votes,
    },
    project::folder::Project,
    registered,
};

/// The entry of a yes.
const SIGN_OFF: &str = "version.sign_off";
/// The entry of a no.
const REJECT: &str = "version.reject";

/// What a yes came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approved {
    /// Where the version stands after it.
    pub state: VersionState,
    /// What the contract still asks for; empty when the version is approved.
    pub missing: Vec<String>,
    /// What became of it where the contract deploys by itself.
    pub deployed: Vec<DeployOutcome>,
}

/// The project of a model, as its contract was last registered; its files are not looked for.
///
/// # Errors
/// When there is no such model, or its recorded contract cannot be read.
pub fn project_of(app: &App, model: &ModelName) -> Result<Project, ApproveError> {
    let found = app.store().read(|reader| versions::find_model(reader, model))?;
    let unknown =
        || NotFound { what: "model", id: model.to_string(), how: "see the models with `kilter model list`".to_owned() };
    Ok(registered::recorded_project(app, &found.ok_or_else(unknown)?.project)?)
}

/// A decision that someone takes about a version, who has the right to it.
pub(super) struct Ballot<'a> {
    pub app: &'a App,
    pub context: &'a AuthorizedContext,
    pub project: &'a Project,
    pub record: VersionRecord,
    pub by: ActorWithRoles,
    pub reason: &'a str,
}

/// A yes, and what it is bound to.
#[derive(Clone, Copy, Debug)]
pub struct Yes<'a> {
    /// Why.
    pub reason: &'a str,
    /// What it is bound to.
    pub conditions: ApprovalConditions,
    /// In which role it is said; `None`: in the one of theirs that is still missing.
    pub role: Option<Role>,
}

impl Ballot<'_> {
    /// The decision as a fact of its own.
    fn fact(&self, role: Role, decision: Decision) -> NewApproval {
        let (model, number) = (self.record.version.model.clone(), self.record.version.number);
        NewApproval { model, number, role, decision, conditions: ApprovalConditions::default(), expires: None }
    }

    pub(super) fn entry(&self, kind: &str) -> AuditEvent {
        self.context.audit_event(kind, self.reason, vec![])
    }
}

/// Asks for the right to do `A` to a version, and lets `work` take the decision; a refusal has its entry.
pub(super) fn decide<A: Act, T>(
    app: &App,
    context: &RequestContext,
    (project, model, number): (&Project, &ModelName, u32),
    (kind, reason): (&str, &str),
    work: impl FnOnce(&Ballot<'_>) -> Result<T, ApproveError>,
) -> Result<T, ApproveError> {
    refused_actions::record_if_refused(app, context, kind, &versions::object(model, number), || {
        let (authorized, roles) = permit_with_roles::<A>(project, context)?;
        let record = app.store().read(|reader| VersionRecord::read(reader, model, number, context.at))?;
        let by = ActorWithRoles { actor: context.actor.clone(), roles };
        work(&Ballot { app, context: &authorized, project, record, by, reason })
    })
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
    yes: Yes<'_>,
) -> Result<Approved, ApproveError> {
    let project = project_of(app, model)?;
    let work = |ballot: &Ballot<'_>| record_sign_off(ballot, yes);
    let mut approved =
        decide::<act::Approve, _>(app, context, (&project, model, number), (SIGN_OFF, yes.reason), work)?;
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
fn record_sign_off(ballot: &Ballot<'_>, yes: Yes<'_>) -> Result<Approved, ApproveError> {
    let version = &ballot.record.version;
    if version.state != VersionState::Validated {
        let (from, to) = (version.state, "approved");
        return Err(IllegalVersionTransition::State { from, to }.into());
    }
    let (project, by, at) = (ballot.project.clone(), ballot.by.clone(), ballot.context.at);
    let conditions = yes.conditions;
    check_conditions(conditions, at)?;
    let policy = policy_of(&project, version);
    let policy_ends = policy.approve.expire.map(|span| at.after(span));
    let expires = policy_ends.into_iter().chain(conditions.until).min();
    let role = asked_role(ballot, &policy.approve.rule, yes.role)?;
    let new = NewApproval { conditions, expires, ..ballot.fact(role, Decision::Approved) };
    let (signed, moved) = (ballot.entry(SIGN_OFF), ballot.entry(EventKind::Approved.as_str()));
    Ok(ballot.app.store().write(move |tx| {
        decisions::record_approval(&tx.audited(signed), &new)?;
        let record = VersionRecord::read(tx, &new.model, new.number, at)?;
        let state = record.version.state;
        let (state, missing) = match votes::count_votes(&project, &record, at, &by) {
            Ok(next) => {
                let audited = tx.audited(moved);
                (versions::advance(&audited, &new.model, new.number, state, next)?.state, vec![])
            }
            Err(IllegalVersionTransition::Evidence { missing, .. }) => (state, missing),
            // The right was asked for above, so the version has moved since: the yes is not kept either.
            Err(IllegalVersionTransition::State { .. } | IllegalVersionTransition::Right(_)) => {
                return Err(StoreError::Moved {
                    object: versions::object(&new.model, new.number),
                    expected: VersionState::Validated.to_string(),
                    actual: state.to_string(),
                });
            }
        };
        Ok(Approved { state, missing, deployed: vec![] })
    })?)
}

/// Refuses conditions that no time and no traffic can meet.
fn check_conditions(conditions: ApprovalConditions, at: Timestamp) -> Result<(), ApproveError> {
    let invalid = |id: String, state: &str, how: &str| {
        Err(InvalidState { what: "condition", id, state: state.to_owned(), how: how.to_owned() }.into())
    };
    match conditions {
        ApprovalConditions { until: Some(until), .. } if until <= at => {
            invalid(format!("until {until}"), "over already", "name a time to come")
        }
        ApprovalConditions { max_traffic_percent: Some(percent), .. } if !(1..=99).contains(&percent) => invalid(
            format!("at most {percent} % of the traffic"),
            "no share of it",
            "write 1 to 99, or leave the condition out",
        ),
        _ => Ok(()),
    }
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
    decide::<act::Reject, _>(app, context, (&project, model, number), (REJECT, reason), record_decline)
}

fn record_decline(ballot: &Ballot<'_>) -> Result<VersionState, ApproveError> {
    let event = VersionEvent::Rejected { reason: ballot.reason.to_owned() };
    let facts = facts_of(ballot.project, &ballot.record);
    let (from, next) = (facts.state, facts.after(&event, &ballot.by)?);
    let new = ballot.fact(Role::Validator, Decision::Rejected);
    let (said, moved) = (ballot.entry(REJECT), ballot.entry("rejected"));
    ballot.app.store().write(move |tx| {
        decisions::record_approval(&tx.audited(said), &new)?;
        versions::advance(&tx.audited(moved), &new.model, new.number, from, next)
    })?;
    Ok(next)
}

/// The role in which someone says yes: the one that they named and have, else one of theirs whose yes is still missing.
fn asked_role(ballot: &Ballot<'_>, rule: &ApprovalRule, named: Option<Role>) -> Result<Role, ApproveError> {
    let ActorWithRoles { actor, roles } = &ballot.by;
    let held = |role: &Role| Action::Approve.roles().contains(role) && roles.contains(role);
    if let Some(named) = named {
        let own = || roles.iter().filter(|role| held(role)).map(ToString::to_string).collect::<Vec<_>>().join(" or ");
        return match held(&named) {
            true => Ok(named),
            false => {
                let (what, id, state) = ("role", named.to_string(), format!("not one in which {actor} can approve"));
                Err(InvalidState { what, id, state, how: format!("approve as {}", own()) }.into())
            }
        };
    }
    let counted = facts_of(ballot.project, &ballot.record).counted(&ballot.record.signoffs(ballot.context.at));
    let asked = rule.quorums.iter().map(|quorum| quorum.role).chain([Role::Validator, Role::Owner]).find(held);
    Ok(rule.helpful_role(&counted, actor, roles).or(asked).unwrap_or(Role::Owner))
}
