//! Follows what other servers on the same database change: routes, rights, requests to end a run, servers that died.
//!
//! Invariants: a commit of another server wakes it; without a word from the database it looks every [`POLL`], so a notice that is lost
//! costs little. No request waits for it. A database in a file has one server, and this thread is not started.

use kilter_app::follow::{Follower, follow};
use std::{thread, time::Duration};

use kilter_domain::error_chain::with_causes;

use crate::{state::AppState, tasks::Importance};

/// The longest time between two looks.
const POLL: Duration = Duration::from_secs(2);

/// The time between two looks while commits arrive.
const PAUSE: Duration = Duration::from_millis(50);

/// The longest that a look is expected to take: a model may have to be fetched.
const LIMIT: Duration = Duration::from_secs(5 * 60);

/// Follows in a thread of its own, where there may be other servers.
pub(crate) fn start(state: &AppState) {
    if !state.app().store().is_shared() {
        return;
    }
    let state = state.clone();
    let started = thread::Builder::new().name("follow".to_owned()).spawn(move || run(&state));
    if let Err(error) = started {
        tracing::error!(%error, "changes of other servers are not followed: the thread for it could not be started");
    }
}

fn run(state: &AppState) {
    let mut follower = Follower::default();
    let mut seen = 0;
    loop {
        let counts = state.signals().wait(POLL, |now| now.commits != seen);
        if counts.is_stopping {
            return;
        }
        seen = counts.commits;
        state.background().step("follow", (Importance::Optional, LIMIT), || {
            follow(&state.app(), &mut follower, state.now()).map_err(|error| with_causes(&error))
        });
        if !state.signals().rest(PAUSE) {
            return;
        }
    }
}
