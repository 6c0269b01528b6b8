//! The threads that answer connections: one for each core, each with a runtime of its own.
//!
//! A connection stays on its thread. A runtime that shares its tasks between threads wakes a second thread for every request that
//! arrives, which then finds nothing to do: on two idle cores that took more than half of the time of a small prediction. Work
//! that takes long leaves these threads anyway, so there is little to share (docs/decisions/0056-threads-of-connections.md).
//!
//! Invariants: a new connection goes to the thread with the fewest; when [`ConnectionThreads::join`] has come back, nothing that
//! belongs to a connection runs any more.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
};

use tokio::{
    runtime::{Builder, Handle, Runtime},
    sync::oneshot,
};

/// Threads for blocking work of all connections together, as many as a runtime of tokio has by itself.
const MAX_BLOCKING_THREADS: usize = 512;

/// The threads.
pub(crate) struct ConnectionThreads(Vec<ConnectionThread>);

struct ConnectionThread {
    runtime: Handle,
    open: Arc<AtomicUsize>,
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

/// A connection's place on a thread; dropping it makes the thread likelier to get the next one.
pub(crate) struct OnThread {
    runtime: Handle,
    open: Arc<AtomicUsize>,
}

impl ConnectionThreads {
    /// A thread for each core.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(crate) fn start() -> io::Result<Self> {
        let count = thread::available_parallelism().map_or(1, usize::from);
        (0..count).map(|_| ConnectionThread::start(MAX_BLOCKING_THREADS / count)).collect::<io::Result<_>>().map(Self)
    }

    /// A place for a new connection.
    pub(crate) fn place(&self) -> Option<OnThread> {
        let fewest = self.0.iter().min_by_key(|thread| thread.open.load(Relaxed))?;
        fewest.open.fetch_add(1, Relaxed);
        Some(OnThread { runtime: fewest.runtime.clone(), open: fewest.open.clone() })
    }

    /// Ends what is left on the threads, and waits for them.
    pub(crate) async fn join(self) {
        let joined = tokio::task::spawn_blocking(move || {
            let (stops, threads): (Vec<_>, Vec<_>) =
                self.0.into_iter().map(|thread| (thread.stop, thread.thread)).unzip();
            drop(stops);
            // A thread that panicked has ended too.
            threads.into_iter().for_each(|thread| drop(thread.join()));
        });
        let _ = joined.await;
    }
}

impl ConnectionThread {
    fn start(blocking: usize) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().max_blocking_threads(blocking.max(16)).build()?;
        let (handle, (stop, stopped)) = (runtime.handle().clone(), oneshot::channel());
        let thread = thread::Builder::new().name("connections".to_owned()).spawn(move || run(runtime, stopped))?;
        Ok(Self { runtime: handle, open: Arc::default(), stop, thread })
    }
}

fn run(runtime: Runtime, stopped: oneshot::Receiver<()>) {
    // Its other end is dropped to say so.
    let _ = runtime.block_on(stopped);
}

impl OnThread {
    /// The runtime of the thread.
    pub(crate) fn runtime(&self) -> &Handle {
        &self.runtime
    }
}

impl Drop for OnThread {
    fn drop(&mut self) {
        self.open.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn connections_are_spread_and_end_with_their_threads() {
        let threads = ConnectionThreads::start().unwrap();
        let places: Vec<OnThread> = (0..threads.0.len() * 3).map(|_| threads.place().unwrap()).collect();
        assert!(threads.0.iter().all(|thread| thread.open.load(Relaxed) == 3));
        let held = Arc::new(());
        let tasks: Vec<_> = places
            .into_iter()
            .map(|place| {
                let (runtime, held) = (place.runtime().clone(), held.clone());
                runtime.spawn(async move {
                    let _held = (place, held);
                    std::future::pending::<()>().await;
                })
            })
            .collect();
        assert!(Arc::strong_count(&held) > 1);
        threads.join().await;
        assert_eq!(Arc::strong_count(&held), 1, "nothing of a connection is left");
        for task in tasks {
            assert!(task.await.unwrap_err().is_cancelled());
        }
    }
}
