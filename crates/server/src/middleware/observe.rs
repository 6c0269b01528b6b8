//! Around every request: its id, its time limit, its line in the log, and a net under bugs.

use std::{
    any::Any,
    time::{Duration, Instant},
};

use axum::{
    body::Body,
    extract::{MatchedPath, Request, State},
    http::{HeaderName, HeaderValue, header},
    middleware::Next,
    response::Response,
};
use kilter_api::{Code, Problem, ROUTE_HEADER, mlflow_routes};
use tower::ServiceExt;
use tower_http::catch_panic::{CatchPanic, ResponseForPanic};

use crate::{
    error::error_response,
    net::{address, redact, request_id},
    state::AppState,
    traces::{self, KeyValue, RequestTrace},
};

/// How long one artifact may be on its way.
const LONGEST_TRANSFER: Duration = Duration::from_hours(24);

/// Runs the request within its time, answers failures of ours as problems, and writes one line about it.
pub(crate) async fn observe(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let trace = state.traces().begin(request.headers(), || described(&state, &request));
    let id = request_id::of(request.headers(), trace.as_ref());
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let response = match address::check(request.uri()) {
        Ok(()) => traces::within(trace.as_ref(), within_time(&state, request, next)).await,
        Err(problem) => error_response(&path, problem),
    };
    if asks_for_predictions(&path) && response.status().as_u16() >= 400 {
        state.signals().fail_request();
    }
    let mut response = redact::without_data_folder(response, &state.options().data).await;
    let headers = response.headers_mut();
    headers.insert(HeaderName::from_static("x-content-type-options"), HeaderValue::from_static("nosniff"));
    let (status, took_us) = (response.status().as_u16(), began.elapsed().as_micros());
    let trace_id = trace.as_ref().map(RequestTrace::id);
    match status {
        500.. => tracing::error!(%method, path, status, took_us, request_id = ?id, trace_id, "answered"),
        _ => {
            let route = response.headers().get(ROUTE_HEADER).and_then(|route| route.to_str().ok());
            tracing::debug!(%method, path, status, took_us, route, request_id = ?id, trace_id, "answered");
        }
    }
    if let Some(trace) = trace {
        trace.set(KeyValue::new("http.response.status_code", i64::from(status)));
        trace.end((status >= 500).then(|| status.to_string()));
    }
    response.headers_mut().insert(request_id::HEADER, id);
    response
}

/// The name of the span of a request, and what is known when it arrives. What follows the `?` could be secret.
fn described(state: &AppState, request: &Request) -> (String, Vec<KeyValue>) {
    // Another method is whatever the client wrote.
    let method = match request.method().as_str() {
        method @ ("GET" | "POST" | "PUT" | "PATCH" | "DELETE" | "HEAD" | "OPTIONS") => method.to_owned(),
        _ => "_OTHER".to_owned(),
    };
    let scheme = if state.options().tls.is_some() { "https" } else { "http" };
    let mut attributes = vec![
        KeyValue::new("http.request.method", method.clone()),
        KeyValue::new("url.scheme", scheme),
        KeyValue::new("url.path", traces::text(request.uri().path())),
        KeyValue::new("network.protocol.version", "1.1"),
    ];
    let header = |name| request.headers().get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    attributes.extend(header(header::HOST).map(|host| KeyValue::new("server.address", traces::text(host))));
    attributes
        .extend(header(header::USER_AGENT).map(|agent| KeyValue::new("user_agent.original", traces::text(agent))));
    let Some(route) = request.extensions().get::<MatchedPath>() else { return (method, attributes) };
    attributes.push(KeyValue::new("http.route", route.as_str().to_owned()));
    (format!("{method} {}", route.as_str()), attributes)
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
