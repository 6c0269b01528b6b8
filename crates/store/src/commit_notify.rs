//! Calls whoever subscribed after each commit, so that a background task runs at once and not at its next poll.
//!
//! Invariants: a listener is called when the commit is durable, before the caller of the write has its answer. A commit
//! that changed no row calls nobody. Out of scope: what changed; a task that is woken reads the state again.

use std::sync::{PoisonError, RwLock};

type Listener = Box<dyn Fn() + Send + Sync>;

/// Whom to call after a commit.
#[derive(Default)]
pub(crate) struct CommitNotifier {
    listeners: RwLock<Vec<Listener>>,
}

impl CommitNotifier {
    pub(crate) fn subscribe(&self, listener: Listener) {
        self.listeners.write().unwrap_or_else(PoisonError::into_inner).push(listener);
    }

    pub(crate) fn notify(&self) {
        self.listeners.read().unwrap_or_else(PoisonError::into_inner).iter().for_each(|listener| listener());
    }
}
