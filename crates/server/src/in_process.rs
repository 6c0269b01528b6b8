//! The native API in this process, for commands: the router of the server without a socket.

use std::path::Path;

use axum::{
    Router,
    body::{Body, Bytes, to_bytes},
    http::{Request, Response},
};
use kilter_app::StorageOptions;
use kilter_store::DatabaseUrl;
use tower::ServiceExt;

use crate::{options::ServerOptions, router::router, server_error::ServerError, state::AppState};

/// The native API of a data folder that this process opened.
pub struct InProcess(Router);

impl InProcess {
    /// Opens a data folder.
    ///
    /// # Errors
    /// If the folder cannot be used, or another process uses it.
    pub fn open(
        data: &Path,
        database: Option<DatabaseUrl>,
        storage: Option<StorageOptions>,
    ) -> Result<Self, ServerError> {
        Ok(Self(router(AppState::open(ServerOptions { database, storage, ..ServerOptions::local(data) })?)))
    }

    /// Opens a data folder to look at it: nothing serves there, and every change is refused.
    ///
    /// # Errors
    /// If there is no data folder, or it is of another version.
    pub fn open_for_reading(
        data: &Path,
        database: Option<DatabaseUrl>,
        storage: Option<StorageOptions>,
    ) -> Result<Self, ServerError> {
        let options = ServerOptions { database, storage, ..ServerOptions::local(data) };
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
