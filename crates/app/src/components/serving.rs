//! An endpoint that is open: what answers, and the log that remembers.

use std::{
    collections::HashMap,
    fmt,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use kilter_domain::time::Timestamp;
use kilter_serving::{Endpoint, PredictionLog, SegmentId};
use kilter_store::prediction::PartitionKind;

/// An endpoint that is open: what answers, and what remembers.
pub struct Serving {
    pub(crate) endpoint: Endpoint,
    pub(crate) log: Arc<PredictionLog>,
    /// Held while segments become partitions.
    pub(crate) sealing: Mutex<()>,
    pub(crate) merges: Mutex<MergeRounds>,
    pub(crate) sealed: Mutex<SealMark>,
    /// What was found to be missing when the log was opened.
    pub(crate) losses: Vec<Loss>,
}

impl Serving {
    /// What answers.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// What remembers.
    pub fn log(&self) -> &PredictionLog {
        &self.log
    }

    /// What was found to be missing when the log was opened.
    pub fn losses(&self) -> &[Loss] {
        &self.losses
    }

    /// Until when everything that was recorded here is sealed, at `now`.
    pub(crate) fn sealed_until(&self, now: Timestamp) -> Timestamp {
        let mark = *self.sealed.lock().unwrap_or_else(PoisonError::into_inner);
        let counts = self.log.counts();
        // Without a record since then there is nothing to seal.
        let is_idle = mark.appended == Some(counts.appended) && counts.waiting == 0;
        if is_idle { now } else { mark.until }
    }

    /// Everything that was recorded before `until` is sealed; as many appends were in the log then.
    pub(crate) fn set_sealed(&self, until: Timestamp, appended: u64) {
        *self.sealed.lock().unwrap_or_else(PoisonError::into_inner) = SealMark { until, appended: Some(appended) };
    }

    pub(crate) fn lock_merges(&self) -> MutexGuard<'_, MergeRounds> {
        self.merges.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn lock_sealing(&self) -> MutexGuard<'_, ()> {
        // A panic while it was held left at worst a staged file, which the next seal completes or removes.
        self.sealing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Segments of a log that should be there and are not: what was recorded in them is lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loss {
    /// The folder of the log.
    pub folder: PathBuf,
    /// The number of the first missing segment.
    pub first: u64,
    /// The number of the last missing segment.
    pub last: u64,
}

impl fmt::Display for Loss {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, last) = (SegmentId(self.first), SegmentId(self.last));
        match first == last {
            true => write!(out, "{}/{first}.klog is missing", self.folder.display())?,
            false => write!(out, "{}/{first}.klog to {last}.klog are missing", self.folder.display())?,
        }
        out.write_str(
            ": predictions and labels that were recorded there and not sealed yet are lost; if there is a backup, stop the \
             server and restore it (`kilter restore`); recording goes on behind",
        )
    }
}

/// How far a log was sealed by this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SealMark {
    /// Everything that was recorded before is sealed.
    pub(crate) until: Timestamp,
    /// How many appends the log had then; `None` while it may hold records of an earlier process.
    pub(crate) appended: Option<u64>,
}

/// Since which round the files of merged partitions wait to be removed.
#[derive(Debug, Default)]
pub(crate) struct MergeRounds {
    pub(crate) round: u64,
    pub(crate) waiting: HashMap<(PartitionKind, i64), u64>,
}
