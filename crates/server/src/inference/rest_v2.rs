//! The Open Inference Protocol (V2) over HTTP. Failures answer `{"error": "…"}`, as the protocol says.

use std::sync::Arc;

use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use kilter_app::prediction::Serving;
use kilter_serving::{
    Endpoint, EventTimes,
    v2::{Live, ModelConfig, Ready, ServerMetadata},
};

use crate::{
    caller::Caller,
    error::{ApiError, V2Error, json},
    inference::{
        body::{InferenceBody, respond},
        endpoint::{ask, serving, version_number},
        route::one_version,
    },
    state::AppState,
};

#[utoipa::path(get, path = "/v2", tag = "inference", responses((status = 200, description = "Name, version and extensions of the server")))]
pub(crate) async fn server(caller: Result<Caller, ApiError>) -> Result<Response, V2Error> {
    caller?;
    Ok(json(&ServerMetadata::kilter(env!("CARGO_PKG_VERSION"))))
}

#[utoipa::path(get, path = "/v2/health/live", tag = "inference", responses((status = 200, description = "It answers")))]
pub(crate) async fn live() -> Response {
    json(&Live { live: true })
}

#[utoipa::path(get, path = "/v2/health/ready", tag = "inference", responses((status = 200, description = "It is ready"), (status = 503, description = "It is not")))]
pub(crate) async fn ready(State(state): State<AppState>) -> Response {
    let ready = state.readiness().ready;
    (if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, json(&Ready { ready })).into_response()
}

#[utoipa::path(get, path = "/v2/models/{model}", tag = "inference", params(("model" = String, Path)), responses((status = 200, description = "Inputs and outputs"), (status = 404, description = "Nothing serves")))]
pub(crate) async fn model(
    _: Caller,
    State(state): State<AppState>,
    Path(model): Path<String>,
) -> Result<Response, V2Error> {
    Ok(json(&serving(&state.app(), &model)?.endpoint().metadata()?))
}

#[utoipa::path(get, path = "/v2/models/{model}/versions/{version}", tag = "inference", params(("model" = String, Path), ("version" = String, Path)), responses((status = 200, description = "Inputs and outputs"), (status = 404, description = "It is not served")))]
pub(crate) async fn version(
    _: Caller,
    State(state): State<AppState>,
    Path((model, version)): Path<(String, String)>,
) -> Result<Response, V2Error> {
    Ok(json(&serving(&state.app(), &model)?.endpoint().version_metadata(&version)?))
}

#[utoipa::path(get, path = "/v2/models/{model}/config", tag = "inference", params(("model" = String, Path)), responses((status = 200, description = "Inputs, outputs and the most rows of a request"), (status = 404, description = "Nothing serves")))]
pub(crate) async fn model_config(
    _: Caller,
    State(state): State<AppState>,
    Path(model): Path<String>,
) -> Result<Response, V2Error> {
    let serving = serving(&state.app(), &model)?;
    let endpoint = serving.endpoint();
    Ok(json(&ModelConfig::new(&endpoint.metadata()?, endpoint.limits().rows)))
}

#[utoipa::path(get, path = "/v2/models/{model}/versions/{version}/config", tag = "inference", params(("model" = String, Path), ("version" = String, Path)), responses((status = 200, description = "Inputs, outputs and the most rows of a request"), (status = 404, description = "It is not served")))]
pub(crate) async fn version_config(
    _: Caller,
    State(state): State<AppState>,
    Path((model, version)): Path<(String, String)>,
) -> Result<Response, V2Error> {
    let serving = serving(&state.app(), &model)?;
    let endpoint = serving.endpoint();
    Ok(json(&ModelConfig::new(&endpoint.version_metadata(&version)?, endpoint.limits().rows)))
}

#[utoipa::path(get, path = "/v2/models/{model}/ready", tag = "inference", params(("model" = String, Path)), responses((status = 200, description = "It is ready"), (status = 503, description = "Nothing serves")))]
pub(crate) async fn model_ready(
    caller: Result<Caller, ApiError>,
    State(state): State<AppState>,
    Path(model): Path<String>,
) -> Result<Response, V2Error> {
    caller?;
    let ready = serving(&state.app(), &model)?.endpoint().ready();
    Ok((if ready.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, json(&ready)).into_response())
}

#[utoipa::path(get, path = "/v2/models/{model}/versions/{version}/ready", tag = "inference", params(("model" = String, Path), ("version" = String, Path)), responses((status = 200, description = "It is ready"), (status = 404, description = "It is not served")))]
pub(crate) async fn version_ready(
    caller: Result<Caller, ApiError>,
    State(state): State<AppState>,
    Path((model, version)): Path<(String, String)>,
) -> Result<Response, V2Error> {
    caller?;
    let serving = serving(&state.app(), &model)?;
    serving.endpoint().version_metadata(&version)?;
    Ok(json(&serving.endpoint().ready()))
}

#[utoipa::path(post, path = "/v2/models/{model}/infer", tag = "inference", params(("model" = String, Path)), responses((status = 200, description = "The answers; recorded before they are given"), (status = 400, description = "The request does not fit the model"), (status = 404, description = "Nothing serves")))]
pub(crate) async fn infer(
    _: Caller,
    State(state): State<AppState>,
    Path(model): Path<String>,
    body: InferenceBody,
) -> Result<Response, V2Error> {
    let serving = serving(&state.app(), &model)?;
    infer_with(&state, serving, body, None).await
}

#[utoipa::path(post, path = "/v2/models/{model}/versions/{version}/infer", tag = "inference", params(("model" = String, Path), ("version" = String, Path)), responses((status = 200, description = "The answers"), (status = 400, description = "The request does not fit the model"), (status = 404, description = "It is not served")))]
pub(crate) async fn infer_version(
    _: Caller,
    State(state): State<AppState>,
    Path((model, version)): Path<(String, String)>,
    body: InferenceBody,
) -> Result<Response, V2Error> {
    let serving = serving(&state.app(), &model)?;
    let number = version_number(&serving, &version)?;
    infer_with(&state, serving, body, Some(number)).await
}

/// Answers a body, by one version where its number is given.
async fn infer_with(
    state: &AppState,
    serving: Arc<Serving>,
    body: InferenceBody,
    version: Option<u64>,
) -> Result<Response, V2Error> {
    let (accepted, bytes, version) = (body.accepted(), body.bytes().len(), one_version(version, body.version())?);
    let read = move |endpoint: &Endpoint| endpoint.read(body.as_request(), EventTimes::Now);
    let (written, answered) = ask(state, serving, (bytes, version), read, |answer| answer.to_body()).await?;
    Ok(respond(written, answered, accepted).await)
}
