//! The id of a request, by which its line in the log is found.

use axum::http::{HeaderMap, HeaderName, HeaderValue};

use crate::traces::RequestTrace;

/// Where a client sends it, and the server answers it.
pub(crate) const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// The id that the client sent, when it is short and plain; else that of its trace, else a new one.
pub(crate) fn of(headers: &HeaderMap, trace: Option<&RequestTrace>) -> HeaderValue {
    let is_plain = |value: &&HeaderValue| {
        let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
        (1..=64).contains(&value.len()) && value.as_bytes().iter().all(plain)
    };
    let id = || trace.map_or_else(kilter_app::new_id, RequestTrace::id);
    let new = || HeaderValue::from_str(&id()).unwrap_or(HeaderValue::from_static("none"));
    headers.get(HEADER).filter(is_plain).cloned().unwrap_or_else(new)
}
