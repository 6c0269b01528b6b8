//! What an operation answers.

use axum::{
    http::header,
    response::{IntoResponse, Response},
};
use serde::Serialize;

use crate::error::MlflowError;

/// A body of JSON.
pub(super) struct Body(Vec<u8>);

impl Body {
    pub(super) fn of(value: &impl Serialize) -> Result<Self, MlflowError> {
        serde_json::to_vec(value).map(Self).map_err(|error| MlflowError::internal(&error.to_string()))
    }

    /// What an operation answers that has nothing to say.
    pub(super) fn empty() -> Self {
        Self(b"{}".to_vec())
    }
}

impl IntoResponse for Body {
    fn into_response(self) -> Response {
        ([(header::CONTENT_TYPE, "application/json")], self.0).into_response()
    }
}
