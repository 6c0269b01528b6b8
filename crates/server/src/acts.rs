//! The native API where it changes something: read the request, say who acts, state the intention, answer the state.
//!
//! Holds true: one intention of `app` a request, which asks who may and writes the entry; what was answered survives any
//! end of the process. Repeating a request that was answered is refused as the state says, and changes nothing.

use axum::{
    Json,
    extract::{Path, State},
};
use kilter_api::{self as api, Problem};
use kilter_domain::{
    alert::AlertEvent,
    ids::{EndpointName, ModelName},
};

use crate::{
    auth::Caller,
    extract,
    failure::problem_of,
    problem::Failure,
    state::{House, blocking},
    v1::{name, wrong},
    views,
};

/// What stands in the audit table when the caller gave no reason.
const ASKED: &str = "asked for over the API";

fn reason_or_default(reason: Option<String>) -> String {
    reason.unwrap_or_else(|| ASKED.to_owned())
}

/// Lets a version serve at an endpoint, by the stages of the contract: shadow, canary, live.
#[utoipa::path(
    post, path = "/api/v1/endpoints/{endpoint}/deploy", tag = "ship",
    params(("endpoint" = String, Path)), request_body = api::Deploy,
    responses((status = 200, body = api::Deployment), (status = 400, body = Problem), (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem))
)]
pub(crate) async fn deploy(
    caller: Caller,
    State(house): State<House>,
    Path(endpoint): Path<String>,
    extract::Json(body): extract::Json<api::Deploy>,
) -> Result<Json<api::Deployment>, Failure> {
    let (app, act) = (house.app(), caller.act(&house));
    let endpoint: EndpointName = name(&endpoint)?;
    let reason = reason_or_default(body.reason);
    let deployed =
        blocking(move || app.deploy_at(&act, &endpoint, body.version, &reason).map_err(|error| problem_of(&error)));
    Ok(Json(views::deployment(&deployed.await?)))
}

/// Takes back what is on its way at an endpoint, or goes back to what answered before. Waits for no approval.
#[utoipa::path(
    post, path = "/api/v1/endpoints/{endpoint}/rollback", tag = "ship",
    params(("endpoint" = String, Path)), request_body = api::Reason,
    responses((status = 200, body = api::EndpointStatus), (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem))
)]
pub(crate) async fn roll_back(
    caller: Caller,
    State(house): State<House>,
    Path(endpoint): Path<String>,
    extract::Json(body): extract::Json<api::Reason>,
) -> Result<Json<api::EndpointStatus>, Failure> {
    let (app, act) = (house.app(), caller.act(&house));
    let (endpoint, now): (EndpointName, _) = (name(&endpoint)?, house.now());
    let reason = reason_or_default(body.reason);
    let status = blocking(move || {
        app.roll_back_at(&act, &endpoint, &reason).map_err(|error| problem_of(&error))?;
        views::endpoint(&app, &endpoint, now)
    });
    Ok(Json(status.await?))
}

fn version_name(model: &str, version: &str) -> Result<(ModelName, u32), Problem> {
    let number = version.parse().map_err(|_| wrong(format!("`{version}` is not the number of a version")))?;
    Ok((name(model)?, number))
}

/// Says yes to a validated version. It is approved once everyone whom the contract asks has said so.
#[utoipa::path(
    post, path = "/api/v1/models/{model}/versions/{version}/approve", tag = "govern",
    params(("model" = String, Path), ("version" = u32, Path)), request_body = api::Reason,
    responses((status = 200, body = api::Approval), (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem))
)]
pub(crate) async fn approve(
    caller: Caller,
    State(house): State<House>,
    Path((model, version)): Path<(String, String)>,
    extract::Json(body): extract::Json<api::Reason>,
) -> Result<Json<api::Approval>, Failure> {
    let (app, act) = (house.app(), caller.act(&house));
    let (model, number) = version_name(&model, &version)?;
    let reason = reason_or_default(body.reason);
    let approval = blocking(move || {
        let approved = app.approve(&act, &model, number, &reason).map_err(|error| problem_of(&error))?;
        let version = views::version_with_gates(&app, &model, number)?;
        let deployed = approved.deployed.iter().map(views::deployed).collect();
        Ok(api::Approval { version, missing: approved.missing, deployed })
    });
    Ok(Json(approval.await?))
}

