//! What the server does without being asked.

pub(crate) mod certificates;
pub(crate) mod checkpoints;
pub(crate) mod events;
pub(crate) mod flush_column_stats;
pub(crate) mod follow;
pub(crate) mod model_memory;
pub(crate) mod publish;
pub(crate) mod reconcile;
pub(crate) mod replicate;
pub(crate) mod schedule;

use crate::state::AppState;

/// Begins all of it, but for what follows another server and its certificates.
pub(crate) fn start(state: &AppState) {
    reconcile::start(state);
    flush_column_stats::start(state);
    model_memory::start(state);
    follow::start(state);
    checkpoints::start(state);
    events::start(state);
}

#[cfg(test)]
mod tests;
