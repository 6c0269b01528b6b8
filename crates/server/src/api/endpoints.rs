//! Endpoints: what answers there, and what they wait for.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State},
};
use kilter_api::{self as api, Problem, canary_percent};
use kilter_app::{App, approval, deployment, prediction};
use kilter_domain::{ids::EndpointName, time::Timestamp};
use kilter_serving::ServedVersion;
use kilter_store::{
    PageRequest, Reader, StoreError,
    deployment::{self as store, Deployment, Endpoint},
    monitor::alert::{self as alerts, AlertFilter},
};

use crate::{
    api::{MAX_ROWS, parse_param, read},
    caller::Caller,
    error::{ApiError, problem_of},
    state::{AppState, blocking},
};

/// One endpoint and what serves there.
#[utoipa::path(
    get, path = "/api/v1/endpoints/{endpoint}", tag = "deployments", params(("endpoint" = String, Path)),
    responses((status = 200, body = api::EndpointStatus), (status = 401, body = Problem), (status = 404, body = Problem))
)]
pub(crate) async fn get_endpoint(
    _: Caller,
    State(state): State<AppState>,
    Path(endpoint): Path<String>,
) -> Result<Json<api::EndpointStatus>, ApiError> {
    let (app, endpoint, now) = (state.app(), parse_param::<EndpointName>(&endpoint)?, state.now());
    Ok(Json(blocking(move || self::endpoint(&app, &endpoint, now)).await?))
}

/// One endpoint and what is open there.
///
/// # Errors
/// When nothing of that name is registered, or the metadata cannot be read.
pub fn endpoint(app: &App, endpoint: &EndpointName, now: Timestamp) -> Result<api::EndpointStatus, Problem> {
    let filter = AlertFilter { open: true, endpoint: Some(endpoint.clone()) };
    let mut status = read(app, |reader| {
        let found = store::find_endpoint(reader, endpoint)?;
        let found = found.ok_or_else(|| StoreError::NotFound { what: "endpoint", id: endpoint.to_string() })?;
        let open = alerts::list(reader, &filter, &PageRequest::first(MAX_ROWS))?.items.len() as u64;
        endpoint_status(reader, found, open, app)
    })?;
    status.waits = waits(app, endpoint, now);
    status.exceptions = exceptions(app, &status, now);
    Ok(status)
}

/// What is out of order about what answers at an endpoint; what cannot be read is logged, and takes no status away.
pub(crate) fn exceptions(app: &App, status: &api::EndpointStatus, now: Timestamp) -> Vec<String> {
    let Some(live) = &status.live else { return Vec::new() };
    let Ok(model) = live.model.parse() else { return Vec::new() };
    let found = approval::exceptions(app, &model, live.version, now);
    found.inspect_err(|error| tracing::error!(%error, "the exceptions of a version cannot be read")).unwrap_or_default()
}

/// What an endpoint waits for. A contract that cannot be read takes no status away: it is the next step.
pub(crate) fn waits(app: &App, endpoint: &EndpointName, now: Timestamp) -> Option<api::Waits> {
    match deployment::waiting_at(app, endpoint, now) {
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

pub(crate) fn endpoint_status(
    reader: &Reader,
    endpoint: Endpoint,
    open_alerts: u64,
    app: &App,
) -> Result<api::EndpointStatus, StoreError> {
    Ok(api::EndpointStatus {
        refused: deployment::refused_at(app, &endpoint.name),
        candidate_refused: deployment::candidate_refused_at(app, &endpoint.name),
        live: store::live(reader, &endpoint.name)?.as_ref().map(deployment),
        candidate: store::candidate(reader, &endpoint.name)?.as_ref().map(deployment),
        open_alerts,
        waits: None,
        exceptions: Vec::new(),
        models: models(app, &endpoint.name),
        input_rules: input_rules(app, &endpoint.name),
        project: endpoint.project.to_string(),
        name: endpoint.name.to_string(),
    })
}

/// The models of the versions that this process serves.
fn models(app: &App, endpoint: &EndpointName) -> Vec<api::ModelMemory> {
    let routes = prediction::serving(app, endpoint).map(|serving| serving.endpoint().routes());
    let of = |served: &Arc<ServedVersion>| {
        let bytes = served.model().memory_bytes();
        api::ModelMemory { version: served.version().number, in_memory: bytes.is_some(), bytes }
    };
    routes.iter().flat_map(|routes| routes.versions()).map(of).collect()
}

/// The input rules of the versions that this process serves.
fn input_rules(app: &App, endpoint: &EndpointName) -> Vec<api::InputRuleCount> {
    let routes = prediction::serving(app, endpoint).map(|serving| serving.endpoint().routes());
    let versions = routes.iter().flat_map(|routes| routes.versions());
    let counts = |served: &Arc<ServedVersion>| {
        let version = served.version().number;
        served.input_rules().counts().into_iter().map(move |count| api::InputRuleCount {
            version,
            input: count.input,
            rule: count.rule.to_owned(),
            policy: count.policy,
            rows: count.rows,
        })
    };
    versions.flat_map(counts).collect()
}

/// Fails if nothing of that name is registered.
pub(crate) fn require_endpoint(reader: &Reader, endpoint: &EndpointName) -> Result<(), StoreError> {
    match store::find_endpoint(reader, endpoint)? {
        Some(_) => Ok(()),
        None => Err(StoreError::NotFound { what: "endpoint", id: endpoint.to_string() }),
    }
}

/// A deployment in the words of `api`.
pub fn deployment(deployment: &Deployment) -> api::Deployment {
    api::Deployment {
        id: deployment.id.clone(),
        endpoint: deployment.endpoint.to_string(),
        model: deployment.model.to_string(),
        version: deployment.number,
        state: deployment.state.into(),
        canary_percent: canary_percent(deployment.state),
        created: deployment.created,
        live_since: deployment.live_since,
        live_until: deployment.live_until,
    }
}
