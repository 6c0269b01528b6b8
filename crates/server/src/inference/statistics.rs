//! What models did, by the statistics extension of the inference protocol.

use axum::{
    extract::{Path, State},
    response::Response,
};
use kilter_app::{authz, prediction};
use kilter_serving::v2::{ModelStatistics, ServerStatistics};

use crate::{
    caller::Caller,
    error::{V2Error, json},
    inference::endpoint::serving,
    state::AppState,
};

/// The counts of every version that is loaded.
#[utoipa::path(get, path = "/v2/models/stats", tag = "inference", responses((status = 200, description = "Counts and durations of each version that is loaded")))]
pub(crate) async fn all_statistics(caller: Caller, State(state): State<AppState>) -> Response {
    json(&ServerStatistics { model_stats: of_all(&state, &caller) })
}

/// The counts of the versions of one endpoint.
#[utoipa::path(get, path = "/v2/models/{model}/stats", tag = "inference", params(("model" = String, Path)), responses((status = 200, description = "Counts and durations of each version that is loaded"), (status = 404, description = "Nothing serves")))]
pub(crate) async fn model_statistics(
    _: Caller,
    State(state): State<AppState>,
    Path(model): Path<String>,
) -> Result<Response, V2Error> {
    Ok(json(&ServerStatistics { model_stats: of_model(&state, &model, None)? }))
}

/// The counts of one version of an endpoint.
#[utoipa::path(get, path = "/v2/models/{model}/versions/{version}/stats", tag = "inference", params(("model" = String, Path), ("version" = String, Path)), responses((status = 200, description = "Counts and durations of the version"), (status = 404, description = "It is not loaded")))]
pub(crate) async fn version_statistics(
    _: Caller,
    State(state): State<AppState>,
    Path((model, version)): Path<(String, String)>,
) -> Result<Response, V2Error> {
    Ok(json(&ServerStatistics { model_stats: of_model(&state, &model, Some(&version))? }))
}

/// What the versions of all endpoints counted that the caller may read.
pub(crate) fn of_all(state: &AppState, caller: &Caller) -> Vec<ModelStatistics> {
    let app = state.app();
    let readable = authz::readable(&app, &caller.context(state));
    let open = prediction::open_endpoints(&app).into_iter();
    let open = open.filter(|(name, _)| readable.has_endpoint(name.as_str()));
    open.flat_map(|(_, serving)| serving.endpoint().statistics()).collect()
}

/// What the versions of one endpoint counted, or one of them.
///
/// # Errors
/// 404 when the endpoint serves nothing, or not this version.
pub(crate) fn of_model(state: &AppState, model: &str, version: Option<&str>) -> Result<Vec<ModelStatistics>, V2Error> {
    let mut found = serving(&state.app(), model)?.endpoint().statistics();
    found.retain(|one| version.is_none_or(|version| one.version == version));
    match (found.is_empty(), version) {
        (true, Some(version)) => {
            let version: String = version.chars().take(30).collect();
            Err(V2Error { status: 404, error: format!("version `{version}` of model `{model}` is not loaded here") })
        }
        _ => Ok(found),
    }
}
