//! A version is taken away wherever it may not serve any more: what answered before it comes back, or nothing answers.
//!
//! Invariants: the move of the version, the end of its deployments and what takes their place are one transaction; what takes a
//! place is approved, and was loaded before anything is written. Other servers follow the entries of the deployments.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use kilter_domain::{
    deployment::{AdmissionPolicy, DeploymentEvent, DeploymentState},
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
    authz::AuthorizedContext,
    causes::InvalidState,
    deployment::{
        checks,
        error::DeployError,
        routes::{self, RoutePlan},
        target::endpoints_of,
    },
    project::folder::Project,
};

/// Deployments of an endpoint that are looked at for one to go back to.
const MAX_EARLIER: u32 = 100;

/// A version that goes from one state to another, in which it may not serve everywhere.
pub(crate) struct Withdrawal<'a> {
    pub model: &'a ModelName,
    pub number: u32,
    /// Where it stands and where it goes; the same where it has moved already.
    pub moved: (VersionState, VersionState),
    /// The action of the entry of its move.
    pub action: &'a str,
    pub reason: &'a str,
    /// What takes its place; `None`: what was approved and live before it.
    pub replacement: Option<u32>,
    /// The one endpoint where it is taken away; `None`: wherever it may not serve.
    pub only_at: Option<&'a EndpointName>,
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

/// An endpoint where the version may not serve.
struct Place<'a> {
    app: &'a App,
    context: &'a AuthorizedContext,
    project: &'a Project,
    endpoint: EndpointName,
    admits: AdmissionPolicy,
}

/// What is written at one endpoint.
struct Step {
    endpoint: EndpointName,
    /// Deployments that end, with the state in which they do.
    ends: Vec<(Deployment, DeploymentState, AuditEvent)>,
    back: Option<(NewDeployment, DeploymentState, AuditEvent, AuditEvent)>,
    was_live: bool,
}

