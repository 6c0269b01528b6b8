//! Failures as responses, and what the errors of the crates below mean to whoever asked.

mod answered;
mod evidence;
mod identity;
mod mlflow;
mod packages;
mod use_cases;
mod versions;

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use kilter_api::{Problem, mlflow_routes};
use kilter_serving::{InferError, v2::ErrorBody};
use serde::Serialize;

pub(crate) use answered::RETRY_AFTER;
pub use answered::{Answer, Answered, problem_of};
pub(crate) use mlflow::MlflowError;

/// What a handler answers when it cannot do what was asked.
#[derive(Debug)]
pub(crate) struct ApiError(pub(crate) Box<Problem>);

impl From<Problem> for ApiError {
    fn from(problem: Problem) -> Self {
        Self(Box::new(problem))
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        // A problem is texts and a number: writing it cannot fail.
        let body = serde_json::to_vec(&self.0).unwrap_or_default();
        let mut response = (status, body).into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER);
        }
        if status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// A failure in the words of the protocol.
pub(crate) struct V2Error {
    pub(crate) status: u16,
    pub(crate) error: String,
}

impl IntoResponse for V2Error {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, json(&ErrorBody { error: self.error })).into_response();
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER);
        }
        if status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl From<InferError> for V2Error {
    fn from(error: InferError) -> Self {
        Self { status: error.status(), error: error.to_string() }
    }
}

/// The caller's token was refused, or the body: the protocol's body, our status.
impl From<ApiError> for V2Error {
    fn from(failure: ApiError) -> Self {
        Self { status: failure.0.status, error: failure.0.to_string() }
    }
}

impl From<ApiError> for MlflowError {
    fn from(failure: ApiError) -> Self {
        (*failure.0).into()
    }
}

/// A refusal in the words of the protocol that the address speaks.
pub(crate) fn error_response(path: &str, problem: Problem) -> Response {
    match path {
        path if is_below(path, "/v2") || is_below(path, "/v1/models") => {
            V2Error::from(ApiError::from(problem)).into_response()
        }
        path if is_scoring(path) => MlflowError::from(V2Error::from(ApiError::from(problem))).into_response(),
        path if mlflow_routes::is_below(path) => MlflowError::from(problem).into_response(),
        path => ApiError::from(problem.at(path)).into_response(),
    }
}

fn is_below(path: &str, root: &str) -> bool {
    path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Whether an address is one of MLflow's scoring server.
fn is_scoring(path: &str) -> bool {
    path == "/invocations" || path == "/ping" || is_below(path, "/endpoints")
}

pub(crate) fn json(body: &impl Serialize) -> Response {
    // Bodies of the protocol are texts and numbers under text keys: writing them cannot fail.
    raw(serde_json::to_vec(body).unwrap_or_default())
}

pub(crate) fn raw(body: Vec<u8>) -> Response {
    ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], body).into_response()
}
