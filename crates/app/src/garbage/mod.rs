//! Garbage: what nothing needs any more and what is past its retention is found, shown, and removed.
//!
//! Invariants: what a version needs that is not rejected, retired or revoked, or that was ever deployed, is never garbage, and
//! neither are the pins of `kilter.lock`, the audit table, and what was stored within a day. A collection that is ended in the
//! middle has removed some of it, and the next one goes on. Out of scope: when it is done; whoever calls says so.

pub(crate) mod bytes;
pub(crate) mod collect;
mod deleted;
pub(crate) mod disk_use;
pub(crate) mod error;
pub(crate) mod expired;
pub(crate) mod found;
pub(crate) mod needed;
pub(crate) mod step_cache;

pub use collect::{collect_garbage, find_garbage};
pub use disk_use::{DiskKind, DiskUse, measure_disk_use};
pub use error::GarbageError;
pub use expired::expire_records;
pub use found::{Collection, DELETED_DAYS, Garbage, GarbageKind, GarbageOptions, UNUSED_DAYS};

#[cfg(test)]
mod tests;
