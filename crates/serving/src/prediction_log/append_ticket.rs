//! An append that is on its way to the disk: wait for it on a thread, or await it.
//!
//! All appends that are written together share one answer: whoever writes them gives it once, and wakes whoever has asked until
//! then. Where the disk is fast, whoever waits writes what is queued instead of sleeping until another thread has done it.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
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

/// Writes what is queued on the thread of whoever waits for it.
pub(super) trait WriteInPlace: Send + Sync {
    /// Writes and answers the next group, unless another thread is writing or nothing is queued.
    fn write_next(&self) -> bool;
    /// Leaves what is queued to the thread of the writer.
    fn leave(&self);
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
    /// Writes the group when it is waited for; `None`: the thread of the writer does.
    writer: Option<Arc<dyn WriteInPlace>>,
}

/// The writer's end of the tickets of a group.
#[derive(Default)]
pub(super) struct GroupReply(Option<Arc<Mutex<GroupState>>>);

impl AppendTicket {
    /// One that nobody waits for: it is acknowledged already.
    pub(super) const fn unwatched() -> Self {
        Self(None)
    }

    /// Whoever waits for it writes what is queued.
    pub(super) fn written_in_place(mut self, writer: &Arc<impl WriteInPlace + 'static>) -> Self {
        if let Some(place) = &mut self.0 {
            place.writer = Some(writer.clone());
        }
        self
    }

    /// Whether it is written on the thread that waits for it.
    pub fn is_written_in_place(&self) -> bool {
        self.0.as_ref().is_some_and(|place| place.writer.is_some())
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
        loop {
            if let Some(outcome) = place.outcome() {
                return Poll::Ready(outcome);
            }
            if place.write_next() {
                continue;
            }
            if let Some(outcome) = place.wake_or_outcome(context.waker()) {
                return Poll::Ready(outcome);
            }
            // Whoever was writing may have looked for somebody to wake before there was one.
            if !place.write_next() {
                return Poll::Pending;
            }
        }
    }
}

impl Place {
    fn state(&self) -> MutexGuard<'_, GroupState> {
        self.group.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_next(&self) -> bool {
        self.writer.as_ref().is_some_and(|writer| writer.write_next())
    }

    fn outcome(&self) -> Option<AppendResult> {
        self.state().outcome_at(self.at)
    }

    /// The outcome; if there is none yet, `waker` is woken by it.
    fn wake_or_outcome(&mut self, waker: &Waker) -> Option<AppendResult> {
        let mut state = self.group.lock().unwrap_or_else(PoisonError::into_inner);
        let outcome = state.outcome_at(self.at);
        if outcome.is_none() {
            match self.waker {
                Some(own) => state.wakers[own].clone_from(waker),
                None => {
                    self.waker = Some(state.wakers.len());
                    state.wakers.push(waker.clone());
                }
            }
        }
        outcome
    }
}

impl Drop for Place {
    /// Nobody waits for the append any more, and it is written all the same.
    fn drop(&mut self) {
        if let Some(writer) = &self.writer
            && self.state().outcome.is_none()
        {
            writer.leave();
        }
    }
}

impl GroupState {
    fn outcome_at(&self, at: u64) -> Option<AppendResult> {
        let receipt = |(segment, first)| Receipt { sequence: first + at, segment: Some(segment) };
        self.outcome.as_ref().map(|outcome| outcome.clone().map(receipt))
    }
}

impl GroupReply {
    /// The ticket of the append at this place of the group.
    pub(super) fn ticket(&mut self, at: usize) -> AppendTicket {
        let group = self.0.get_or_insert_default().clone();
        AppendTicket(Some(Place { group, at: at as u64, waker: None, writer: None }))
    }

    /// Wakes one of those who wait; `None`: nobody has asked yet.
    pub(super) fn first_waker(&self) -> Option<Waker> {
        let group = self.0.as_ref()?;
        group.lock().unwrap_or_else(PoisonError::into_inner).wakers.first().cloned()
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
