//! Reading a request: bounded, and refused with the reason.

use axum::{
    body::{Bytes, HttpBody},
    extract::{FromRequest, FromRequestParts, Request},
    http::{HeaderMap, header, request::Parts},
};
use kilter_api::{Code, Problem};
use serde::de::DeserializeOwned;

use crate::{error::ApiError, state::AppState};

/// The largest body of a request that changes a state: a version, a name, a reason.
const MAX_STATEMENT_BYTES: usize = 256 << 10;

/// Refuses a body that does not state that it is JSON (or one of `others`): a page of another origin can send any text
/// without being asked, but none of these types.
pub(crate) fn check_type(headers: &HeaderMap, others: &[&str]) -> Result<(), Problem> {
    let mut stated = headers.get_all(header::CONTENT_TYPE).into_iter();
    let text = match (stated.next(), stated.next()) {
        (None, _) => None,
        (Some(only), None) => Some(only.to_str().unwrap_or("?")),
        (Some(_), Some(_)) => Some("more than one"),
    };
    let kind = text.and_then(|text| text.split(';').next()).unwrap_or_default().trim().to_ascii_lowercase();
    let is_json = kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json"));
    if (is_json && !kind.contains(',')) || others.contains(&kind.as_str()) {
        return Ok(());
    }
    let stated = text.map_or("none".to_owned(), |text| format!("`{}`", text.chars().take(80).collect::<String>()));
    Err(Problem::new(Code::MediaTypeUnsupported, format!("the body states its type as {stated}, and must be JSON")))
}

/// The bytes of a body of JSON, at most as many as the server takes. As long as they are held they count against the
/// bytes that all bodies together may have.
pub(crate) struct JsonBody(pub(crate) Bytes);

impl FromRequest<AppState> for JsonBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, ApiError> {
        check_type(request.headers(), &[])?;
        Ok(Self(read(request, state, state.options().limits.body).await?))
    }
}

/// The bytes of a body, at most `limit`, counted among those of all bodies.
pub(crate) async fn read(request: Request, state: &AppState, limit: usize) -> Result<Bytes, Problem> {
    let body = request.into_body();
    let announced = body.size_hint().exact();
    state.bodies().read(body, announced, limit).await
}

/// The part of the address after `?` as a value of ours.
pub(crate) struct Query<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequestParts<AppState> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &AppState) -> Result<Self, ApiError> {
        axum::extract::Query::try_from_uri(&parts.uri)
            .map(|axum::extract::Query(value)| Self(value))
            .map_err(|error| Problem::new(Code::RequestInvalid, error.body_text()).into())
    }
}

/// A short body of JSON as a value of ours.
pub(crate) struct Json<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<AppState> for Json<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, ApiError> {
        check_type(request.headers(), &[])?;
        let limit = state.options().limits.body.min(MAX_STATEMENT_BYTES);
        let too_large = |problem: Problem| match problem.known() {
            Some(Code::BodyTooLarge) => {
                problem.hint("what is said here is short: see the address in /api/v1/openapi.json")
            }
            _ => problem,
        };
        let bytes = read(request, state, limit).await.map_err(too_large)?;
        serde_json::from_slice(&bytes)
            .map(Self)
            .map_err(|error| Problem::new(Code::RequestInvalid, format!("the body cannot be read: {error}")).into())
    }
}
