//! Tells calls that may last as long as their client wants that the server stops.

use tokio::sync::watch;

/// Ready once the server stops.
#[derive(Clone, Debug)]
pub(crate) struct Stop(watch::Receiver<bool>);

impl Stop {
    /// The one that is ready when the other one is told.
    pub(crate) fn channel() -> (watch::Sender<bool>, Self) {
        let (sender, receiver) = watch::channel(false);
        (sender, Self(receiver))
    }

    /// Returns when the server stops.
    pub(crate) async fn wait(&mut self) {
        // Whoever would tell is gone: that is the end too.
        let _ = self.0.wait_for(|stops| *stops).await;
    }
}
