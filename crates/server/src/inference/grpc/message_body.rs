//! The body of a gRPC request: messages, each behind 5 bytes that say whether it is compressed and how long it is.
//!
//! Here each message is bounded before a byte of it is kept, takes its places among the bytes of all bodies, and is
//! decompressed, so that what a client gets wrong is answered as its mistake and a small message cannot become a large
//! one. What reads the body behind this sees messages that are whole and not compressed.

use std::{
    io::Read,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
};

use axum::body::{Body, Bytes, HttpBody};
use flate2::read::GzDecoder;
use hyper::body::Frame;
use tokio::sync::OwnedSemaphorePermit;
use tonic::Status;

use crate::net::body_pool::BodyPool;

/// Bytes before each message.
const HEAD: usize = 5;

/// The places of the messages that are being answered; whoever has answered one gives them back.
#[derive(Clone, Debug, Default)]
pub(super) struct Places(Arc<Mutex<Option<OwnedSemaphorePermit>>>);

impl Places {
    fn add(&self, places: OwnedSemaphorePermit) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *held {
            Some(held) => held.merge(places),
            None => *held = Some(places),
        }
    }

    /// Frees what was taken until now.
    pub(super) fn release(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

/// What is read next.
enum State {
    /// The bytes before a message, as many as have come.
    Head(Vec<u8>),
    /// A message that is passed on as it comes.
    Plain { left: usize },
    /// A message that is kept until it is whole.
    Compressed { bytes: Vec<u8>, length: usize },
    /// Nothing: the body failed.
    Failed,
}

/// See the module.
pub(super) struct MessageBody {
    body: Body,
    state: State,
    /// What has arrived and was not looked at yet.
    arrived: Bytes,
    /// Whether messages may be compressed with gzip.
    has_gzip: bool,
    /// Bytes of a message, before and after it is decompressed.
    limit: usize,
    pool: BodyPool,
    places: Places,
    /// Whether there must be a message before the body ends.
    needs_message: bool,
    messages: usize,
}

impl MessageBody {
    pub(super) fn new(body: Body, pool: BodyPool, places: Places, bounds: MessageBounds) -> Self {
        let MessageBounds { limit, has_gzip, needs_message } = bounds;
        let state = State::Head(Vec::with_capacity(HEAD));
        Self { body, state, arrived: Bytes::new(), has_gzip, limit, pool, places, needs_message, messages: 0 }
    }

    /// What is to be passed on of what has arrived; `None` when more has to arrive first.
    fn step(&mut self) -> Result<Option<Bytes>, Status> {
        match &mut self.state {
            State::Head(head) => {
                let missing = (HEAD - head.len()).min(self.arrived.len());
                head.extend_from_slice(&self.arrived.split_to(missing));
                let Ok(head) = <[u8; HEAD]>::try_from(&**head) else { return Ok(None) };
                self.begin(head)
            }
            State::Plain { left } => {
                let part = self.arrived.split_to((*left).min(self.arrived.len()));
                *left -= part.len();
                if *left == 0 {
                    self.state = State::Head(Vec::with_capacity(HEAD));
                }
                Ok((!part.is_empty()).then_some(part))
            }
            State::Compressed { bytes, length } => {
                let part = self.arrived.split_to((*length - bytes.len()).min(self.arrived.len()));
                bytes.extend_from_slice(&part);
                if bytes.len() < *length {
                    return Ok(None);
                }
                let compressed = std::mem::take(bytes);
                self.state = State::Head(Vec::with_capacity(HEAD));
                self.decompress(&compressed).map(Some)
            }
            State::Failed => Ok(None),
        }
    }

    /// Looks at the bytes before a message.
    fn begin(&mut self, head: [u8; HEAD]) -> Result<Option<Bytes>, Status> {
        let [flag, length @ ..] = head;
        let length = u32::from_be_bytes(length) as usize;
        if length > self.limit {
            return Err(self.too_large(length));
        }
        self.messages += 1;
        self.take_places(length)?;
        match flag {
            0 => {
                self.state = match length {
                    0 => State::Head(Vec::with_capacity(HEAD)),
                    left => State::Plain { left },
                };
                Ok(Some(Bytes::copy_from_slice(&head)))
            }
            // Some clients flag a message of nothing too.
            1 if self.has_gzip && length == 0 => {
                self.state = State::Head(Vec::with_capacity(HEAD));
                Ok(Some(Bytes::from_static(&[0; HEAD])))
            }
            1 if self.has_gzip => {
                self.state = State::Compressed { bytes: Vec::new(), length };
                Ok(None)
            }
            1 => Err(Status::invalid_argument(
                "a message is said to be compressed, and the request has no `grpc-encoding: gzip`",
            )),
            flag => Err(Status::invalid_argument(format!(
                "a message begins with {flag}, which is neither 0 nor 1 (compressed)"
            ))),
        }
    }

    fn decompress(&mut self, compressed: &[u8]) -> Result<Bytes, Status> {
        let mut message = vec![0; HEAD];
        // One byte more than may be tells that there are too many.
        let mut limited = GzDecoder::new(compressed).take(self.limit as u64 + 1);
        limited
            .read_to_end(&mut message)
            .map_err(|error| Status::invalid_argument(format!("a message is not gzip: {error}")))?;
        let length = message.len() - HEAD;
        if length > self.limit {
            return Err(self.too_large(length));
        }
        self.take_places(length)?;
        let length = u32::try_from(length).map_err(|_| self.too_large(length))?;
        message[1..HEAD].copy_from_slice(&length.to_be_bytes());
        Ok(message.into())
    }

    fn take_places(&self, bytes: usize) -> Result<(), Status> {
        let places = self.pool.take(bytes).map_err(|problem| super::status::of_problem(&problem))?;
        self.places.add(places);
        Ok(())
    }

    fn too_large(&self, length: usize) -> Status {
        Status::resource_exhausted(format!(
            "a message has {length} bytes or more; at most {} are accepted, send fewer rows at once",
            self.limit
        ))
    }

    /// What it means that no more will arrive.
    fn end(&self) -> Result<(), Status> {
        match &self.state {
            State::Head(head) if head.is_empty() && (self.messages > 0 || !self.needs_message) => Ok(()),
            State::Head(head) if head.is_empty() => Err(Status::invalid_argument("the request has no message")),
            State::Failed => Ok(()),
            _ => Err(Status::invalid_argument("the request ended within a message")),
        }
    }
}

/// What bounds the messages of a request.
#[derive(Clone, Copy, Debug)]
pub(super) struct MessageBounds {
    /// Bytes of a message.
    pub(super) limit: usize,
    /// Whether the request states that messages may be compressed.
    pub(super) has_gzip: bool,
    /// Whether there must be a message.
    pub(super) needs_message: bool,
}

impl HttpBody for MessageBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = self.get_mut();
        loop {
            match this.step() {
                Ok(Some(bytes)) => return Poll::Ready(Some(Ok(Frame::data(bytes)))),
                Ok(None) if matches!(this.state, State::Failed) => return Poll::Ready(None),
                Ok(None) if !this.arrived.is_empty() => continue,
                Ok(None) => {}
                Err(status) => {
                    this.state = State::Failed;
                    return Poll::Ready(Some(Err(status)));
                }
            }
            match ready!(Pin::new(&mut this.body).poll_frame(context)) {
                // Trailers of a request say nothing.
                Some(Ok(frame)) => this.arrived = frame.into_data().unwrap_or_default(),
                Some(Err(error)) => {
                    this.state = State::Failed;
                    let detail = format!("the request did not arrive whole: {error}");
                    // Not CANCELLED: `tonic` reads that as the end of the messages, and answers INTERNAL as there is none.
                    return Poll::Ready(Some(Err(Status::aborted(detail))));
                }
                None => {
                    let ended = this.end();
                    this.state = State::Failed;
                    return Poll::Ready(ended.err().map(Err));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use axum::body::to_bytes;
    use flate2::{Compression, write::GzEncoder};
    use futures::stream;
    use proptest::prelude::*;

    use super::*;

    const LIMIT: usize = 1_000;
    const POOL: usize = 10_000;

    fn framed(flag: u8, message: &[u8]) -> Vec<u8> {
        [&[flag], &(message.len() as u32).to_be_bytes()[..], message].concat()
    }

    fn gzip(message: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(message).unwrap();
        encoder.finish().unwrap()
    }

    /// What is passed on of a body that arrives in pieces of `size`, and the places that are held then.
    fn pass(body: &[u8], size: usize) -> (Result<Vec<u8>, String>, usize) {
        let pieces: Vec<_> =
            body.chunks(size.max(1)).map(|piece| Ok::<_, Status>(Bytes::copy_from_slice(piece))).collect();
        let (pool, places) = (BodyPool::new(POOL), Places::default());
        let bounds = MessageBounds { limit: LIMIT, has_gzip: true, needs_message: true };
        let body = MessageBody::new(Body::from_stream(stream::iter(pieces)), pool.clone(), places.clone(), bounds);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let passed = runtime.block_on(to_bytes(Body::new(body), usize::MAX));
        let held = POOL - pool.free();
        places.release();
        assert_eq!(pool.free(), POOL);
        (passed.map(Into::into).map_err(|error| std::error::Error::source(&error).unwrap().to_string()), held)
    }

    fn refused(body: &[u8], words: &str) {
        let error = pass(body, 7).0.unwrap_err();
        assert!(error.contains(words), "{error}");
    }

    #[test]
    fn compressed_messages_are_passed_on_as_plain_ones() {
        let body = [framed(0, b"one"), framed(1, &gzip(b"two")), framed(0, b""), framed(1, b"")].concat();
        let plain = [framed(0, b"one"), framed(0, b"two"), framed(0, b""), framed(0, b"")].concat();
        for size in 1..body.len() + 1 {
            assert_eq!(pass(&body, size).0.as_ref(), Ok(&plain), "in pieces of {size}");
        }
        assert_eq!(pass(&framed(0, &[7; 900]), 100).1, 900, "a message takes its places");
    }

    #[test]
    fn what_a_client_gets_wrong_is_its_mistake() {
        refused(&framed(0, &[0; LIMIT + 1]), "has 1001 bytes or more; at most 1000");
        refused(&[0, 0xff, 0xff, 0xff, 0xff], "has 4294967295 bytes or more");
        refused(&framed(1, &gzip(&[0; 100_000])), "has 1001 bytes or more");
        refused(&framed(1, b"no gzip at all"), "is not gzip");
        refused(&framed(2, b"x"), "begins with 2");
        refused(&framed(0, b"xyz")[..7], "ended within a message");
        refused(&[0, 0], "ended within a message");
        refused(b"", "has no message");
        let full: Vec<u8> = (0..11).flat_map(|_| framed(0, &[0; 1_000])).collect();
        refused(&full, "fill the 10000 bytes");
    }

    /// `tonic` takes CANCELLED for the end of the messages: a client that went away would be counted as a fault of the server.
    #[tokio::test]
    async fn a_request_that_breaks_off_is_aborted() {
        let lost = std::io::Error::other("the connection is lost");
        let pieces = stream::iter([Ok(Bytes::from(framed(0, b"xyz")[..6].to_vec())), Err(lost)]);
        let bounds = MessageBounds { limit: LIMIT, has_gzip: true, needs_message: true };
        let mut body =
            Box::pin(MessageBody::new(Body::from_stream(pieces), BodyPool::new(POOL), Places::default(), bounds));
        let mut ended = None;
        while let Some(frame) = std::future::poll_fn(|context| body.as_mut().poll_frame(context)).await {
            ended = frame.err();
        }
        assert_eq!(ended.map(|status| status.code()), Some(tonic::Code::Aborted));
    }

    proptest! {
        #[test]
        fn bytes_that_nobody_meant_are_answered_without_a_panic(
            body in prop::collection::vec(prop_oneof![0u8..3, any::<u8>()], 0..100), size in 1usize..20,
        ) {
            let _ = pass(&body, size);
        }
    }
}
