//! Bytes in a bucket of S3 and its kin, below a prefix: [`ObjectStorage`].
//!
//! Invariants: calls block, need no async context and are confused by none; each has a bound in time; what is created is
//! never overwritten by creating it again; half of a body is an error, never fewer bytes; no secret is in a message.
//!
//! Out of scope: what the bytes mean, and which objects there should be (`blobs`, `lake` and the index know it).

#![deny(missing_docs)]

mod cached;
mod download;
mod error;
mod objects;
mod post;
mod transfer;
mod url;

pub use cached::{CachedStorage, DEFAULT_CACHE_BYTES, RENEWED_AFTER, Upload};
pub use download::{DownloadError, Downloaded, download};
pub use error::ObjectError;
pub use objects::{Created, ObjectFacts, ObjectStorage};
pub use post::post;
pub use url::{InvalidStorageUrl, StorageUrl};