/// Moves a version, and takes it away wherever it may not serve in its new state: also where the contract no longer names the
/// endpoint.
///
/// # Errors
/// When it has moved meanwhile, a version that is named for its place cannot answer there, or the metadata cannot be read or
/// written; nothing is changed then.
pub(crate) fn withdraw(
    app: &App,
    context: &AuthorizedContext,
    project: &Project,
    withdrawal: Withdrawal<'_>,
) -> Result<Vec<Withdrawn>, DeployError> {
    let is_meant = |endpoint: &EndpointName| withdrawal.only_at.is_none_or(|only| only == endpoint);
    let refusing = endpoints_of(app, project)?
        .into_iter()
        .filter(|(endpoint, admits)| is_meant(endpoint) && !admits.accepts(withdrawal.moved.1));
    let places: Vec<Place<'_>> =
        refusing.map(|(endpoint, admits)| Place { app, context, project, endpoint, admits }).collect();
    let locks: Vec<Arc<Mutex<()>>> =
        places.iter().map(|place| app.components().endpoints.change_lock(&place.endpoint)).collect();
    // A panic of another change left committed states: this one reads them anew.
    let _alone: Vec<MutexGuard<'_, ()>> =
        locks.iter().map(|lock| lock.lock().unwrap_or_else(PoisonError::into_inner)).collect();
    let mut steps = Vec::new();
    for place in &places {
        steps.extend(step_at(place, &withdrawal)?);
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
    let (model, number) = (withdrawal.model, withdrawal.number);
    let ((from, to), act, of) = (withdrawal.moved, withdrawal.act, model.clone());
    app.store().write(move |tx| {
        act.iter().try_for_each(|new| act::record(&tx.audited(entry.clone()), new).map(drop))?;
        if from != to {
            versions::advance(&tx.audited(entry), &of, number, from, to)?;
        }
        steps.into_iter().try_for_each(|step| write_step(tx, step))
    })?;
    for (place, done) in
        places.iter().filter_map(|place| Some((place, done.iter().find(|done| done.endpoint == place.endpoint)?)))
    {
        // What does not load is told where the endpoint is asked for.
        let _ = routes::sync_routes(app, &place.endpoint);
        resolve_alerts(place, model, done);
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
fn step_at(place: &Place<'_>, withdrawal: &Withdrawal<'_>) -> Result<Option<Step>, DeployError> {
    let Place { app, context, endpoint, admits, .. } = place;
    let (live, candidate, requested) = app.store().read(|reader| {
        let requested = deployments::list_requested(reader, endpoint)?;
        Ok((deployments::live(reader, endpoint)?, deployments::candidate(reader, endpoint)?, requested))
    })?;
    let is_meant = |one: &Deployment| one.model == *withdrawal.model && one.number == withdrawal.number;
    let was_live = live.as_ref().is_some_and(is_meant);
    let back = match (&live, withdrawal.replacement) {
        (Some(live), Some(number)) if was_live => Some(checked_replacement(place, live, number)?),
        (Some(live), None) if was_live => earlier_in_place(place, live)?,
        _ => None,
    };
    let mut ending: Vec<Deployment> = requested.into_iter().filter(is_meant).collect();
    // A candidate beside nothing answers nobody, and one that takes the place ends its trial: it goes too.
    let goes = |one: &Deployment| is_meant(one) || (was_live && back.is_none_or(|number| number == one.number));
    ending.extend(candidate.filter(goes));
    ending.extend(live.filter(is_meant));
    if ending.is_empty() {
        return Ok(None);
    }
    let (event, kind) = match back {
        Some(_) => (DeploymentEvent::RolledBack, EventKind::RolledBack.as_str()),
        None => (DeploymentEvent::Stopped, "deployment.stop"),
    };
    let mut ends = Vec::new();
    for one in ending {
        let event = if one.state == DeploymentState::Requested { DeploymentEvent::Stopped } else { event };
        let state = one.state.after(event, withdrawal.moved.1, *admits)?;
        let mut entry =
            context.version_event(one.number, EventKind::RolledBack, withdrawal.reason, &EventMetrics::default());
        entry.action = kind.to_owned();
        ends.push((one, state, entry));
    }
    let back = match back {
        Some(number) => Some(return_of(place, number, withdrawal)?),
        None => None,
    };
    Ok(Some(Step { endpoint: endpoint.clone(), ends, back, was_live }))
}

fn return_of(
    place: &Place<'_>,
    number: u32,
    withdrawal: &Withdrawal<'_>,
) -> Result<(NewDeployment, DeploymentState, AuditEvent, AuditEvent), DeployError> {
    let (model, admits) = (withdrawal.model, place.admits);
    let requested = DeploymentState::requested(VersionState::Approved, admits)?;
    let state = requested.after(DeploymentEvent::WentLive, VersionState::Approved, admits)?;
    let new = NewDeployment {
        id: place.app.new_id(),
        endpoint: place.endpoint.clone(),
        model: model.clone(),
        number,
        reason: json!({ "text": format!("in the place of version {}", withdrawal.number) }),
    };
    let entry = |action: &str| {
        place.context.audit_event(action, withdrawal.reason, vec![VersionId::new(model.clone(), number).object()])
    };
    Ok((new, state, entry("deployment.request"), entry("deployment.return")))
}

/// The version that someone named for the place of a live one: it is approved for all traffic now, answers the same callers,
/// and was loaded.
fn checked_replacement(place: &Place<'_>, live: &Deployment, number: u32) -> Result<u32, DeployError> {
    let Place { app, context, endpoint, .. } = place;
    let state = checks::version_state(app, &live.model, number)?;
    if state != VersionState::Approved {
        let how = "name an approved version that takes its place".to_owned();
        let id = format!("{}@{number}", live.model);
        return Err(InvalidState { what: "replacement", id, state: state.to_string(), how }.into());
    }
    checks::check_traffic(app, &live.model, (number, 100), context.at)?;
    checks::check_signature_compatible(app, endpoint, &live.model, number)?;
    load(place, &live.model, number)?;
    Ok(number)
}

/// The last version that was live before, is approved for all traffic now and can be loaded.
fn earlier_in_place(place: &Place<'_>, live: &Deployment) -> Result<Option<u32>, DeployError> {
    let Place { app, context, endpoint, .. } = place;
    let page = PageRequest::first(MAX_EARLIER);
    let listed = app.store().read(|reader| deployments::list(reader, Some(endpoint), &page))?.items;
    let was_live = |one: &&Deployment| one.live_since.is_some() && one.model == live.model && one.number != live.number;
    let mut seen = BTreeSet::new();
    for number in listed.iter().filter(was_live).map(|one| one.number).filter(|number| seen.insert(*number)) {
        let is_approved = checks::version_state(app, &live.model, number)? == VersionState::Approved;
        if is_approved && checks::max_traffic_percent(app, &live.model, number, context.at)? == 100 {
            match load(place, &live.model, number) {
                Ok(()) => return Ok(Some(number)),
                Err(error) => {
                    tracing::error!(%endpoint, number, error = with_causes(&error), "an earlier version cannot take the place");
                }
            }
        }
    }
    Ok(None)
}

/// Loads and verifies a version as it would answer at the endpoint.
fn load(place: &Place<'_>, model: &ModelName, number: u32) -> Result<(), DeployError> {
    let plan = RoutePlan::live(model, number);
    routes::load_routes(place.app, &place.endpoint, &plan, place.project, place.admits).map(drop)
}

/// Alerts about what is gone are over; the change is committed, and one that moved meanwhile does not fail it.
fn resolve_alerts(place: &Place<'_>, model: &ModelName, done: &Withdrawn) {
    let Some(number) = done.answers else { return };
    let Place { app, context, project, endpoint, .. } = place;
    let reason = format!("version {number} took its place");
    if let Err(error) = app.resolve_alerts(context, project, endpoint, (model, number), &reason) {
        tracing::error!(%endpoint, %error, "alerts about the version before could not be resolved");
    }
}
