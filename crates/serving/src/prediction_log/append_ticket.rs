//! An append that is on its way to the disk: wait for it on a thread, or await it.
//!
//! All appends that are written together share one answer: the writer gives it once, and wakes whoever has asked until then.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
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

/// Where a group of appends was written: the segment, and the number of the first of them.
pub(super) type GroupResult = Result<(SegmentId, u64), LogError>;

#[derive(Default)]
struct GroupState {
    outcome: Option<GroupResult>,
    wakers: Vec<Waker>,
}

/// Not yet acknowledged. Dropping it abandons the wait, not the append.
#[must_use = "an append is acknowledged only when this says so"]
pub struct AppendTicket(Option<Place>);

/// The place of an append in its group.
struct Place {
    group: Arc<Mutex<GroupState>>,
    at: u64,
    /// Which of the wakers of the group is its own.
    waker: Option<usize>,
}

/// The writer's end of the tickets of a group.
#[derive(Default)]
pub(super) struct GroupReply(Option<Arc<Mutex<GroupState>>>);

impl AppendTicket {
    /// One that nobody waits for: it is acknowledged already.
    pub(super) const fn unwatched() -> Self {
        Self(None)
    }

    /// Blocks this thread until the append is acknowledged or refused.
    pub fn wait(mut self) -> AppendResult {
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        let mut context = Context::from_waker(&waker);
        loop {
            match Pin::new(&mut self).poll(&mut context) {
                Poll::Ready(outcome) => return outcome,
                Poll::Pending => thread::park(),
            }
        }
    }
}

/// Wakes a thread that waits.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

impl Future for AppendTicket {
    type Output = AppendResult;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<AppendResult> {
        let Some(place) = &mut self.0 else { return Poll::Ready(Ok(Receipt { sequence: 0, segment: None })) };
        let mut state = place.group.lock().unwrap_or_else(PoisonError::into_inner);
        match &state.outcome {
            Some(Ok((segment, first))) => {
                Poll::Ready(Ok(Receipt { sequence: first + place.at, segment: Some(*segment) }))
            }
            Some(Err(error)) => Poll::Ready(Err(error.clone())),
            None => {
                match place.waker {
                    Some(own) => state.wakers[own].clone_from(context.waker()),
                    None => {
                        place.waker = Some(state.wakers.len());
                        state.wakers.push(context.waker().clone());
                    }
                }
                Poll::Pending
            }
        }
    }
}

impl GroupReply {
    /// The ticket of the append at this place of the group.
    pub(super) fn ticket(&mut self, at: usize) -> AppendTicket {
        let group = self.0.get_or_insert_default().clone();
        AppendTicket(Some(Place { group, at: at as u64, waker: None }))
    }

    /// Answers everybody who waits.
    pub(super) fn send(mut self, outcome: GroupResult) {
        self.resolve(outcome);
    }

    fn resolve(&mut self, outcome: GroupResult) {
        let Some(group) = self.0.take() else { return };
        let wakers = {
            let mut state = group.lock().unwrap_or_else(PoisonError::into_inner);
            state.outcome = Some(outcome);
            std::mem::take(&mut state.wakers)
        };
        wakers.into_iter().for_each(Waker::wake);
    }
}

impl Drop for GroupReply {
    /// A writer that went away answers everybody who still waits.
    fn drop(&mut self) {
        self.resolve(Err(LogError::Closed));
    }
}
