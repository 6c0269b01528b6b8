//! Deployments: listed, asked for, rolled back.

use axum::{
    Json,
    extract::{Path, State},
};
use kilter_api::{self as api, PageQuery, Problem, canary_percent};
use kilter_app::{
    App, authz,
    deployment::{self, DeployOutcome},
};
use kilter_domain::ids::EndpointName;
use kilter_store::{PageRequest, deployment as store};

use crate::{
    api::{
        endpoints::{self, deployment},
        page_of, page_request, parse_param, read, reason_or_default,
    },
    caller::Caller,
    error::{ApiError, problem_of},
    extract,
    state::{AppState, blocking},
};

/// Deployments, newest first.
#[utoipa::path(get, path = "/api/v1/deployments", tag = "deployments", params(PageQuery), responses((status = 200, body = api::Page<api::Deployment>), (status = 400, body = Problem), (status = 401, body = Problem)))]
pub(crate) async fn list_deployments(
    caller: Caller,
    State(state): State<AppState>,
    listing: extract::Query<PageQuery>,
) -> Result<Json<api::Page<api::Deployment>>, ApiError> {
    let (app, page) = (state.app(), page_request(&listing.0)?);
    let readable = authz::readable(&app, &caller.context(&state));
    let mut found = blocking(move || deployments(&app, None, &page)).await?;
    found.items.retain(|one| readable.has_endpoint(&one.endpoint));
    Ok(Json(found))
}

/// Lets a version serve at an endpoint, by the stages of the contract: shadow, canary, live.
#[utoipa::path(
    post, path = "/api/v1/endpoints/{endpoint}/deploy", tag = "deployments",
    params(("endpoint" = String, Path)), request_body = api::Deploy,
    responses((status = 200, body = api::Deployment), (status = 400, body = Problem), (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem))
)]
pub(crate) async fn deploy(
    caller: Caller,
    State(state): State<AppState>,
    Path(endpoint): Path<String>,
    extract::Json(body): extract::Json<api::Deploy>,
) -> Result<Json<api::Deployment>, ApiError> {
    let (app, context) = (state.app(), caller.context(&state));
    let endpoint: EndpointName = parse_param(&endpoint)?;
    let reason = reason_or_default(body.reason);
    let deployed = blocking(move || {
        deployment::deploy_at(&app, &context, &endpoint, body.version, &reason).map_err(|error| problem_of(&error))
    });
    Ok(Json(deployment(&deployed.await?)))
}

/// Takes back what is on its way at an endpoint, or goes back to what answered before. Waits for no approval.
#[utoipa::path(
    post, path = "/api/v1/endpoints/{endpoint}/rollback", tag = "deployments",
    params(("endpoint" = String, Path)), request_body = api::Reason,
    responses((status = 200, body = api::EndpointStatus), (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem))
)]
pub(crate) async fn roll_back(
    caller: Caller,
    State(state): State<AppState>,
    Path(endpoint): Path<String>,
    extract::Json(body): extract::Json<api::Reason>,
) -> Result<Json<api::EndpointStatus>, ApiError> {
    let (app, context) = (state.app(), caller.context(&state));
    let (endpoint, now): (EndpointName, _) = (parse_param(&endpoint)?, state.now());
    let reason = reason_or_default(body.reason);
    let status = blocking(move || {
        deployment::roll_back_at(&app, &context, &endpoint, &reason).map_err(|error| problem_of(&error))?;
        endpoints::endpoint(&app, &endpoint, now)
    });
    Ok(Json(status.await?))
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
    read(app, |reader| Ok(page_of(store::list(reader, endpoint, page)?, deployment)))
}

/// What became of a version at a place, in the words of `api`.
pub(crate) fn deployed(deployed: &DeployOutcome) -> api::DeployedVersion {
    api::DeployedVersion {
        endpoint: deployed.endpoint.to_string(),
        version: deployed.number,
        state: deployed.outcome.as_ref().ok().map(|state| (*state).into()),
        canary_percent: deployed.outcome.as_ref().ok().and_then(|state| canary_percent(*state)),
        refused: deployed.outcome.as_ref().err().cloned(),
    }
}
