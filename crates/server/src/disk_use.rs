//! What the data folder has of the disk, as it was measured last.
//!
//! Invariant: files are looked at once in ten minutes at most, whoever asks how often; what is free is asked each time.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use kilter_app::{
    App,
    garbage::{DiskUse, measure_disk_use},
};

/// How long a measurement is shown.
const MEASURED_EVERY: Duration = Duration::from_secs(10 * 60);

/// The newest measurement.
#[derive(Default)]
pub(crate) struct DiskUseCache(Mutex<Option<(Instant, DiskUse)>>);

/// What the data folder has of the disk, and what is free.
#[derive(Clone, Debug, Default)]
pub(crate) struct DiskReading {
    /// `None`: it could not be measured.
    pub used: Option<DiskUse>,
    /// `None`: the system does not say it.
    pub free_bytes: Option<u64>,
}

impl DiskUseCache {
    /// The newest measurement; one that is too old is made again.
    pub(crate) fn read(&self, app: &App) -> DiskReading {
        let mut newest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if newest.as_ref().is_none_or(|(at, _)| at.elapsed() >= MEASURED_EVERY) {
            *newest = measure_disk_use(app).ok().map(|used| (Instant::now(), used));
        }
        let disk = rustix::fs::statvfs(app.folder()).ok();
        DiskReading {
            used: newest.as_ref().map(|(_, used)| used.clone()),
            free_bytes: disk.map(|disk| disk.f_bavail.saturating_mul(disk.f_frsize)),
        }
    }
}
