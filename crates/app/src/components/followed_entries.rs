//! Up to which entry of the audit log this process has followed what others changed.

use std::sync::atomic::{AtomicU64, Ordering};

/// The number of the last entry that was followed.
#[derive(Debug, Default)]
pub(crate) struct FollowedEntries(AtomicU64);

impl FollowedEntries {
    /// The last entry that was followed.
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }

    /// Everything up to this entry was followed.
    pub(crate) fn set(&self, seq: u64) {
        self.0.store(seq, Ordering::Release);
    }
}
