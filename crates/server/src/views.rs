//! What there is, in the words of `api`. The routes and the commands show the same.

use kilter_api::{self as api, Problem};
use kilter_app::{App, deployment::DeployOutcome};
use kilter_domain::{
    gate::Verdict,
    ids::{EndpointName, ModelName},
    time::Timestamp,
};
use kilter_store::{
    Cursor, Page, PageRequest, Reader, StoreError, audit,
    deployment::{self as deployments, Deployment, Endpoint},
    gate as gates,
    model::{self as models, Version},
    monitor::alert::{self as alerts, Alert, AlertFilter},
};

use crate::failure::{problem_of, store_problem};

/// Rows of a list at most.
const MOST: u32 = 100;

pub(crate) fn read<T>(app: &App, work: impl FnOnce(&Reader) -> Result<T, StoreError>) -> Result<T, Problem> {
    app.store().read(work).map_err(|error| store_problem(&error))
}

/// One endpoint and what is open there.
///
/// # Errors
/// When nothing of that name is registered, or the metadata cannot be read.
pub fn endpoint(app: &App, name: &EndpointName, now: Timestamp) -> Result<api::EndpointStatus, Problem> {
    let filter = AlertFilter { open: true, endpoint: Some(name.clone()) };
    let mut status = read(app, |reader| {
        let found = deployments::find_endpoint(reader, name)?;
        let found = found.ok_or_else(|| StoreError::NotFound { what: "endpoint", id: name.to_string() })?;
        let open = alerts::list(reader, &filter, &PageRequest::first(MOST))?.items.len() as u64;
        endpoint_status(reader, found, open, app)
    })?;
    status.waits = waits(app, name, now);
    Ok(status)
}

/// What an endpoint waits for. A contract that cannot be read takes no status away: it is the next step.
fn waits(app: &App, endpoint: &EndpointName, now: Timestamp) -> Option<api::Waits> {
    match app.waiting_at(endpoint, now) {
        Ok(waiting) => waiting.map(|waiting| api::Waits {
            version: waiting.version,
            reason: waiting.reason,
            who: waiting.who,
            command: waiting.command,
        }),
        Err(error) => Some(api::Waits {
            version: None,
            reason: problem_of(&error).to_string(),
            who: Vec::new(),
            command: "kilter check".to_owned(),
        }),
    }
}

fn endpoint_status(
    reader: &Reader,
    endpoint: Endpoint,
    open_alerts: u64,
    app: &App,
) -> Result<api::EndpointStatus, StoreError> {
    Ok(api::EndpointStatus {
        refused: app.refused_at(&endpoint.name),
        candidate_refused: app.candidate_refused_at(&endpoint.name),
        live: deployments::live(reader, &endpoint.name)?.as_ref().map(deployment),
        candidate: deployments::candidate(reader, &endpoint.name)?.as_ref().map(deployment),
        open_alerts,
        waits: None,
        project: endpoint.project.to_string(),
        name: endpoint.name.to_string(),
    })
}

/// Every endpoint and what is open there.
///
/// # Errors
/// When the metadata cannot be read.
pub fn status(app: &App, now: Timestamp) -> Result<api::Status, Problem> {
    let mut status = read(app, |reader| {
        let open = AlertFilter { open: true, ..AlertFilter::default() };
        let alerts: Vec<_> = alerts::list(reader, &open, &PageRequest::first(MOST))?.items.iter().map(alert).collect();
        let endpoints = deployments::list_endpoints(reader, None, &PageRequest::first(MOST))?.items;
        let endpoints = endpoints.into_iter().map(|endpoint| {
            let open = alerts.iter().filter(|alert| alert.endpoint == endpoint.name.as_str()).count() as u64;
            endpoint_status(reader, endpoint, open, app)
        });
        Ok(api::Status {
            endpoints: endpoints.collect::<Result<_, StoreError>>()?,
            alerts,
            audit_entries: audit::size(reader)?,
            tasks: Vec::new(),
            damage: app.damage(),
        })
    })?;
    for endpoint in &mut status.endpoints {
        endpoint.waits = endpoint.name.parse().ok().and_then(|name| waits(app, &name, now));
    }
    Ok(status)
}

/// What became of a version at a place, in the words of `api`.
pub(crate) fn deployed(deployed: &DeployOutcome) -> api::DeployedVersion {
    api::DeployedVersion {
        endpoint: deployed.endpoint.to_string(),
        version: deployed.number,
        state: deployed.outcome.as_ref().ok().map(ToString::to_string),
        refused: deployed.outcome.as_ref().err().cloned(),
    }
}

/// Every model with its versions.
///
/// # Errors
/// When the metadata cannot be read.
pub fn models(app: &App, page: &PageRequest) -> Result<api::Page<api::Model>, Problem> {
    read(app, |reader| {
        let found = models::list_models(reader, None, page)?;
        let items = found.items.into_iter().map(|model| model_of(reader, model)).collect::<Result<_, _>>()?;
        Ok(api::Page { items, next: cursor(found.next) })
    })
}

pub(crate) fn cursor(next: Option<Cursor>) -> Option<String> {
    next.map(|cursor| cursor.to_string())
}

fn page_of<T, U>(found: Page<T>, one: impl Fn(&T) -> U) -> api::Page<U> {
    api::Page { items: found.items.iter().map(one).collect(), next: cursor(found.next) }
}

