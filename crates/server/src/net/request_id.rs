//! The id of a request, by which its line in the log is found.

use axum::http::{HeaderMap, HeaderName, HeaderValue};

/// Where a client sends it, and the server answers it.
pub(crate) const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// The id that the client sent, when it is short and plain; a new one otherwise.
pub(crate) fn of(headers: &HeaderMap) -> HeaderValue {
    let is_plain = |value: &&HeaderValue| {
        let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
        (1..=64).contains(&value.len()) && value.as_bytes().iter().all(plain)
    };
    let new = || HeaderValue::from_str(&kilter_app::new_id()).unwrap_or(HeaderValue::from_static("none"));
    headers.get(HEADER).filter(is_plain).cloned().unwrap_or_else(new)
}
