//! KServe's V1 protocol: `instances` in, `predictions` out. Failures answer `{"error": "…"}`.

use axum::{
    extract::{Path, State},
    http::{HeaderMap, Method, StatusCode},
    response::{IntoResponse, Response},
};
use kilter_app::{authz, prediction};
use kilter_serving::{
    Endpoint,
    scoring::{self, JsonFormat, ScoringFormat},
    v2::{ModelReady, ResponseBody},
};
use serde::Serialize;

use crate::{
    caller::Caller,
    error::{ApiError, V2Error, json},
    inference::{
        body::{InferenceBody, respond},
        endpoint::{ask, serving},
    },
    state::AppState,
    ui,
};

/// What follows the name of a model in the address of a prediction.
const PREDICT: &str = ":predict";
/// And of a prediction with the attributions of each instance.
const EXPLAIN: &str = ":explain";

/// What probes of KServe are answered.
#[derive(Serialize)]
struct Live {
    status: &'static str,
}

/// Whether the process answers; a browser gets the page of the UI.
#[utoipa::path(get, path = "/", tag = "inference", responses((status = 200, description = "It does; or the page of the UI, if `Accept` asks for text/html")))]
pub(crate) async fn v1_live(headers: HeaderMap) -> Response {
    if let Some(page) = ui::answer(&Method::GET, "/", &headers) {
        return page;
    }
    json(&Live { status: "alive" })
}

#[derive(Serialize)]
struct Models {
    models: Vec<String>,
}

/// The names of the endpoints that answer.
#[utoipa::path(get, path = "/v1/models", tag = "inference", responses((status = 200, description = "The names of the endpoints that answer")))]
pub(crate) async fn v1_models(caller: Caller, State(state): State<AppState>) -> Response {
    let app = state.app();
    let readable = authz::readable(&app, &caller.context(&state));
    let open = prediction::open_endpoints(&app).into_iter();
    let answering =
        open.filter(|(name, serving)| readable.has_endpoint(name.as_str()) && serving.endpoint().ready().ready);
    json(&Models { models: answering.map(|(name, _)| name.to_string()).collect() })
}

/// Whether an endpoint answers.
#[utoipa::path(get, path = "/v1/models/{model}", tag = "inference", params(("model" = String, Path)), responses((status = 200, description = "It is ready"), (status = 404, description = "There is no such endpoint"), (status = 503, description = "Nothing serves")))]
pub(crate) async fn v1_model(
    caller: Result<Caller, ApiError>,
    State(state): State<AppState>,
    Path(model): Path<String>,
) -> Result<Response, V2Error> {
    caller?;
    let ready: ModelReady = serving(&state.app(), &model)?.endpoint().ready();
    Ok((if ready.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, json(&ready)).into_response())
}

/// Predictions of the instances of a body, and with `:explain` why they are so.
#[utoipa::path(post, path = "/v1/models/{model}", tag = "inference", params(("model" = String, Path, description = "The name of the endpoint, and `:predict` or `:explain`")), responses((status = 200, description = "The predictions; recorded before they are given"), (status = 400, description = "The request does not fit the model"), (status = 404, description = "Nothing serves, or the address does not end with `:predict` or `:explain`")))]
pub(crate) async fn v1_predict(
    _: Caller,
    State(state): State<AppState>,
    Path(model): Path<String>,
    body: InferenceBody,
) -> Result<Response, V2Error> {
    let explained = model.strip_suffix(EXPLAIN);
    let Some(name) = explained.or_else(|| model.strip_suffix(PREDICT)) else {
        let error = format!(
            "there is nothing at POST /v1/models/{model}: predictions are at /v1/models/NAME{PREDICT}, with their attributions \
             at /v1/models/NAME{EXPLAIN}"
        );
        return Err(V2Error { status: 404, error });
    };
    let explains = explained.is_some();
    let serving = serving(&state.app(), name)?;
    let (accepted, asked) = (body.accepted(), (body.bytes().len(), body.version()));
    let format = ScoringFormat::Json(JsonFormat::KserveV1);
    let read = move |endpoint: &Endpoint| {
        let request = scoring::read(endpoint, body.bytes(), format)?;
        Ok(if explains { request.with_explanation() } else { request })
    };
    let (bytes, answered) = ask(&state, serving, asked, read, |answer| scoring::write_predictions(&answer)).await?;
    Ok(respond(ResponseBody { bytes, json_length: None }, answered, accepted).await)
}
