//! How long a version takes for a row, by what it took so far: whether a request may be scored where others wait for it.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

/// One request changes the mean by at most this factor: one that the machine interrupted says little.
const MAX_CHANGE: u64 = 8;

/// The moving mean of the time for a row, in nanoseconds; 0 before the first.
#[derive(Debug, Default)]
pub(super) struct Pace(AtomicU64);

impl Pace {
    /// So many rows took so long.
    pub(super) fn note(&self, rows: usize, took: Duration) {
        let row = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX) / (rows as u64).max(1);
        let row = row.max(1);
        let mean = self.0.load(Relaxed);
        let next = match mean {
            0 => row,
            mean => mean - mean / 8 + row.min(mean.saturating_mul(MAX_CHANGE)) / 8,
        };
        // Two at once lose one of the two: it is a mean.
        self.0.store(next.max(1), Relaxed);
    }

    /// How long so many rows will take; `None` before any did.
    pub(super) fn expected(&self, rows: usize) -> Option<Duration> {
        let row = Some(self.0.load(Relaxed)).filter(|row| *row > 0)?;
        Some(Duration::from_nanos(row.saturating_mul(rows as u64)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_expected_follows_what_was_taken_and_one_interruption_counts_little() {
        let pace = Pace::default();
        assert_eq!(pace.expected(1), None);
        pace.note(100, Duration::from_micros(600));
        assert_eq!(pace.expected(10), Some(Duration::from_micros(60)));
        pace.note(1, Duration::from_secs(1));
        assert!(pace.expected(1).unwrap() < Duration::from_micros(13));
        (0..100).for_each(|_| pace.note(1, Duration::from_millis(2)));
        assert!(pace.expected(1).unwrap() > Duration::from_millis(1), "a version that became slow is known to be");
        pace.note(0, Duration::ZERO);
        assert!(pace.expected(usize::MAX).is_some());
    }
}
