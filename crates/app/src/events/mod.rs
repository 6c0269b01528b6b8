//! Events: what happened, for whoever is outside: webhooks and mail about governance acts and alerts.
//!
//! Invariants: the audit log is the outbox, so nothing is sent that did not happen, and nothing that happened is missed; each target
//! gets each event at least once, or it is given up. The order is that of the log as long as a target takes each event at the first attempt:
//! one that is tried again comes after later ones, and `seq` of its data tells where it belongs. Free text stays here, where it can be erased.
//! Out of scope: sockets; whoever sends says how it went.

mod event;
mod outbox;

pub use event::Event;
pub(crate) use outbox::pause_after;
pub use outbox::{
    Due, EventError, SendOutcome, Target, due, forget_old, list_deliveries, plan_deliveries, replay, settle,
};
