//! The clock of a connection on which several requests are answered at a time: it waits for its client when none of them is
//! being worked on.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Poll},
};

use hyper::body::{Body, Frame, SizeHint};

use crate::net::connections::WaitClock;

/// The requests of a connection that are being worked on.
#[derive(Clone)]
pub(crate) struct Requests(Arc<(WaitClock, AtomicUsize)>);

impl Requests {
    pub(crate) fn new(clock: WaitClock) -> Self {
        Self(Arc::new((clock, AtomicUsize::new(0))))
    }

    /// A request that has arrived, and is worked on.
    pub(crate) fn begin(&self) -> RequestWork {
        let work = RequestWork(Arc::new(Work { requests: self.clone(), is_at_work: AtomicBool::new(false) }));
        work.set(true);
        work
    }
}

struct Work {
    requests: Requests,
    is_at_work: AtomicBool,
}

/// Whether one request is worked on, or waits for its client.
#[derive(Clone)]
pub(crate) struct RequestWork(Arc<Work>);

impl RequestWork {
    pub(crate) fn set(&self, is_at_work: bool) {
        self.0.set(is_at_work);
    }
}

impl Work {
    fn set(&self, is_at_work: bool) {
        if self.is_at_work.swap(is_at_work, SeqCst) == is_at_work {
            return;
        }
        let (clock, count) = &*self.requests.0;
        match is_at_work {
            true => {
                count.fetch_add(1, SeqCst);
                clock.stop();
            }
            false if count.fetch_sub(1, SeqCst) == 1 => {
                clock.start();
                // Another one may have begun in between.
                if count.load(SeqCst) > 0 {
                    clock.stop();
                }
            }
            false => {}
        }
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        self.set(false);
    }
}

/// A request body: while its next bytes are waited for, the request is not worked on.
pub(crate) struct WorkBody<B> {
    body: B,
    work: RequestWork,
}

impl<B> WorkBody<B> {
    pub(crate) fn new(body: B, work: RequestWork) -> Self {
        Self { body, work }
    }
}

impl<B: Body + Unpin> Body for WorkBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        self.work.set(frame.is_ready());
        frame
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
    use axum::body::Bytes;

    use super::*;
    use crate::net::connections::Connections;

    #[tokio::test]
    async fn a_connection_waits_for_its_client_when_no_request_is_worked_on() {
        let place = Connections::new(1).place().await;
        let requests = Requests::new(place.clock.clone());
        assert!(place.clock.is_waiting());
        let (first, second) = (requests.begin(), requests.begin());
        assert!(!place.clock.is_waiting());
        let never = futures::stream::pending::<Result<Bytes, axum::Error>>();
        let mut body = WorkBody::new(axum::body::Body::from_stream(never), first);
        let waits = Pin::new(&mut body).poll_frame(&mut Context::from_waker(std::task::Waker::noop()));
        assert!(waits.is_pending() && !place.clock.is_waiting(), "the second one is worked on");
        second.set(false);
        assert!(place.clock.is_waiting());
        drop((body, second));
        assert!(place.clock.is_waiting());
    }
}
