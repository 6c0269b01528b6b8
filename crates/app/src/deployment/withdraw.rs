//! A version is taken away wherever it may not serve any more: what answered before it comes back, or nothing answers.
//!
//! Invariants: the move of the version, the end of its deployments and what takes their place are one transaction; what takes a
//! place is approved, and was loaded before anything is written. Other servers follow the entries of the deployments.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kilter_domain::{
    deployment::{DeploymentEvent, DeploymentState},
    error_chain::with_causes,
    event::{EventKind, EventMetrics},
    ids::{EndpointName, ModelName, VersionId},
    model::VersionState,
};
use kilter_store::{
    PageRequest, Tx,
    audit::AuditEvent,
    deployment as deployments,
    deployment::{Deployment, NewDeployment},
    model::{
        self as versions,
        act::{self, NewAct},
    },
};
use serde_json::json;

use crate::{
    app::App,
    causes::StorageError,
    context::RequestContext,
    deployment::{
        checks,
        error::DeployError,
        routes::{self, RoutePlan},
        target::Target,
    },
    project::folder::Project,
};

/// Deployments of an endpoint that are looked at for one to go back to.
const MAX_EARLIER: u32 = 100;

/// A version that goes from one state to another, in which it may not serve everywhere.
pub(crate) struct Withdrawal<'a> {
    pub number: u32,
    /// Where it stands and where it goes; the same where it has moved already.
    pub moved: (VersionState, VersionState),
    /// The action of the entry of its move.
    pub action: &'a str,
    pub reason: &'a str,
    /// What takes its place; `None`: what was approved and live before it.
    pub replacement: Option<u32>,
    /// What is recorded of it beside.
    pub act: Option<NewAct>,
}

/// What became of an endpoint where the version served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Withdrawn {
    /// The endpoint.
    pub endpoint: EndpointName,
    /// The version that answers now; `None`: nothing does, or the live one was not touched.
    pub answers: Option<u32>,
    /// Whether the version was the live one there.
    pub was_live: bool,
}

/// What is written at one endpoint.
struct Step {
    endpoint: EndpointName,
    /// Deployments that end, with the state in which they do.
    ends: Vec<(Deployment, DeploymentState, AuditEvent)>,
    back: Option<(NewDeployment, DeploymentState, AuditEvent, AuditEvent)>,
    was_live: bool,
}

/// Moves a version, and takes it away wherever it may not serve in its new state.
///
/// # Errors
/// When it has moved meanwhile, or the metadata cannot be read or written; nothing is changed then.
pub(crate) fn withdraw(
    app: &App,
    context: &RequestContext,
    project: &Project,
    withdrawal: Withdrawal<'_>,
) -> Result<Vec<Withdrawn>, DeployError> {
    let model = project.model();
    let refusing = |target: &Target<'_>| !target.deploy.admission_policy().accepts(withdrawal.moved.1);
    let targets: Vec<Target<'_>> = Target::all(project).filter(refusing).collect();
    let locks: Vec<Arc<Mutex<()>>> =
        targets.iter().map(|target| app.components().endpoints.change_lock(&target.endpoint)).collect();
    // A panic of another change left committed states: this one reads them anew.
    let _alone: Vec<MutexGuard<'_, ()>> =
        locks.iter().map(|lock| lock.lock().unwrap_or_else(PoisonError::into_inner)).collect();
    let mut steps = Vec::new();
    for target in &targets {
        steps.extend(step_at(app, context, target, &model, &withdrawal)?);
    }
    let done: Vec<Withdrawn> = steps
        .iter()
        .map(|step| Withdrawn {
            endpoint: step.endpoint.clone(),
            answers: step.back.as_ref().map(|(new, ..)| new.number),
            was_live: step.was_live,
        })
        .collect();
    let entry = context.audit_event(withdrawal.action, withdrawal.reason, vec![]);
    let (number, (from, to), act, of) = (withdrawal.number, withdrawal.moved, withdrawal.act, model.clone());
    app.store().write(move |tx| {
        act.iter().try_for_each(|new| act::record(&tx.audited(entry.clone()), new).map(drop))?;
        if from != to {
            versions::advance(&tx.audited(entry), &of, number, from, to)?;
        }
        steps.into_iter().try_for_each(|step| write_step(tx, step))
    })?;
    for (target, done) in targets
        .iter()
        .filter_map(|target| done.iter().find(|done| done.endpoint == target.endpoint).map(|done| (target, done)))
    {
        // What does not load is told where the endpoint is asked for.
        let _ = routes::sync_routes(app, &target.endpoint);
        resolve_alerts(app, context, target, &model, done);
    }
    Ok(done)
}

fn write_step(tx: &Tx, step: Step) -> Result<(), kilter_store::StoreError> {
    for (ended, state, entry) in step.ends {
        deployments::advance(&tx.audited(entry), &ended.id, ended.state, state)?;
    }
    if let Some((new, state, request, back)) = step.back {
        let made = deployments::request(&tx.audited(request), &new)?;
        deployments::advance(&tx.audited(back), &made.id, made.state, state)?;
    }
    Ok(())
}

