//! The connections that are open: how many, who waits for whom, and which one has to go when all places are taken.
//!
//! A connection that waits for its client (for a request, for the rest of a body, or for an answer to be taken) can be
//! ended; one whose request is being worked on cannot. So clients that take all places and do nothing keep nobody out:
//! the one that has kept the server waiting the longest makes room for the next.

use std::{
    collections::HashMap,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use hyper::body::{Body, Frame, SizeHint};
use tokio::{sync::Notify, task::AbortHandle};

/// A client is not sent away before it has had so long: a request that was just sent is about to arrive.
const MIN_WAIT: Duration = Duration::from_secs(1);

/// How often a full server looks for a connection that may be ended.
const RECHECK_EVERY: Duration = Duration::from_millis(100);

/// Since when a connection waits for its client, in milliseconds of the table's clock; 0 while it does not.
#[derive(Clone, Debug)]
pub(crate) struct WaitClock {
    since_ms: Arc<AtomicU64>,
    epoch: Instant,
}

impl WaitClock {
    fn new(epoch: Instant) -> Self {
        let clock = Self { since_ms: Arc::default(), epoch };
        clock.start();
        clock
    }

    /// From now on only the client can go on. A wait that has begun goes on.
    pub(crate) fn start(&self) {
        let now = self.epoch.elapsed().as_millis() as u64 + 1;
        let _ = self.since_ms.compare_exchange(0, now, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// The server has something to do.
    pub(crate) fn stop(&self) {
        self.since_ms.store(0, Ordering::Relaxed);
    }

    /// Whether only the client can go on.
    #[cfg(test)]
    pub(crate) fn is_waiting(&self) -> bool {
        self.since().is_some()
    }

    fn since(&self) -> Option<u64> {
        Some(self.since_ms.load(Ordering::Relaxed)).filter(|since| *since > 0)
    }
}

struct Connection {
    clock: WaitClock,
    task: Option<AbortHandle>,
}

/// All open connections.
#[derive(Clone)]
pub(crate) struct Connections(Arc<Table>);

struct Table {
    limit: usize,
    epoch: Instant,
    open: Mutex<HashMap<u64, Connection>>,
    next: AtomicU64,
    freed: Notify,
}

/// The place of one connection; dropping it frees the place.
pub(crate) struct Place {
    id: u64,
    pub(crate) clock: WaitClock,
    connections: Connections,
}

impl Connections {
    /// Room for `limit` connections.
    pub(crate) fn new(limit: usize) -> Self {
        Self(Arc::new(Table {
            limit: limit.max(1),
            epoch: Instant::now(),
            open: Mutex::default(),
            next: AtomicU64::default(),
            freed: Notify::new(),
        }))
    }

    /// A place for a new connection. When all are taken, the connection that has waited for its client the longest is
    /// ended; when each of them is being answered, this waits.
    pub(crate) async fn place(&self) -> Place {
        loop {
            if let Some(place) = self.free_place() {
                return place;
            }
            let _ = tokio::time::timeout(RECHECK_EVERY, self.0.freed.notified()).await;
        }
    }

    fn free_place(&self) -> Option<Place> {
        let mut open = self.open();
        if open.len() >= self.0.limit {
            let longest = longest_waiting(&open, self.0.epoch.elapsed())?;
            if let Some(task) = open.remove(&longest).and_then(|connection| connection.task) {
                task.abort();
            }
            tracing::debug!("a connection that waited for its client made room for another");
        }
        let id = self.0.next.fetch_add(1, Ordering::Relaxed);
        let clock = WaitClock::new(self.0.epoch);
        open.insert(id, Connection { clock: clock.clone(), task: None });
        Some(Place { id, clock, connections: self.clone() })
    }

    /// Names the task that serves the connection at a place, so that it can be ended.
    pub(crate) fn serve(&self, id: u64, task: AbortHandle) {
        if let Some(connection) = self.open().get_mut(&id) {
            connection.task = Some(task);
        }
    }

    fn open(&self) -> MutexGuard<'_, HashMap<u64, Connection>> {
        self.0.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    pub(crate) fn id(&self) -> u64 {
        self.id
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.connections.open().remove(&self.id);
        self.connections.0.freed.notify_one();
    }
}

/// The connection that has waited for its client the longest, if that is long enough.
fn longest_waiting(open: &HashMap<u64, Connection>, now: Duration) -> Option<u64> {
    let ended = open.iter().filter(|(_, connection)| connection.task.is_some());
    let waiting = ended.filter_map(|(id, connection)| connection.clock.since().map(|since| (since, *id)));
    let (since, id) = waiting.min()?;
    (now.as_millis() as u64 >= since + MIN_WAIT.as_millis() as u64).then_some(id)
}

/// A request body that tells the clock whether the next bytes are waited for.
pub(crate) struct TimedBody<B> {
    body: B,
    clock: WaitClock,
}

impl<B> TimedBody<B> {
    pub(crate) fn new(body: B, clock: WaitClock) -> Self {
        Self { body, clock }
    }
}

impl<B: Body + Unpin> Body for TimedBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        self.clock.start();
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        self.clock.stop();
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_connection_that_has_waited_longest_makes_room_and_one_at_work_does_not() {
        let connections = Connections::new(2);
        let (first, second) = (connections.place().await, connections.place().await);
        let tasks = [first.id(), second.id()].map(|id| {
            let task = tokio::spawn(std::future::pending::<()>());
            connections.serve(id, task.abort_handle());
            task
        });
        first.clock.stop();
        let began = Instant::now();
        let third = connections.place().await;
        assert!(began.elapsed() >= MIN_WAIT, "nobody is sent away at once");
        let [busy, waiting] = tasks;
        assert!(waiting.await.unwrap_err().is_cancelled() && !busy.is_finished());
        drop((first, second, third));
        assert!(connections.open().is_empty());
    }
}