/// One model with its versions.
///
/// # Errors
/// When there is none of that name, or the metadata cannot be read.
pub fn model(app: &App, name: &ModelName) -> Result<api::Model, Problem> {
    read(app, |reader| match models::find_model(reader, name)? {
        Some(model) => model_of(reader, model),
        None => Err(StoreError::NotFound { what: "model", id: name.to_string() }),
    })
}

fn model_of(reader: &Reader, model: models::Model) -> Result<api::Model, StoreError> {
    let versions = models::list(reader, &model.name, None, &PageRequest::first(MOST))?.items;
    Ok(api::Model {
        name: model.name.to_string(),
        project: model.project.to_string(),
        created: model.created.to_string(),
        versions: versions.iter().map(version).collect(),
    })
}

/// One version with what each gate said.
///
/// # Errors
/// When there is no such version, or the metadata cannot be read.
pub fn version_with_gates(app: &App, name: &ModelName, number: u32) -> Result<api::Version, Problem> {
    read(app, |reader| {
        let found = models::get(reader, name, number)?;
        let said = gates::standing_verdicts(reader, name, number)?;
        let gates = said.iter().map(|said| api::GateVerdict {
            gate: said.gate.to_string(),
            at: said.at.to_string(),
            verdict: verdict(&said.verdict).to_owned(),
            reason: said.verdict.reasons().into_iter().map(str::to_owned).collect(),
        });
        Ok(api::Version { gates: gates.collect(), ..version(&found) })
    })
}

/// Deployments, newest first.
///
/// # Errors
/// When the metadata cannot be read, or the cursor is of another list.
pub fn deployments(
    app: &App,
    endpoint: Option<&EndpointName>,
    page: &PageRequest,
) -> Result<api::Page<api::Deployment>, Problem> {
    read(app, |reader| Ok(page_of(deployments::list(reader, endpoint, page)?, deployment)))
}

/// Alerts, newest first.
///
/// # Errors
/// When the metadata cannot be read, or the cursor is of another list.
pub fn alerts(app: &App, open: bool, page: &PageRequest) -> Result<api::Page<api::Alert>, Problem> {
    let filter = AlertFilter { open, ..AlertFilter::default() };
    read(app, |reader| Ok(page_of(alerts::list(reader, &filter, page)?, alert)))
}

/// One alert.
///
/// # Errors
/// When there is none of that id, or the metadata cannot be read.
pub fn one_alert(app: &App, id: &str) -> Result<api::Alert, Problem> {
    read(app, |reader| Ok(alert(&alerts::get(reader, id)?)))
}

/// Entries of the audit table, newest first.
///
/// # Errors
/// When the metadata cannot be read, or the cursor is of another list.
pub fn audit(app: &App, page: &PageRequest) -> Result<api::Page<api::AuditEntry>, Problem> {
    read(app, |reader| Ok(page_of(audit::list(reader, page)?, entry)))
}

/// Reads the whole audit table and compares it with itself and with every state.
///
/// # Errors
/// When the metadata cannot be read.
pub fn verify_audit(app: &App) -> Result<api::AuditCheck, Problem> {
    let found = read(app, kilter_store::audit::verify)?;
    let faults: Vec<String> = found.faults.iter().map(ToString::to_string).collect();
    let sound = faults.is_empty();
    Ok(api::AuditCheck { entries: found.entries, sound, unsealed_rows: found.unsealed_rows, faults })
}

fn text(time: Option<Timestamp>) -> Option<String> {
    time.map(|time| time.to_string())
}

const fn verdict(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Passed { .. } => "passed",
        Verdict::Failed { .. } => "failed",
        Verdict::Undecided { .. } => "undecided",
    }
}

fn version(version: &Version) -> api::Version {
    api::Version {
        model: version.model.to_string(),
        number: version.number,
        state: version.state.to_string(),
        digest: version.digest.to_string(),
        run: version.run.clone(),
        created: version.created.to_string(),
        metrics: version.metrics.clone(),
        gates: Vec::new(),
    }
}

/// A deployment in the words of `api`.
pub fn deployment(deployment: &Deployment) -> api::Deployment {
    api::Deployment {
        id: deployment.id.clone(),
        endpoint: deployment.endpoint.to_string(),
        model: deployment.model.to_string(),
        version: deployment.number,
        state: deployment.state.to_string(),
        created: deployment.created.to_string(),
        live_since: text(deployment.live_since),
        live_until: text(deployment.live_until),
    }
}

fn alert(alert: &Alert) -> api::Alert {
    api::Alert {
        id: alert.id.clone(),
        endpoint: alert.endpoint.to_string(),
        monitor: alert.monitor.to_string(),
        state: alert.state.as_str().to_owned(),
        cause: alert.cause.clone(),
        opened: alert.opened.to_string(),
        fired: text(alert.fired),
        resolved: text(alert.resolved),
        detail: alert.detail.clone(),
    }
}

fn entry(record: &audit::Record) -> api::AuditEntry {
    let entry = &record.entry;
    api::AuditEntry {
        seq: entry.seq,
        at: entry.at.to_string(),
        actor: entry.actor.to_string(),
        action: entry.action.clone(),
        object: entry.object.clone(),
        before: entry.before.clone(),
        after: entry.after.clone(),
        reason: record.reason.clone(),
        outcome: entry.outcome.as_str().to_owned(),
    }
}
