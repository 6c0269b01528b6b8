//! What an operation answers.

use std::io;

use axum::{
    body::Body as Stream,
    http::header,
    response::{IntoResponse, Response},
};
use futures::stream;
use serde::Serialize;

use crate::error::MlflowError;

/// Parts of a body, read one by one.
type Parts = Box<dyn Iterator<Item = Result<Vec<u8>, MlflowError>> + Send>;

/// A body of JSON.
pub(super) enum Body {
    Whole(Vec<u8>),
    Parts(Parts),
}

impl Body {
    pub(super) fn of(value: &impl Serialize) -> Result<Self, MlflowError> {
        serde_json::to_vec(value).map(Self::Whole).map_err(|error| MlflowError::internal(&error.to_string()))
    }

    /// A body in parts, each of which is read once the one before is on its way: whoever reads slowly makes nothing wait in memory.
    ///
    /// # Errors
    /// When one of the first two cannot be read. Whoever reads the others sees the body break off.
    pub(super) fn of_parts(
        mut parts: impl Iterator<Item = Result<Vec<u8>, MlflowError>> + Send + 'static,
    ) -> Result<Self, MlflowError> {
        let first = parts.next().transpose()?.unwrap_or_default();
        Ok(match parts.next().transpose()? {
            None => Self::Whole(first),
            Some(second) => Self::Parts(Box::new([Ok(first), Ok(second)].into_iter().chain(parts))),
        })
    }

    /// What an operation answers that has nothing to say.
    pub(super) fn empty() -> Self {
        Self::Whole(b"{}".to_vec())
    }
}

impl IntoResponse for Body {
    fn into_response(self) -> Response {
        let body = match self {
            Self::Whole(bytes) => Stream::from(bytes),
            Self::Parts(parts) => Stream::from_stream(stream::unfold(parts, |mut parts| async {
                let read = tokio::task::spawn_blocking(move || Some((parts.next()?, parts))).await;
                let (part, parts) = read.unwrap_or_else(|_| {
                    Some((Err(MlflowError::internal("it met a fault")), Box::new([].into_iter())))
                })?;
                Some((part.map_err(broken), parts))
            })),
        };
        ([(header::CONTENT_TYPE, "application/json")], body).into_response()
    }
}

fn broken(error: MlflowError) -> io::Error {
    tracing::error!(?error, "an answer broke off");
    io::Error::other("the answer breaks off")
}
