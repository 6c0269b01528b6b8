//! Around every request: its id, its time limit, its line in the log, and a net under bugs.

use std::{
    any::Any,
    time::{Duration, Instant},
};

use axum::{
    body::Body,
    extract::{Request, State},
    http::{HeaderName, HeaderValue},
    middleware::Next,
    response::Response,
};
use kilter_api::{Code, Problem, mlflow_routes};
use tower::ServiceExt;
use tower_http::catch_panic::{CatchPanic, ResponseForPanic};

use crate::{
    error::error_response,
    net::{address, redact, request_id},
    state::AppState,
};

/// How long one artifact may be on its way.
const LONGEST_TRANSFER: Duration = Duration::from_hours(24);

/// Runs the request within its time, answers failures of ours as problems, and writes one line about it.
pub(crate) async fn observe(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let id = request_id::of(request.headers());
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let response = match address::check(request.uri()) {
        Ok(()) => within_time(&state, request, next).await,
        Err(problem) => error_response(&path, problem),
    };
    if asks_for_predictions(&path) && response.status().as_u16() >= 400 {
        state.signals().fail_request();
    }
    let mut response = redact::without_data_folder(response, &state.options().data).await;
    let headers = response.headers_mut();
    headers.insert(HeaderName::from_static("x-content-type-options"), HeaderValue::from_static("nosniff"));
    let (status, took_us) = (response.status().as_u16(), began.elapsed().as_micros());
    match status {
        500.. => tracing::error!(%method, path, status, took_us, request_id = ?id, "answered"),
        _ => tracing::debug!(%method, path, status, took_us, request_id = ?id, "answered"),
    }
    response.headers_mut().insert(request_id::HEADER, id);
    response
}

/// Whether an address is of one of the inference protocols.
fn asks_for_predictions(path: &str) -> bool {
    path.starts_with("/v2/") || path.starts_with("/v1/models/") || path.ends_with("/invocations")
}

/// Answers the request, or says that it took too long.
async fn within_time(state: &AppState, request: Request, next: Next) -> Response {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    // A file may be large; a transfer that stands still ends by itself.
    let limit = match mlflow_routes::is_artifact(&path) {
        true => LONGEST_TRANSFER,
        false => state.options().limits.request,
    };
    let net = CatchPanic::custom(next, FaultAt(path.clone()));
    match tokio::time::timeout(limit, net.oneshot(request)).await {
        Ok(Ok(response)) => response.map(Body::new),
        Ok(Err(never)) => match never {},
        Err(_) => {
            let detail = format!("{method} {path} took longer than {} s", limit.as_secs_f64());
            error_response(&path, Problem::new(Code::TimedOut, detail))
        }
    }
}

/// Answers a bug at an address in the words of its protocol. What it said goes to the log, not to the client.
#[derive(Clone)]
struct FaultAt(String);

impl ResponseForPanic for FaultAt {
    type ResponseBody = Body;

    fn response_for_panic(&mut self, panic: Box<dyn Any + Send>) -> Response {
        let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
        tracing::error!(fault = text.unwrap_or("unknown"), "a handler panicked");
        error_response(&self.0, Problem::new(Code::Internal, "the request met a fault"))
    }
}
