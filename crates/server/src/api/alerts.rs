//! Alerts: listed, acknowledged, muted, resolved.

use axum::{
    Json,
    extract::{Path, State},
};
use kilter_api::{self as api, AlertQuery, PageQuery, Problem};
use kilter_app::{App, alert::handle_alert, authz};
use kilter_domain::alert::AlertEvent;
use kilter_store::{
    PageRequest,
    monitor::alert::{self as store, Alert, AlertFilter},
};

use crate::{
    api::{page_of, page_request, read, reason_or_default},
    caller::Caller,
    error::{ApiError, problem_of},
    extract,
    state::{AppState, blocking},
};

/// Alerts, newest first.
#[utoipa::path(get, path = "/api/v1/alerts", tag = "alerts", params(AlertQuery), responses((status = 200, body = api::Page<api::Alert>), (status = 400, body = Problem), (status = 401, body = Problem)))]
pub(crate) async fn list_alerts(
    caller: Caller,
    State(state): State<AppState>,
    listing: extract::Query<AlertQuery>,
) -> Result<Json<api::Page<api::Alert>>, ApiError> {
    let (app, page) = (state.app(), page_request(&PageQuery { limit: listing.0.limit, cursor: listing.0.cursor })?);
    let readable = authz::readable(&app, &caller.context(&state));
    let mut found = blocking(move || alerts(&app, listing.0.open, &page)).await?;
    found.items.retain(|one| readable.has_endpoint(&one.endpoint));
    Ok(Json(found))
}

/// Someone looks at an alert.
#[utoipa::path(
    post, path = "/api/v1/alerts/{id}/acknowledge", tag = "alerts",
    params(("id" = String, Path)), request_body = api::Reason,
    responses((status = 200, body = api::Alert), (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem))
)]
pub(crate) async fn acknowledge(
    caller: Caller,
    State(state): State<AppState>,
    Path(id): Path<String>,
    extract::Json(body): extract::Json<api::Reason>,
) -> Result<Json<api::Alert>, ApiError> {
    handle(caller, state, id, AlertEvent::Acknowledged, body.reason).await
}

/// Keeps an alert silent until a moment.
#[utoipa::path(
    post, path = "/api/v1/alerts/{id}/mute", tag = "alerts",
    params(("id" = String, Path)), request_body = api::Mute,
    responses((status = 200, body = api::Alert), (status = 400, body = Problem), (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem))
)]
pub(crate) async fn mute(
    caller: Caller,
    State(state): State<AppState>,
    Path(id): Path<String>,
    extract::Json(body): extract::Json<api::Mute>,
) -> Result<Json<api::Alert>, ApiError> {
    let until = body.until;
    handle(caller, state, id, AlertEvent::Muted { until }, body.reason).await
}

/// Ends a mute before its time.
#[utoipa::path(
    post, path = "/api/v1/alerts/{id}/unmute", tag = "alerts",
    params(("id" = String, Path)), request_body = api::Reason,
    responses((status = 200, body = api::Alert), (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem))
)]
pub(crate) async fn unmute(
    caller: Caller,
    State(state): State<AppState>,
    Path(id): Path<String>,
    extract::Json(body): extract::Json<api::Reason>,
) -> Result<Json<api::Alert>, ApiError> {
    handle(caller, state, id, AlertEvent::Unmuted, body.reason).await
}

/// Calls an alert over; the next breach opens a new one.
#[utoipa::path(
    post, path = "/api/v1/alerts/{id}/resolve", tag = "alerts",
    params(("id" = String, Path)), request_body = api::Reason,
    responses((status = 200, body = api::Alert), (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem))
)]
pub(crate) async fn resolve(
    caller: Caller,
    State(state): State<AppState>,
    Path(id): Path<String>,
    extract::Json(body): extract::Json<api::Reason>,
) -> Result<Json<api::Alert>, ApiError> {
    handle(caller, state, id, AlertEvent::Resolved, body.reason).await
}

async fn handle(
    caller: Caller,
    state: AppState,
    id: String,
    event: AlertEvent,
    reason: Option<String>,
) -> Result<Json<api::Alert>, ApiError> {
    let (app, context, reason) = (state.app(), caller.context(&state), reason_or_default(reason));
    let alert = blocking(move || {
        let alert = handle_alert(&app, &context, &id, event, &reason).map_err(|error| problem_of(&error))?;
        one_alert(&app, &alert.id)
    });
    Ok(Json(alert.await?))
}

/// Alerts, newest first.
///
/// # Errors
/// When the metadata cannot be read, or the cursor is of another list.
pub fn alerts(app: &App, open: bool, page: &PageRequest) -> Result<api::Page<api::Alert>, Problem> {
    let filter = AlertFilter { open, ..AlertFilter::default() };
    read(app, |reader| Ok(page_of(store::list(reader, &filter, page)?, alert)))
}

/// One alert.
///
/// # Errors
/// When there is none of that id, or the metadata cannot be read.
pub fn one_alert(app: &App, id: &str) -> Result<api::Alert, Problem> {
    read(app, |reader| Ok(alert(&store::get(reader, id)?)))
}

pub(crate) fn alert(alert: &Alert) -> api::Alert {
    api::Alert {
        id: alert.id.clone(),
        endpoint: alert.key.endpoint.to_string(),
        key: alert.key.clone(),
        kind: alert.key.topic.kind().into(),
        subject: alert.key.topic.subject().map(str::to_owned),
        monitor: alert.key.topic.monitor().into(),
        state: alert.state.into(),
        opened: alert.opened,
        fired: alert.fired,
        resolved: alert.resolved,
        detail: (&alert.detail).into(),
    }
}
