//! The native API in this process, for commands: the router of the server without a socket.

use axum::{
    Router,
    body::{Body, Bytes, to_bytes},
    http::{Method, Request, Response},
};
use kilter_app::{audit::keep_checkpoints, identity};
use kilter_domain::error_chain::with_causes;
use tower::ServiceExt;

use crate::{caller::FolderAccess, options::ServerOptions, router::router, server_error::ServerError, state::AppState};

/// The native API of a data folder that this process opened.
pub struct InProcess {
    router: Router,
    state: AppState,
}

impl InProcess {
    /// Opens the data folder of the options.
    ///
    /// # Errors
    /// If the folder cannot be used, or another process uses it.
    pub fn open(options: ServerOptions) -> Result<Self, ServerError> {
        Ok(Self::of(AppState::open(options)?))
    }

    /// Opens the data folder of the options to look at it: nothing serves there, and every change is refused.
    ///
    /// # Errors
    /// If there is no data folder, or it is of another version.
    pub fn open_for_reading(options: ServerOptions) -> Result<Self, ServerError> {
        Ok(Self::of(AppState::open_for_reading(options)?))
    }

    fn of(state: AppState) -> Self {
        Self { router: router(state.clone()), state }
    }

    /// Answers one request, as the server would. What was acted is under a checkpoint afterwards.
    pub async fn answer(&self, request: Request<Bytes>) -> Response<Bytes> {
        // Whoever verifies acts on nothing, and a log that was changed is not signed for it.
        let is_act = *request.method() != Method::GET && !request.uri().path().ends_with("/verify");
        let answer = self.route(request).await;
        if is_act && answer.status().is_success() {
            let state = self.state.clone();
            let kept = move || keep_checkpoints(&state.app(), state.now());
            // The act is done, whatever becomes of the checkpoint: the next one covers it.
            match tokio::task::spawn_blocking(kept).await {
                Ok(Err(error)) => tracing::warn!(error = with_causes(&error), "no checkpoint was signed"),
                Ok(Ok(failures)) => {
                    failures.iter().for_each(|failure| tracing::warn!(failure, "a checkpoint was not published"));
                }
                Err(_) => tracing::warn!("no checkpoint was signed: its task ended early"),
            }
        }
        answer
    }

    /// As [`Self::answer`], with bodies that come in parts: artifacts.
    pub async fn stream<B>(&self, request: Request<B>) -> Response<Body>
    where
        B: axum::body::HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<axum::BoxError>,
    {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(FolderAccess);
        match self.router.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }

    async fn route(&self, mut request: Request<Bytes>) -> Response<Bytes> {
        // Whoever runs this process has opened the data folder.
        request.extensions_mut().insert(FolderAccess);
        let answered = self.router.clone().oneshot(request.map(Body::from)).await;
        if let Err(error) = identity::note_uses(&self.state.app()) {
            tracing::debug!(%error, "when the token was used could not be written");
        }
        let (head, body) = match answered {
            Ok(response) => response.into_parts(),
            Err(never) => match never {},
        };
        // The bodies of our handlers are in memory: collecting one cannot fail.
        Response::from_parts(head, to_bytes(body, usize::MAX).await.unwrap_or_default())
    }
}
