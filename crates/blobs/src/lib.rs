//! Bytes by digest: a store of files and trees of files, addressed by BLAKE3: a folder, or an object store with a folder as cache.
//!
//! Invariants: a blob that can be found is whole (temporary file, fsync, rename, fsync of the folder); what stands
//! in the store is never changed; a user's file is only read, never moved, linked or truncated; a path that could
//! leave a folder (`..`, absolute, symbolic link) is refused; a full disk is an error and loses nothing.
//!
//! Out of scope: what the bytes mean, who may read them, chunking, and what is garbage: a sweep asks whoever knows what is needed.

#![warn(missing_docs)]

pub mod atomic;
mod bounded;
mod cache;
mod checkout;
mod content;
mod error;
mod path;
mod store;
mod sweep;
mod tree;
mod walk;

pub use bounded::{answer_bounded, read_bounded, read_bounded_text};
pub use cache::HashCache;
pub use checkout::Replaced;
pub use content::{Content, ContentKind};
pub use error::BlobError;
pub use path::{TreePath, UnsafePath, ensure_inside};
pub use store::BlobStore;
pub use sweep::{MIN_SWEEP_AGE, Sweep, Swept};
pub use tree::{Tree, TreeEntry, TreeError};
pub use walk::{PlainFile, plain_files};