/// What is to be written at an endpoint; `None` where the version does not serve.
fn step_at(
    app: &App,
    context: &RequestContext,
    target: &Target<'_>,
    model: &ModelName,
    withdrawal: &Withdrawal<'_>,
) -> Result<Option<Step>, DeployError> {
    let (endpoint, number) = (&target.endpoint, withdrawal.number);
    let (live, candidate, requested) = app.store().read(|reader| {
        let requested = deployments::list_requested(reader, endpoint)?;
        Ok((deployments::live(reader, endpoint)?, deployments::candidate(reader, endpoint)?, requested))
    })?;
    let is_meant = |one: &Deployment| one.model == *model && one.number == number;
    let was_live = live.as_ref().is_some_and(is_meant);
    let back = match &live {
        Some(live) if was_live => version_in_place(app, target, live, withdrawal.replacement)?,
        _ => None,
    };
    let mut ending: Vec<Deployment> = requested.into_iter().filter(is_meant).collect();
    // A candidate beside nothing answers nobody: it goes too.
    ending.extend(candidate.filter(|one| is_meant(one) || (was_live && back.is_none())));
    ending.extend(live.filter(is_meant));
    if ending.is_empty() {
        return Ok(None);
    }
    let (event, kind) = match back {
        Some(_) => (DeploymentEvent::RolledBack, EventKind::RolledBack.as_str()),
        None => (DeploymentEvent::Stopped, "deployment.stop"),
    };
    let admits = target.deploy.admission_policy();
    let mut ends = Vec::new();
    for one in ending {
        let event = if one.state == DeploymentState::Requested { DeploymentEvent::Stopped } else { event };
        let state = one.state.after(event, withdrawal.moved.1, admits)?;
        let mut entry =
            context.version_event(one.number, EventKind::RolledBack, withdrawal.reason, &EventMetrics::default());
        entry.action = kind.to_owned();
        ends.push((one, state, entry));
    }
    let back = match back {
        Some(number) => Some(return_of(app, context, target, (model, number), withdrawal)?),
        None => None,
    };
    Ok(Some(Step { endpoint: endpoint.clone(), ends, back, was_live }))
}

fn return_of(
    app: &App,
    context: &RequestContext,
    target: &Target<'_>,
    (model, number): (&ModelName, u32),
    withdrawal: &Withdrawal<'_>,
) -> Result<(NewDeployment, DeploymentState, AuditEvent, AuditEvent), DeployError> {
    let admits = target.deploy.admission_policy();
    let requested = DeploymentState::requested(VersionState::Approved, admits)?;
    let state = requested.after(DeploymentEvent::WentLive, VersionState::Approved, admits)?;
    let new = NewDeployment {
        id: app.new_id(),
        endpoint: target.endpoint.clone(),
        model: model.clone(),
        number,
        reason: json!({ "text": format!("in the place of version {}", withdrawal.number) }),
    };
    let entry = |action: &str| {
        context.audit_event(action, withdrawal.reason, vec![VersionId::new(model.clone(), number).object()])
    };
    Ok((new, state, entry("deployment.request"), entry("deployment.return")))
}

/// The version that takes the place of a live one: what is named, else the one that was live before it, is approved for all
/// traffic and can be loaded.
fn version_in_place(
    app: &App,
    target: &Target<'_>,
    live: &Deployment,
    replacement: Option<u32>,
) -> Result<Option<u32>, StorageError> {
    let earlier = match replacement {
        Some(number) => vec![number],
        None => {
            let page = PageRequest::first(MAX_EARLIER);
            let listed = app.store().read(|reader| deployments::list(reader, Some(&target.endpoint), &page))?.items;
            let was_live = |one: &&Deployment| one.live_since.is_some() && one.model == live.model;
            listed.iter().filter(was_live).map(|one| one.number).filter(|number| *number != live.number).collect()
        }
    };
    for number in earlier {
        let is_approved = checks::version_state(app, &live.model, number)? == VersionState::Approved;
        if is_approved && checks::max_traffic_percent(app, &live.model, number, live.created)? == 100 {
            let plan = RoutePlan::live(&live.model, number);
            let admits = target.deploy.admission_policy();
            match routes::load_routes(app, &target.endpoint, &plan, target.project, admits) {
                Ok(_) => return Ok(Some(number)),
                Err(error) => {
                    tracing::error!(endpoint = %target.endpoint, number, error = with_causes(&error), "an earlier version cannot take the place");
                }
            }
        }
    }
    Ok(None)
}

/// Alerts about what is gone are over; the change is committed, and one that moved meanwhile does not fail it.
fn resolve_alerts(app: &App, context: &RequestContext, target: &Target<'_>, model: &ModelName, done: &Withdrawn) {
    let Some(number) = done.answers else { return };
    let reason = format!("version {number} took its place");
    if let Err(error) = app.resolve_alerts(context, target.project, &target.endpoint, (model, number), &reason) {
        tracing::error!(endpoint = %target.endpoint, %error, "alerts about the version before could not be resolved");
    }
}
