//! Signs checkpoints of the audit log, and publishes them: after governance acts at once, else each minute.
//!
//! Invariants: no act waits for it; of several servers one does it.

use std::{thread, time::Duration};

use kilter_app::audit::keep_checkpoints;
use kilter_domain::error_chain::with_causes;

use crate::{state::AppState, tasks::Importance};

/// The longest time between two looks: entries that are no governance acts wait for a minute at most.
const POLL: Duration = Duration::from_secs(60);
/// The same while a place to which checkpoints are published fails.
const RETRY: Duration = Duration::from_secs(5);
/// The time between two looks while commits arrive: acts that follow each other share a checkpoint.
const PAUSE: Duration = Duration::from_millis(200);
/// The longest that a look is expected to take: places are written, each within its own bound.
const LIMIT: Duration = Duration::from_secs(5 * 60);

/// Signs and publishes in a thread of its own.
pub(crate) fn start(state: &AppState) {
    let state = state.clone();
    let started = thread::Builder::new().name("checkpoints".to_owned()).spawn(move || run(&state));
    if let Err(error) = started {
        tracing::error!(%error, "no checkpoints are signed: the thread for it could not be started");
    }
}

fn run(state: &AppState) {
    let (mut seen, mut rest) = (u64::MAX, POLL);
    loop {
        let counts = state.signals().wait(rest, |now| now.commits != seen);
        if counts.is_stopping {
            return;
        }
        seen = counts.commits;
        rest = if keep(state) { POLL } else { RETRY };
        if !state.signals().rest(PAUSE) {
            return;
        }
    }
}

/// Signs and publishes what is due; whether nothing failed.
pub(crate) fn keep(state: &AppState) -> bool {
    let kept = state.background().step("checkpoints", (Importance::Optional, LIMIT), || {
        let failures = keep_checkpoints(&state.app(), state.now()).map_err(|error| with_causes(&error))?;
        if failures.is_empty() { Ok(()) } else { Err(failures.join("; ")) }
    });
    kept.is_some()
}
