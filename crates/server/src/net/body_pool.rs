//! The bytes of all request bodies that are held at once, and their bound.
//!
//! Each body is bounded by itself ([`crate::Limits::body`]); many at once would still fill the memory. Here every byte
//! that arrives takes a place in one pool, and gives it back when the last handler lets go of the body. A body that finds
//! the pool full is refused at once (503, `Retry-After`): waiting would let slow senders block all others.

use std::{io::Read, sync::Arc};

use axum::body::{Body, Bytes};
use futures::TryStreamExt;
use kilter_api::{Code, Problem};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The most that is reserved for a body before its bytes arrive: what a client announces is no reason to allocate.
const MAX_RESERVED_AHEAD: usize = 1 << 20;

/// One pool of bytes for all bodies of a server.
#[derive(Clone, Debug)]
pub(crate) struct BodyPool {
    free: Arc<Semaphore>,
    bytes: usize,
}

/// A body with its places in the pool.
struct PooledBody {
    bytes: Vec<u8>,
    _places: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for PooledBody {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl BodyPool {
    /// A pool of `bytes`.
    pub(crate) fn new(bytes: usize) -> Self {
        let bytes = bytes.min(Semaphore::MAX_PERMITS);
        Self { free: Arc::new(Semaphore::new(bytes)), bytes }
    }

    /// Reads a body of at most `limit` bytes. Its places are free again when the last clone of the answer is dropped.
    pub(crate) async fn read(&self, body: Body, announced: Option<u64>, limit: usize) -> Result<Bytes, Problem> {
        if announced.is_some_and(|announced| announced > limit as u64) {
            return Err(too_large(limit));
        }
        let announced = announced.map_or(0, |announced| announced as usize);
        let mut bytes = Vec::with_capacity(announced.min(MAX_RESERVED_AHEAD));
        let mut places = self.take(0)?;
        let mut stream = body.into_data_stream();
        while let Some(chunk) = stream.try_next().await.map_err(not_whole)? {
            if chunk.len() > limit - bytes.len() {
                return Err(too_large(limit));
            }
            places.merge(self.take(chunk.len())?);
            bytes.extend_from_slice(&chunk);
        }
        Ok(Bytes::from_owner(PooledBody { bytes, _places: places }))
    }

    /// Reads bytes that are made as they are read (those of a compressed body), at most `limit`. They take places as they are
    /// made, so that what grows beyond the bounds is refused before it is in memory.
    pub(crate) fn read_from(&self, mut source: impl Read, limit: usize) -> Result<Bytes, Problem> {
        let (mut bytes, mut places) = (Vec::new(), self.take(0)?);
        let mut chunk = vec![0; 64 << 10];
        loop {
            let count = source.read(&mut chunk).map_err(|error| {
                let detail = "the compressed body cannot be read: it is damaged, or did not arrive whole";
                Problem::new(Code::RequestInvalid, detail).caused_by(Some(&error))
            })?;
            if count == 0 {
                return Ok(Bytes::from_owner(PooledBody { bytes, _places: places }));
            }
            if count > limit - bytes.len() {
                return Err(too_large(limit));
            }
            places.merge(self.take(count)?);
            bytes.extend_from_slice(&chunk[..count]);
        }
    }

    /// Places for so many bytes.
    pub(crate) fn take(&self, bytes: usize) -> Result<OwnedSemaphorePermit, Problem> {
        let count = u32::try_from(bytes).map_err(|_| self.full())?;
        self.free.clone().try_acquire_many_owned(count).map_err(|_| self.full())
    }

    /// How many bytes there is room for.
    #[cfg(test)]
    pub(crate) fn free(&self) -> usize {
        self.free.available_permits()
    }

    fn full(&self) -> Problem {
        Problem::new(
            Code::Overloaded,
            format!(
                "the bodies of the requests that are being answered fill the {} bytes there are for them",
                self.bytes
            ),
        )
    }
}

fn too_large(limit: usize) -> Problem {
    Problem::new(Code::BodyTooLarge, format!("the body has more than {limit} bytes"))
}

fn not_whole(error: axum::Error) -> Problem {
    Problem::new(Code::RequestInvalid, "the body did not arrive whole").caused_by(Some(&*error.into_inner()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn bodies_share_one_bound_and_give_back_what_they_held() {
        let pool = BodyPool::new(100);
        let body = || Body::from(vec![b'x'; 60]);
        let first = pool.read(body(), None, 80).await.unwrap();
        let refused = pool.read(body(), None, 80).await.unwrap_err();
        assert_eq!((refused.code.as_str(), refused.status), ("overloaded", 503));
        let clone = first.clone();
        drop(first);
        assert!(pool.read(body(), None, 80).await.is_err(), "a clone still holds the bytes");
        drop(clone);
        assert_eq!(pool.read(body(), None, 80).await.unwrap().len(), 60);
    }

    #[tokio::test]
    async fn one_body_is_bounded_whatever_it_announces() {
        let pool = BodyPool::new(1 << 20);
        for announced in [None, Some(3), Some(60), Some(u64::MAX)] {
            let refused = pool.read(Body::from(vec![b'x'; 60]), announced, 59).await.unwrap_err();
            assert_eq!(refused.code, "body_too_large", "{announced:?}");
        }
        assert_eq!(pool.free.available_permits(), 1 << 20, "what is refused holds nothing");
    }
}
