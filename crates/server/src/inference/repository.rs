//! The model repository extension of the inference protocol, over endpoints whose versions are decided by deployments.
//!
//! Invariants: what answers at an endpoint is what its deployments say. A client can have it loaded again where that failed;
//! it can not put another version in its place, nor take it away.

use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use kilter_app::{
    App,
    authz::{self, Authorized, act},
    deployment, prediction,
};
use kilter_domain::ids::EndpointName;
use kilter_serving::{
    Mode,
    v2::{ModelState, RepositoryEntry},
};
use serde::{Deserialize, de::DeserializeOwned};

use crate::{
    caller::{Allowed, Caller},
    error::{ApiError, V2Error, json, problem_of},
    inference::body::InferenceBody,
    state::{AppState, blocking},
};

#[derive(Default, Deserialize)]
struct IndexRequest {
    #[serde(default)]
    ready: bool,
}

#[derive(Default, Deserialize)]
struct ChangeRequest {
    #[serde(default)]
    parameters: Option<serde_json::Map<String, serde_json::Value>>,
}

/// A body that may be empty: clients send none where they have nothing to say.
fn read_optional<T: Default + DeserializeOwned>(body: &InferenceBody) -> Result<T, V2Error> {
    match body.bytes().trim_ascii() {
        b"" => Ok(T::default()),
        bytes => serde_json::from_slice(bytes)
            .map_err(|error| V2Error { status: 400, error: format!("the body cannot be read: {error}") }),
    }
}

/// Every endpoint and the versions that are loaded there.
#[utoipa::path(post, path = "/v2/repository/index", tag = "inference", responses((status = 200, description = "Each version with READY or UNAVAILABLE and the reason"), (status = 400, description = "The body cannot be read")))]
pub(crate) async fn repository_index(
    caller: Caller,
    State(state): State<AppState>,
    body: InferenceBody,
) -> Result<Response, V2Error> {
    let IndexRequest { ready } = read_optional(&body)?;
    Ok(json(&entries(&state, &caller, ready)))
}

/// Every version at the endpoints that the caller may read, or those alone that answer.
pub(crate) fn entries(state: &AppState, caller: &Caller, ready: bool) -> Vec<RepositoryEntry> {
    let app = state.app();
    let readable = authz::readable(&app, &caller.context(state));
    let mut entries: Vec<RepositoryEntry> = readable.endpoints().flat_map(|name| entries_of(&app, name)).collect();
    entries.retain(|entry| !ready || entry.state == ModelState::Ready);
    for entry in &mut entries {
        entry.reason = state.without_folder(&entry.reason);
    }
    entries
}

/// What is loaded at one endpoint, and what is not though it should be.
pub(crate) fn entries_of(app: &App, name: &EndpointName) -> Vec<RepositoryEntry> {
    let unavailable = |version: Option<String>, reason: String| RepositoryEntry {
        name: name.to_string(),
        version,
        state: ModelState::Unavailable,
        reason,
    };
    if let Some(reason) = deployment::refused_at(app, name) {
        return vec![unavailable(None, reason)];
    }
    let routes = prediction::serving(app, name).map(|serving| serving.endpoint().routes());
    let Some((routes, champion)) = routes.and_then(|routes| routes.champion().cloned().map(|live| (routes, live)))
    else {
        return vec![unavailable(None, "no version is live: deploy one with `kilter deploy`".to_owned())];
    };
    let ready = |version: String| RepositoryEntry {
        name: name.to_string(),
        version: Some(version),
        state: ModelState::Ready,
        reason: String::new(),
    };
    let mut entries = vec![ready(champion.version().to_string())];
    // One that could not be loaded is said below.
    let candidate = routes.candidate().filter(|candidate| candidate.version.model().failure().is_none());
    entries.extend(candidate.map(|candidate| {
        let version = candidate.version.version().to_string();
        match candidate.mode {
            Mode::Canary { .. } => ready(version),
            Mode::Shadow => {
                unavailable(Some(version), "in shadow: its answers are recorded and sent to nobody".to_owned())
            }
        }
    }));
    entries.extend(
        deployment::candidate_refused_at(app, name).map(|reason| unavailable(None, format!("the candidate: {reason}"))),
    );
    entries
}

