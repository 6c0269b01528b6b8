//! Whether the process answers, and whether requests may be sent to it. Both answer anyone: a balancer has no token.

use axum::{Json, extract::State, http::StatusCode};
use kilter_api::{Health, Readiness};

use crate::state::AppState;

/// Whether the process answers.
#[utoipa::path(get, path = "/health", tag = "operations", responses((status = 200, description = "It does", body = Health)))]
pub(crate) async fn get_health(State(state): State<AppState>) -> Json<Health> {
    Json(Health {
        status: "alive".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        uptime_ms: u64::try_from(state.uptime().as_millis()).unwrap_or(u64::MAX),
    })
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
