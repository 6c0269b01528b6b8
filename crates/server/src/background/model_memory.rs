//! Keeps the models in memory below their bound, and gives back what they took.

use std::{thread, time::Duration};

use kilter_app::model;

use crate::{heap, state::AppState, tasks::Importance};

/// How long memory that a release or a load has freed stays with the process at most.
const EVERY: Duration = Duration::from_secs(2);

/// The longest that a step is expected to take.
const LIMIT: Duration = Duration::from_secs(60);

/// Looks from time to time, in a thread of its own.
pub(crate) fn start(state: &AppState) {
    let state = state.clone();
    let started = thread::Builder::new().name("model memory".to_owned()).spawn(move || run(&state));
    if let Err(error) = started {
        tracing::error!(%error, "what models grow by is released with the next load: the thread that looks could not be started");
    }
}

fn run(state: &AppState) {
    while state.signals().rest(EVERY) {
        state.background().step("model memory", (Importance::Optional, LIMIT), || {
            if model::release_excess(&state.app()) {
                heap::give_back_free_pages();
            }
            Ok(())
        });
    }
}