/// Loads what is live at an endpoint, where it could not be loaded before.
#[utoipa::path(post, path = "/v2/repository/models/{model}/load", tag = "inference", params(("model" = String, Path)), responses((status = 200, description = "It answers"), (status = 400, description = "The request brings a model or a configuration of its own"), (status = 403, description = "The caller may not deploy"), (status = 404, description = "There is no such endpoint, or nothing is live there"), (status = 409, description = "It cannot be loaded")))]
pub(crate) async fn load_model(
    Allowed(by): Allowed<act::Deploy>,
    State(state): State<AppState>,
    Path(model): Path<String>,
    body: InferenceBody,
) -> Result<Response, V2Error> {
    let ChangeRequest { parameters } = read_optional(&body)?;
    let parameter = parameters.into_iter().flatten().map(|(name, _)| name).next();
    load_live(&state, by, &model, parameter).await?;
    Ok(StatusCode::OK.into_response())
}

/// Loads what is live at an endpoint, where it could not be loaded before. `parameter` is one that the request has.
///
/// # Errors
/// As the route answers them.
pub(crate) async fn load_live(
    state: &AppState,
    by: Authorized<act::Deploy>,
    model: &str,
    parameter: Option<String>,
) -> Result<(), V2Error> {
    let name = endpoint_name(model)?;
    if let Some(parameter) = parameter {
        let parameter: String = parameter.chars().take(80).collect();
        let error = format!(
            "the parameter `{parameter}` is not accepted: what `{name}` serves is a version that was judged and approved; \
             register another one and deploy it with `kilter deploy {name} --version N`"
        );
        return Err(V2Error { status: 400, error });
    }
    let app = state.app();
    let loaded = blocking(move || deployment::reload(&app, &by, &name).map_err(|error| problem_of(&error))).await;
    loaded.map_err(|problem| ApiError::from(problem).into())
}

/// Refuses: deployments decide what answers.
#[utoipa::path(post, path = "/v2/repository/models/{model}/unload", tag = "inference", params(("model" = String, Path)), responses((status = 403, description = "The caller may not deploy"), (status = 404, description = "There is no such endpoint"), (status = 409, description = "Deployments decide what answers: roll back, or retire the version")))]
pub(crate) async fn unload_model(
    Allowed(_by): Allowed<act::Deploy>,
    State(state): State<AppState>,
    Path(model): Path<String>,
    body: InferenceBody,
) -> Result<Response, V2Error> {
    let _: ChangeRequest = read_optional(&body)?;
    Err(refuse_unload(&state, &model).await)
}

/// Why a client takes nothing away.
pub(crate) async fn refuse_unload(state: &AppState, model: &str) -> V2Error {
    let Ok(name) = endpoint_name(model) else { return unknown(model) };
    let app = state.app();
    let found = {
        let name = name.clone();
        blocking(move || deployment::project_at(&app, &name).map_err(|error| problem_of(&error))).await
    };
    match found {
        Err(problem) => ApiError::from(problem).into(),
        Ok(None) => unknown(model),
        Ok(Some(_)) => V2Error {
            status: 409,
            error: format!(
                "`{name}` is not unloaded by its clients: its deployments decide what answers; go back to the version before \
                 with `kilter rollback {name}`, or take a version away with `kilter retire` or `kilter revoke`"
            ),
        },
    }
}

fn endpoint_name(model: &str) -> Result<EndpointName, V2Error> {
    model.parse().map_err(|_| unknown(model))
}

fn unknown(model: &str) -> V2Error {
    V2Error { status: 404, error: format!("there is no model `{model}` here") }
}
