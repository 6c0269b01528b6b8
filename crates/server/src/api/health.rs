//! Whether the process answers, and whether requests may be sent to it. Both answer anyone: a balancer has no token.

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use kilter_api::{Health, Readiness};

use crate::state::AppState;

/// Whether the process answers: as JSON, and `OK` for whoever asks for plain text, as clients of MLflow know it.
#[utoipa::path(get, path = "/health", tag = "operations", responses((status = 200, description = "It does", body = Health)))]
pub(crate) async fn get_health(State(state): State<AppState>, headers: HeaderMap) -> Response {
    if wants_text(&headers) {
        return "OK".into_response();
    }
    Json(Health {
        status: "alive".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        uptime_ms: u64::try_from(state.uptime().as_millis()).unwrap_or(u64::MAX),
    })
    .into_response()
}

/// Whether a client of MLflow asks, or someone who takes text and does not name JSON.
fn wants_text(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let accepted = text(header::ACCEPT);
    let names = |kind| accepted.split([',', ';']).any(|part| part.trim().eq_ignore_ascii_case(kind));
    text(header::USER_AGENT).starts_with("mlflow-") || (names("text/plain") && !names("application/json"))
}

/// Whether requests may be sent here.
#[utoipa::path(
    get, path = "/ready", tag = "operations",
    responses(
        (status = 200, description = "They may", body = Readiness),
        (status = 503, description = "Not ready; see the checks", body = Readiness),
    )
)]
pub(crate) async fn get_readiness(State(state): State<AppState>) -> (StatusCode, Json<Readiness>) {
    let readiness = state.readiness();
    (if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, Json(readiness))
}