/// Says no to a version. It is final; a reason must be given.
#[utoipa::path(
    post, path = "/api/v1/models/{model}/versions/{version}/reject", tag = "govern",
    params(("model" = String, Path), ("version" = u32, Path)), request_body = api::Reason,
    responses((status = 200, body = api::Version), (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem))
)]
pub(crate) async fn reject(
    caller: Caller,
    State(house): State<House>,
    Path((model, version)): Path<(String, String)>,
    extract::Json(body): extract::Json<api::Reason>,
) -> Result<Json<api::Version>, Failure> {
    let (app, act) = (house.app(), caller.act(&house));
    let (model, number) = version_name(&model, &version)?;
    let reason = body.reason.unwrap_or_default();
    let rejected = blocking(move || {
        app.reject(&act, &model, number, &reason).map_err(|error| problem_of(&error))?;
        views::version_with_gates(&app, &model, number)
    });
    Ok(Json(rejected.await?))
}

/// Someone looks at an alert.
#[utoipa::path(
    post, path = "/api/v1/alerts/{id}/acknowledge", tag = "watch",
    params(("id" = String, Path)), request_body = api::Reason,
    responses((status = 200, body = api::Alert), (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem))
)]
pub(crate) async fn acknowledge(
    caller: Caller,
    State(house): State<House>,
    Path(id): Path<String>,
    extract::Json(body): extract::Json<api::Reason>,
) -> Result<Json<api::Alert>, Failure> {
    handle(caller, house, id, AlertEvent::Acknowledged, body.reason).await
}

/// Keeps an alert silent until a moment.
#[utoipa::path(
    post, path = "/api/v1/alerts/{id}/mute", tag = "watch",
    params(("id" = String, Path)), request_body = api::Mute,
    responses((status = 200, body = api::Alert), (status = 400, body = Problem), (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem))
)]
pub(crate) async fn mute(
    caller: Caller,
    State(house): State<House>,
    Path(id): Path<String>,
    extract::Json(body): extract::Json<api::Mute>,
) -> Result<Json<api::Alert>, Failure> {
    let until = name(&body.until)?;
    handle(caller, house, id, AlertEvent::Muted { until }, body.reason).await
}

/// Ends a mute before its time.
#[utoipa::path(
    post, path = "/api/v1/alerts/{id}/unmute", tag = "watch",
    params(("id" = String, Path)), request_body = api::Reason,
    responses((status = 200, body = api::Alert), (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem))
)]
pub(crate) async fn unmute(
    caller: Caller,
    State(house): State<House>,
    Path(id): Path<String>,
    extract::Json(body): extract::Json<api::Reason>,
) -> Result<Json<api::Alert>, Failure> {
    handle(caller, house, id, AlertEvent::Unmuted, body.reason).await
}

/// Calls an alert over; the next breach opens a new one.
#[utoipa::path(
    post, path = "/api/v1/alerts/{id}/resolve", tag = "watch",
    params(("id" = String, Path)), request_body = api::Reason,
    responses((status = 200, body = api::Alert), (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem))
)]
pub(crate) async fn resolve(
    caller: Caller,
    State(house): State<House>,
    Path(id): Path<String>,
    extract::Json(body): extract::Json<api::Reason>,
) -> Result<Json<api::Alert>, Failure> {
    handle(caller, house, id, AlertEvent::Resolved, body.reason).await
}

async fn handle(
    caller: Caller,
    house: House,
    id: String,
    event: AlertEvent,
    reason: Option<String>,
) -> Result<Json<api::Alert>, Failure> {
    let (app, act, reason) = (house.app(), caller.act(&house), reason_or_default(reason));
    let alert = blocking(move || {
        let alert = app.handle_alert(&act, &id, event, &reason).map_err(|error| problem_of(&error))?;
        views::one_alert(&app, &alert.id)
    });
    Ok(Json(alert.await?))
}
