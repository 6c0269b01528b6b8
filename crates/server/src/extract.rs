//! Reading a request: bounded, and refused with the reason.

use axum::{
    body::{Bytes, to_bytes},
    extract::{FromRequest, FromRequestParts, Request},
    http::request::Parts,
};
use kilter_wire::{Code, Problem};
use serde::de::DeserializeOwned;

use crate::{problem::Failure, state::House};

/// The bytes of a body, at most as many as the server takes.
pub(crate) struct Body(pub(crate) Bytes);

impl FromRequest<House> for Body {
    type Rejection = Failure;

    async fn from_request(request: Request, house: &House) -> Result<Self, Failure> {
        let limit = house.options().limits.body;
        to_bytes(request.into_body(), limit).await.map(Self).map_err(|error| refused(error, limit).into())
    }
}

fn refused(error: axum::Error, limit: usize) -> Problem {
    let inner = error.into_inner();
    // The reader of the body says by its text alone that the limit was met.
    if inner.to_string().contains("length limit exceeded") {
        return Problem::new(Code::BodyTooLarge, format!("the body has more than {limit} bytes"));
    }
    Problem::new(Code::RequestInvalid, "the body did not arrive whole").caused_by(Some(&*inner))
}

/// The part of the address after `?` as a value of ours.
pub(crate) struct Query<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequestParts<House> for Query<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &House) -> Result<Self, Failure> {
        axum::extract::Query::try_from_uri(&parts.uri)
            .map(|axum::extract::Query(value)| Self(value))
            .map_err(|error| Problem::new(Code::RequestInvalid, error.body_text()).into())
    }
}

/// A body of JSON as a value of ours. The content type is not asked: what is read decides.
pub(crate) struct Json<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<House> for Json<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, house: &House) -> Result<Self, Failure> {
        let Body(bytes) = Body::from_request(request, house).await?;
        serde_json::from_slice(&bytes)
            .map(Self)
            .map_err(|error| Problem::new(Code::RequestInvalid, format!("the body cannot be read: {error}")).into())
    }
}
