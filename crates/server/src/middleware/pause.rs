//! While a past is played into the platform, its clock is that of the past: whoever acts has to wait for the present.

use axum::{
    extract::{Request, State},
    http::{HeaderValue, header},
    middleware::Next,
    response::Response,
};
use kilter_api::{Code, Problem};

use crate::{error::error_response, state::AppState};

/// Answers what only reads, and asks whoever acts to come back.
pub(crate) async fn refuse_acts(State(state): State<AppState>, request: Request, next: Next) -> Response {
    if !state.is_paused() || request.method().is_safe() {
        return next.run(request).await;
    }
    let detail = format!("{} {} acts, and the past is still played", request.method(), request.uri().path());
    let mut response = error_response(request.uri().path(), Problem::new(Code::PastPlayed, detail));
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("10"));
    response
}
