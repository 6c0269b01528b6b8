//! Writes column statistics, and when tokens were used last, to the disk: on a timer, and when the server stops.

use kilter_app::{column_stats, identity};
use std::{thread, time::Duration};

use kilter_domain::error_chain::with_causes;

use crate::{state::AppState, tasks::Importance};

/// What a crash may lose at most.
const EVERY: Duration = Duration::from_secs(60);

/// The longest that a step is expected to take.
const LIMIT: Duration = Duration::from_secs(5 * 60);

/// Writes them from time to time, in a thread of its own.
pub(crate) fn start(state: &AppState) {
    let state = state.clone();
    let started = thread::Builder::new().name("column stats".to_owned()).spawn(move || run(&state));
    if let Err(error) = started {
        tracing::error!(%error, "column statistics are written only when the server stops: their thread could not be started");
    }
}

fn run(state: &AppState) {
    while state.signals().rest(EVERY) {
        keep(state);
    }
}

/// Keeps what was counted; what cannot be kept is counted on in memory.
pub(crate) fn keep(state: &AppState) {
    state.background().step("served counts", (Importance::Optional, LIMIT), || {
        column_stats::keep_column_stats(&state.app(), state.now()).map_err(|error| with_causes(&error))
    });
    state.background().step("uses of tokens", (Importance::Optional, LIMIT), || {
        identity::note_uses(&state.app()).map_err(|error| with_causes(&error))
    });
}
