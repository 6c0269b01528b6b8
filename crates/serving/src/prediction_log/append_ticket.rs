//! An append that is on its way to the disk: wait for it on a thread, or await it.

use std::{
    pin::Pin,
    sync::{Arc, Condvar, Mutex, PoisonError},
    task::{Context, Poll, Waker},
};

use super::{error::LogError, record::SegmentId};

/// Proof that an append is in the log (in durable mode: on the disk).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Its place in the order of the log; 0 in buffered mode, where the place is not known yet.
    pub sequence: u64,
    /// The segment that holds it; `None` in buffered mode.
    pub segment: Option<SegmentId>,
}

type AppendResult = Result<Receipt, LogError>;

#[derive(Default)]
struct TicketState {
    outcome: Option<AppendResult>,
    waker: Option<Waker>,
}

#[derive(Default)]
struct Shared {
    slot: Mutex<TicketState>,
    ready: Condvar,
}

/// Not yet acknowledged. Dropping it abandons the wait, not the append.
#[must_use = "an append is acknowledged only when this says so"]
pub struct AppendTicket(Arc<Shared>);

/// The writer's end of an [`AppendTicket`].
pub(super) struct TicketReply(Option<Arc<Shared>>);

pub(super) fn new_ticket() -> (TicketReply, AppendTicket) {
    let shared = Arc::<Shared>::default();
    (TicketReply(Some(shared.clone())), AppendTicket(shared))
}

impl AppendTicket {
    /// One that is acknowledged already.
    pub(super) fn done(outcome: AppendResult) -> Self {
        Self(Arc::new(Shared {
            slot: Mutex::new(TicketState { outcome: Some(outcome), waker: None }),
            ready: Condvar::new(),
        }))
    }

    /// Blocks this thread until the append is acknowledged or refused.
    pub fn wait(self) -> AppendResult {
        let mut slot = self.0.slot.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(outcome) = slot.outcome.take() {
                return outcome;
            }
            slot = self.0.ready.wait(slot).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Future for AppendTicket {
    type Output = AppendResult;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<AppendResult> {
        let mut slot = self.0.slot.lock().unwrap_or_else(PoisonError::into_inner);
        match slot.outcome.take() {
            Some(outcome) => Poll::Ready(outcome),
            None => {
                slot.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl TicketReply {
    pub(super) fn send(mut self, outcome: AppendResult) {
        self.resolve(outcome);
    }

    fn resolve(&mut self, outcome: AppendResult) {
        let Some(shared) = self.0.take() else { return };
        let waker = {
            let mut slot = shared.slot.lock().unwrap_or_else(PoisonError::into_inner);
            slot.outcome = Some(outcome);
            slot.waker.take()
        };
        shared.ready.notify_all();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl Drop for TicketReply {
    /// A writer that went away answers everybody who still waits.
    fn drop(&mut self) {
        self.resolve(Err(LogError::Closed));
    }
}
