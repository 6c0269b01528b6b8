//! The native API in this process, for commands: the router of the server without a socket.

use axum::{
    Router,
    body::{Body, Bytes, to_bytes},
    http::{Request, Response},
};
use tower::ServiceExt;

use crate::{options::ServerOptions, router::router, server_error::ServerError, state::AppState};

/// The native API of a data folder that this process opened.
pub struct InProcess(Router);

impl InProcess {
    /// Opens the data folder of the options.
    ///
    /// # Errors
    /// If the folder cannot be used, or another process uses it.
    pub fn open(options: ServerOptions) -> Result<Self, ServerError> {
        Ok(Self(router(AppState::open(options)?)))
    }

    /// Opens the data folder of the options to look at it: nothing serves there, and every change is refused.
    ///
    /// # Errors
    /// If there is no data folder, or it is of another version.
    pub fn open_for_reading(options: ServerOptions) -> Result<Self, ServerError> {
        Ok(Self(router(AppState::open_for_reading(options)?)))
    }

    /// Answers one request, as the server would.
    pub async fn answer(&self, request: Request<Bytes>) -> Response<Bytes> {
        let (head, body) = match self.0.clone().oneshot(request.map(Body::from)).await {
            Ok(response) => response.into_parts(),
            Err(never) => match never {},
        };
        // The bodies of our handlers are in memory: collecting one cannot fail.
        Response::from_parts(head, to_bytes(body, usize::MAX).await.unwrap_or_default())
    }
}
