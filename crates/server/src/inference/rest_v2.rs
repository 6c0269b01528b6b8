//! The Open Inference Protocol (V2) over HTTP. Failures answer `{"error": "…"}`, as the protocol says.

use std::sync::Arc;

use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use kilter_app::{
    App,
    causes::NoLiveVersion,
    deployment,
    prediction::{self, Serving},
};
use kilter_domain::ids::EndpointName;
use kilter_serving::{
    Endpoint, EventTimes, InferError,
    v2::{Live, Ready, ServerMetadata},
};

use crate::{
    caller::Caller,
    error::{V2Error, json, raw},
    extract::V2Body,
    inference::answer::{self, AnswerError},
    state::AppState,
};

fn serving(app: &App, model: &str) -> Result<Arc<Serving>, V2Error> {
    let unknown = || V2Error { status: 404, error: format!("there is no model `{model}` here") };
    let name: EndpointName = model.parse().map_err(|_| unknown())?;
    prediction::serving(app, &name).ok_or_else(|| match deployment::project_at(app, &name) {
        _ if deployment::refused_at(app, &name).is_some() => V2Error { status: 503, error: unanswered(&name) },
        Ok(Some(_)) => V2Error { status: 404, error: NoLiveVersion { endpoint: name }.to_string() },
        _ => unknown(),
    })
}

/// Refuses a version that is not the one that answers: which version answers which request is the endpoint's choice.
fn check_version(serving: &Serving, model: &str, version: &str) -> Result<(), V2Error> {
    let routes = serving.endpoint().routes();
    let known = routes.versions().any(|served| served.version().to_string() == version);
    match known {
        true => Ok(()),
        false => {
            Err(V2Error { status: 404, error: format!("version `{version}` of model `{model}` is not served here") })
        }
    }
}

#[utoipa::path(get, path = "/v2", tag = "inference", responses((status = 200, description = "Name, version and extensions of the server")))]
pub(crate) async fn server(_: Caller) -> Response {
    json(&ServerMetadata::kilter(env!("CARGO_PKG_VERSION")))
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
    let serving = serving(&state.app(), &model)?;
    check_version(&serving, &model, &version)?;
    Ok(json(&serving.endpoint().metadata()?))
}

#[utoipa::path(get, path = "/v2/models/{model}/ready", tag = "inference", params(("model" = String, Path)), responses((status = 200, description = "It is ready"), (status = 503, description = "Nothing serves")))]
pub(crate) async fn model_ready(
    _: Caller,
    State(state): State<AppState>,
    Path(model): Path<String>,
) -> Result<Response, V2Error> {
    let ready = serving(&state.app(), &model)?.endpoint().ready();
    Ok((if ready.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, json(&ready)).into_response())
}

#[utoipa::path(get, path = "/v2/models/{model}/versions/{version}/ready", tag = "inference", params(("model" = String, Path), ("version" = String, Path)), responses((status = 200, description = "It is ready"), (status = 404, description = "It is not served")))]
pub(crate) async fn version_ready(
    _: Caller,
    State(state): State<AppState>,
    Path((model, version)): Path<(String, String)>,
) -> Result<Response, V2Error> {
    let serving = serving(&state.app(), &model)?;
    check_version(&serving, &model, &version)?;
    Ok(json(&serving.endpoint().ready()))
}

#[utoipa::path(post, path = "/v2/models/{model}/infer", tag = "inference", params(("model" = String, Path)), responses((status = 200, description = "The answers; recorded before they are given"), (status = 400, description = "The request does not fit the model"), (status = 404, description = "Nothing serves")))]
pub(crate) async fn infer(
    _: Caller,
    State(state): State<AppState>,
    Path(model): Path<String>,
    V2Body(body): V2Body,
) -> Result<Response, V2Error> {
    let serving = serving(&state.app(), &model)?;
    answer(state, serving, body).await
}

#[utoipa::path(post, path = "/v2/models/{model}/versions/{version}/infer", tag = "inference", params(("model" = String, Path), ("version" = String, Path)), responses((status = 200, description = "The answers"), (status = 400, description = "The request does not fit the model"), (status = 404, description = "It is not served")))]
pub(crate) async fn infer_version(
    _: Caller,
    State(state): State<AppState>,
    Path((model, version)): Path<(String, String)>,
    V2Body(body): V2Body,
) -> Result<Response, V2Error> {
    let serving = serving(&state.app(), &model)?;
    check_version(&serving, &model, &version)?;
    answer(state, serving, body).await
}

fn unanswered(endpoint: &EndpointName) -> String {
    format!("the live version of `{endpoint}` could not be loaded; see `kilter status`")
}

/// Why nothing answers, where a version is live and was refused; the reason itself is the operator's to read.
fn refused(app: &App, error: AnswerError) -> V2Error {
    match error {
        AnswerError::Fault => V2Error { status: 500, error: "the request met a fault".to_owned() },
        AnswerError::Infer(error) => match &error {
            InferError::NothingServed { endpoint } if deployment::refused_at(app, endpoint).is_some() => {
                V2Error { status: error.status(), error: unanswered(endpoint) }
            }
            _ => error.into(),
        },
    }
}

async fn answer(state: AppState, serving: Arc<Serving>, body: axum::body::Bytes) -> Result<Response, V2Error> {
    let bytes = body.len();
    let read = move |endpoint: &Endpoint| endpoint.read(&body, EventTimes::Now);
    let written = answer::answer(&state, serving, bytes, read, |answer| answer.to_json()).await;
    written.map(raw).map_err(|error| refused(&state.app(), error))
}
