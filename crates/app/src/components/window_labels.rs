//! How many labels the rows of large windows had when they were read last: to read such a window again takes seconds, so it waits
//! until enough labels may have come.

use std::{collections::BTreeMap, sync::Mutex};

use kilter_domain::{ids::EndpointName, time::Timestamp};

use crate::lock::lock;

/// Windows that are kept, over all endpoints; beyond it the oldest are let go, and read once more than need be.
const MAX_WINDOWS: usize = 10_000;

/// A window of a version at an endpoint.
type Key = (Timestamp, EndpointName, u32);

/// By window. They are not kept: after a start each window is read once.
#[derive(Debug, Default)]
pub(crate) struct WindowLabels(Mutex<BTreeMap<Key, ReadLabels>>);

/// What was read of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ReadLabels {
    /// The rows of the whole log of labels at that time.
    pub log_rows: u64,
    /// Rows of the window.
    pub rows: u64,
    /// Those with a label.
    pub labelled: u64,
}

impl ReadLabels {
    /// How many labels the window has at most, now that the log has so many rows.
    pub(crate) fn most(self, log_rows: u64) -> u64 {
        self.rows.min(self.labelled + log_rows.saturating_sub(self.log_rows))
    }
}

impl WindowLabels {
    /// What was read of a window last.
    pub(crate) fn find(&self, window: Timestamp, endpoint: &EndpointName, version: u32) -> Option<ReadLabels> {
        lock(&self.0).get(&(window, endpoint.clone(), version)).copied()
    }

    /// A window was read.
    pub(crate) fn set(&self, window: Timestamp, endpoint: &EndpointName, version: u32, read: ReadLabels) {
        let mut known = lock(&self.0);
        known.insert((window, endpoint.clone(), version), read);
        while known.len() > MAX_WINDOWS {
            known.pop_first();
        }
    }
}
