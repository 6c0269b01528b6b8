//! Reads the files of TLS again when they change, so that a new certificate needs no new start.
//!
//! Invariants: files that cannot be used change nothing, and are seen as every task that fails is. Out of scope: connections that are
//! open; they keep what they began with.

use std::{thread, time::Duration};

use crate::{state::AppState, tasks::Importance, tls::Certificates};

/// The time between two looks.
const EVERY: Duration = Duration::from_secs(1);
/// The longest that a look is expected to take.
const LIMIT: Duration = Duration::from_secs(30);

/// Looks after the files in a thread of its own; `renewed` is called with what new connections get from then on.
pub(crate) fn start(state: &AppState, certificates: Certificates, renewed: impl Fn(&Certificates) + Send + 'static) {
    let state = state.clone();
    let look = move || {
        while state.signals().rest(EVERY) {
            let step =
                state.background().step("certificates", (Importance::Optional, LIMIT), || certificates.refresh());
            if step == Some(true) {
                tracing::info!("the certificate was read again: new connections get it");
                renewed(&certificates);
            }
        }
    };
    let started = thread::Builder::new().name("certificates".to_owned()).spawn(look);
    if let Err(error) = started {
        tracing::error!(%error, "certificates are not read again when they change: the thread for it could not be started");
    }
}
