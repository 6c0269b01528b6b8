//! The signals that end a server.

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::server_error::ServerError;

/// SIGTERM and SIGINT. The second one does not wait.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// From now on the signals do not end the process by themselves.
    pub(crate) fn listen() -> Result<Self, ServerError> {
        let of = |kind| signal(kind).map_err(ServerError::Signals);
        Ok(Self { terminate: of(SignalKind::terminate())?, interrupt: of(SignalKind::interrupt())? })
    }

    /// Ready at the first signal; a second one ends the process at once.
    pub(crate) async fn first(mut self) {
        let name = self.next().await;
        tracing::info!(signal = name, "stopping: finishing what has begun; a second signal ends it at once");
        tokio::spawn(async move {
            self.next().await;
            std::process::exit(130);
        });
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}
