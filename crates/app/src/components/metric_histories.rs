//! Long histories of metrics as they were read last: a chart asks for the same points again with each zoom.
//!
//! Invariants: what is answered is what the database has. A history is taken as it is while nothing was committed, and while the count of
//! its points is the same: points are added and never changed. What is kept is bounded.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU64, Ordering},
};

use kilter_domain::tracking::HistoryPoint;

use crate::lock::lock;

/// Points from which on a history is kept: fewer are read faster than anybody sees.
pub(crate) const MIN_KEPT: u64 = 20_000;
/// Points that are kept together: 36 MB.
const MAX_KEPT: usize = 1_500_000;

/// The points of one metric of a run, in the order of step and time.
pub(crate) type History = Arc<[HistoryPoint]>;

/// The histories that were asked for last.
#[derive(Default)]
pub(crate) struct MetricHistories {
    commits: Arc<AtomicU64>,
    /// The one that was asked for last stands last.
    kept: Mutex<Vec<Kept>>,
}

struct Kept {
    run: String,
    metric: String,
    /// How many commits there had been when it was known to be whole.
    commits: u64,
    points: History,
}

impl MetricHistories {
    /// What counts commits: it is added to after each.
    pub(crate) fn commits(&self) -> Arc<AtomicU64> {
        self.commits.clone()
    }

    /// The history, if it is kept and still whole; `count` says how many points the database has.
    ///
    /// # Errors
    /// Those of `count`.
    pub(crate) fn find<E>(
        &self,
        (run, metric): (&str, &str),
        count: impl FnOnce() -> Result<u64, E>,
    ) -> Result<Option<History>, E> {
        let now = self.commits.load(Ordering::Acquire);
        let known = |kept: &Kept| kept.run == run && kept.metric == metric;
        let found = lock(&self.kept).iter().find(|kept| known(kept)).map(|kept| (kept.commits, kept.points.clone()));
        let Some((commits, points)) = found else { return Ok(None) };
        if commits != now && count()? != points.len() as u64 {
            lock(&self.kept).retain(|kept| !known(kept));
            return Ok(None);
        }
        let mut kept = lock(&self.kept);
        if let Some(at) = kept.iter().position(known) {
            let mut found = kept.remove(at);
            found.commits = now;
            kept.push(found);
        }
        Ok(Some(points))
    }

    /// Reads a history, and keeps it where it is long; those that were not asked for the longest time make room.
    ///
    /// # Errors
    /// Those of `read`.
    pub(crate) fn read<E>(
        &self,
        (run, metric): (&str, &str),
        read: impl FnOnce() -> Result<Vec<HistoryPoint>, E>,
    ) -> Result<History, E> {
        let commits = self.commits.load(Ordering::Acquire);
        let points: History = read()?.into();
        if points.len() as u64 >= MIN_KEPT && points.len() <= MAX_KEPT {
            let mut kept = lock(&self.kept);
            kept.retain(|kept| kept.run != run || kept.metric != metric);
            kept.push(Kept { run: run.to_owned(), metric: metric.to_owned(), commits, points: points.clone() });
            while kept.iter().map(|kept| kept.points.len()).sum::<usize>() > MAX_KEPT {
                kept.remove(0);
            }
        }
        Ok(points)
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use kilter_domain::time::Timestamp;

    use super::*;

    fn points(count: u64) -> Result<Vec<HistoryPoint>, Infallible> {
        Ok((0..count).map(|step| HistoryPoint { step: step as i64, at: Timestamp(0), value: 1.0 }).collect())
    }

    fn find(kept: &MetricHistories, run: &str, count: u64) -> Option<usize> {
        kept.find::<Infallible>((run, "loss"), || Ok(count)).unwrap().map(|points| points.len())
    }

    #[test]
    fn a_history_is_kept_until_it_has_another_length() {
        let kept = MetricHistories::default();
        assert_eq!(find(&kept, "a", MIN_KEPT), None);
        kept.read(("a", "loss"), || points(MIN_KEPT)).unwrap();
        assert_eq!(find(&kept, "a", 0), Some(MIN_KEPT as usize), "nothing was committed: nobody counts");
        kept.commits().fetch_add(1, Ordering::AcqRel);
        assert_eq!(find(&kept, "a", MIN_KEPT), Some(MIN_KEPT as usize), "another run was written");
        kept.commits().fetch_add(1, Ordering::AcqRel);
        assert_eq!(find(&kept, "a", MIN_KEPT + 1), None, "a point was added");
        assert_eq!(find(&kept, "a", MIN_KEPT), None, "it is gone");
    }

    #[test]
    fn short_ones_are_not_kept_and_the_oldest_makes_room() {
        let kept = MetricHistories::default();
        kept.read(("short", "loss"), || points(MIN_KEPT - 1)).unwrap();
        assert_eq!(find(&kept, "short", MIN_KEPT - 1), None);
        let third = MAX_KEPT as u64 / 3;
        for run in ["a", "b", "c"] {
            kept.read((run, "loss"), || points(third)).unwrap();
        }
        assert!(find(&kept, "a", third).is_some(), "it was asked for: the next to go is b");
        kept.read(("d", "loss"), || points(third)).unwrap();
        let there = ["a", "b", "c", "d"].map(|run| find(&kept, run, third).is_some());
        assert_eq!(there, [true, false, true, true]);
    }
}
