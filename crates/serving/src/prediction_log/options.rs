//! How the log writes: when it acknowledges, how large things may grow.

use std::{fmt, sync::Arc, time::Duration};

use super::group_copy::GroupCopier;

/// When an append is acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// After `fdatasync`: what was acknowledged survives `kill -9` and a power cut.
    Durable,
    /// At once. A crash loses what was queued; a power cut loses at most the last [`LogOptions::flush_every`] besides.
    Buffered,
}

/// What the writer calls after records were appended. It must return at once.
#[derive(Clone)]
pub struct AppendListener(Arc<dyn Fn() + Send + Sync>);

impl AppendListener {
    /// A listener that calls `listener`.
    pub fn new(listener: impl Fn() + Send + Sync + 'static) -> Self {
        Self(Arc::new(listener))
    }

    pub(super) fn call(&self) {
        (self.0)();
    }
}

impl fmt::Debug for AppendListener {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("AppendListener")
    }
}

/// Bounds of a log. The defaults suit one machine.
#[derive(Clone, Debug)]
pub struct LogOptions {
    /// When an append is acknowledged.
    pub durability: Durability,
    /// A segment is sealed when it has reached this many bytes.
    pub segment_bytes: u64,
    /// A segment is sealed when it has reached this many rows.
    pub segment_rows: u64,
    /// A segment that holds records is sealed this long after its first one (measured on the monotonic clock).
    pub segment_age: Duration,
    /// Appends that may wait for the writer; one more is refused with [`super::LogError::Busy`].
    pub queue_appends: usize,
    /// Bytes that may wait for the writer; see `queue_appends`.
    pub queue_bytes: usize,
    /// Buffered mode: the longest time between two `fdatasync`s while records arrive.
    pub flush_every: Duration,
    /// No segment made from now on has a lower number than this: whoever keeps what was sealed hands in the number
    /// behind it, so that a folder that was lost does not begin at 1 again.
    pub first_segment: u64,
    /// No record appended from now on has a lower sequence number than this.
    pub first_sequence: u64,
    /// Called after each group of records that was appended.
    pub on_append: Option<AppendListener>,
    /// Keeps each group of records in a second place before it is acknowledged.
    pub copy_group: Option<GroupCopier>,
    #[cfg(test)]
    pub(crate) faults: std::sync::Arc<super::faults::Faults>,
}

impl Default for LogOptions {
    fn default() -> Self {
        Self {
            durability: Durability::Durable,
            segment_bytes: 32 << 20,
            segment_rows: 250_000,
            segment_age: Duration::from_secs(15 * 60),
            queue_appends: 4_096,
            queue_bytes: 128 << 20,
            flush_every: Duration::from_millis(500),
            first_segment: 1,
            first_sequence: 1,
            on_append: None,
            copy_group: None,
            #[cfg(test)]
            faults: Default::default(),
        }
    }
}

impl LogOptions {
    /// The defaults, acknowledging at once: bounded loss, no waiting for the disk.
    pub fn without_sync() -> Self {
        Self { durability: Durability::Buffered, ..Self::default() }
    }
}
