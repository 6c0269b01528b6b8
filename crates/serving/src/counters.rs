//! What a version did while it served: requests, rows, errors, latencies, scores. Counting takes no lock.
//!
//! Invariants: memory is bounded and fixed when the version is loaded; a latency quantile is within 1 % of the true one.
//! Out of scope: windows and clocks. Who wants a rate takes two snapshots.

use std::{
    sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use kilter_domain::time::Timestamp;

/// Each bucket is this much wider than the one before: its middle is within 1 % of all it holds.
const GROWTH: f64 = 1.02;
/// Up to about 1000 s; longer ones are counted in the last bucket.
const BUCKETS: usize = 1_048;

/// Latencies in log-spaced buckets from 1 µs on.
#[derive(Debug)]
pub struct LatencyHistogram {
    buckets: Vec<AtomicU64>,
    total_ns: AtomicU64,
}

impl Default for LatencyHistogram {
    fn default() -> Self {
        Self { buckets: (0..BUCKETS).map(|_| AtomicU64::new(0)).collect(), total_ns: AtomicU64::new(0) }
    }
}

impl LatencyHistogram {
    /// Counts one answer.
    pub fn record(&self, latency: Duration) {
        let micros = latency.as_secs_f64() * 1e6;
        let bucket = if micros <= 1.0 { 0 } else { (micros.ln() / GROWTH.ln()) as usize };
        self.buckets[bucket.min(BUCKETS - 1)].fetch_add(1, Relaxed);
        self.total_ns.fetch_add(u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX), Relaxed);
    }

    /// What was counted until now.
    pub fn snapshot(&self) -> Latencies {
        let counts = self.buckets.iter().map(|count| count.load(Relaxed)).collect();
        Latencies { counts, total: Duration::from_nanos(self.total_ns.load(Relaxed)) }
    }
}

/// A [`LatencyHistogram`] at one moment. Two of them subtract to what happened in between.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Latencies {
    counts: Vec<u64>,
    total: Duration,
}

impl Latencies {
    /// How many answers there were.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The sum of all latencies.
    pub const fn total(&self) -> Duration {
        self.total
    }

    /// The latency that the share `q` (0 to 1) of all requests did not exceed, within 1 %; `None` without requests.
    pub fn quantile(&self, q: f64) -> Option<Duration> {
        let count = self.count();
        let rank = ((q.clamp(0.0, 1.0) * count as f64).ceil() as u64).max(1);
        let mut seen = 0;
        let bucket = self.counts.iter().position(|bucket| {
            seen += bucket;
            seen >= rank
        });
        bucket.map(|bucket| Duration::from_secs_f64(GROWTH.powf(bucket as f64 + 0.5) / 1e6))
    }

    /// How many latencies did not exceed `bound`, for a bound that is within 1 % of the given one.
    pub fn count_up_to(&self, bound: Duration) -> u64 {
        let micros = bound.as_secs_f64() * 1e6;
        let is_below = |bucket: usize| GROWTH.powf(bucket as f64 + 0.5) <= micros;
        self.counts.iter().enumerate().take_while(|(bucket, _)| is_below(*bucket)).map(|(_, count)| count).sum()
    }

    /// What came since `earlier`.
    pub fn since(&self, earlier: &Self) -> Self {
        Self { counts: differences(&self.counts, &earlier.counts), total: self.total.saturating_sub(earlier.total) }
    }
}

fn differences(now: &[u64], earlier: &[u64]) -> Vec<u64> {
    let earlier = earlier.iter().copied().chain(std::iter::repeat(0));
    now.iter().zip(earlier).map(|(now, earlier)| now.saturating_sub(earlier)).collect()
}

/// The inner edges of score bins: `n` edges make `n + 1` bins. Mostly 49 quantiles of the reference scores.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ScoreEdges(Vec<f64>);

impl ScoreEdges {
    /// Sorted, without repetitions (many equal reference scores give equal quantiles) and without NaN; at most 1000.
    pub fn new(mut edges: Vec<f64>) -> Self {
        edges.retain(|edge| !edge.is_nan());
        edges.sort_by(f64::total_cmp);
        edges.dedup();
        edges.truncate(1_000);
        Self(edges)
    }

    /// The edges, ascending.
    pub fn edges(&self) -> &[f64] {
        &self.0
    }

    /// The bin of a score: the number of edges that are not above it.
    pub fn bin(&self, score: f64) -> usize {
        self.0.partition_point(|edge| *edge <= score)
    }
}

/// Everything that is counted of one version.
#[derive(Debug)]
pub struct Counters {
    requests: AtomicU64,
    rows: AtomicU64,
    errors: AtomicU64,
    refused: AtomicU64,
    pinned: AtomicU64,
    pinned_errors: AtomicU64,
    latency: LatencyHistogram,
    edges: ScoreEdges,
    bins: Vec<AtomicU64>,
    missing_scores: AtomicU64,
    last_scored: AtomicI64,
}

/// The counters of one version at one moment. All of them only grow.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct VersionCounts {
    /// Requests that the version was asked to score, whatever came of it.
    pub requests: u64,
    /// Rows that it scored.
    pub rows: u64,
    /// Requests that failed by the version's fault.
    pub errors: u64,
    /// Requests that failed by the caller's fault.
    pub refused: u64,
    /// Of the requests that were not refused, those that asked for the version by its number.
    pub pinned: u64,
    /// Of the errors, those of requests that asked for the version by its number.
    pub pinned_errors: u64,
    /// Time to score a request.
    pub latency: Latencies,
    /// The edges of the score bins.
    pub edges: ScoreEdges,
    /// Scores in each bin: one more than there are edges.
    pub bins: Vec<u64>,
    /// Scores that were NaN.
    pub missing_scores: u64,
    /// When it last scored rows; the beginning of time: not yet.
    pub last_scored: Timestamp,
}

impl Counters {
    /// Nothing counted yet.
    pub fn new(edges: ScoreEdges) -> Self {
        let bins = (0..=edges.edges().len()).map(|_| AtomicU64::new(0)).collect();
        Self {
            requests: AtomicU64::new(0),
            rows: AtomicU64::new(0),
            errors: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            pinned: AtomicU64::new(0),
            pinned_errors: AtomicU64::new(0),
            latency: LatencyHistogram::default(),
            edges,
            bins,
            missing_scores: AtomicU64::new(0),
            last_scored: AtomicI64::new(0),
        }
    }

    pub(crate) fn scored(&self, scores: &[f64], latency: Duration) {
        self.requests.fetch_add(1, Relaxed);
        self.rows.fetch_add(scores.len() as u64, Relaxed);
        self.latency.record(latency);
        for score in scores {
            let counter = if score.is_nan() { &self.missing_scores } else { &self.bins[self.edges.bin(*score)] };
            counter.fetch_add(1, Relaxed);
        }
    }

    pub(crate) fn scored_at(&self, now: Timestamp) {
        self.last_scored.fetch_max(now.millis(), Relaxed);
    }

    pub(crate) fn failed(&self) {
        self.requests.fetch_add(1, Relaxed);
        self.errors.fetch_add(1, Relaxed);
    }

    /// A request that asked for the version by its number was scored or failed, which is counted beside this.
    pub(crate) fn pinned(&self, has_failed: bool) {
        self.pinned.fetch_add(1, Relaxed);
        self.pinned_errors.fetch_add(u64::from(has_failed), Relaxed);
    }

    pub(crate) fn refused(&self) {
        self.requests.fetch_add(1, Relaxed);
        self.refused.fetch_add(1, Relaxed);
    }

    /// What was counted until now.
    pub fn snapshot(&self) -> VersionCounts {
        let load = |counter: &AtomicU64| counter.load(Relaxed);
        VersionCounts {
            requests: load(&self.requests),
            rows: load(&self.rows),
            errors: load(&self.errors),
            refused: load(&self.refused),
            pinned: load(&self.pinned),
            pinned_errors: load(&self.pinned_errors),
            latency: self.latency.snapshot(),
            edges: self.edges.clone(),
            bins: self.bins.iter().map(load).collect(),
            missing_scores: load(&self.missing_scores),
            last_scored: Timestamp(self.last_scored.load(Relaxed)),
        }
    }
}

impl VersionCounts {
    /// What came since `earlier`, a snapshot of the same version.
    pub fn since(&self, earlier: &Self) -> Self {
        Self {
            requests: self.requests.saturating_sub(earlier.requests),
            rows: self.rows.saturating_sub(earlier.rows),
            errors: self.errors.saturating_sub(earlier.errors),
            refused: self.refused.saturating_sub(earlier.refused),
            pinned: self.pinned.saturating_sub(earlier.pinned),
            pinned_errors: self.pinned_errors.saturating_sub(earlier.pinned_errors),
            latency: self.latency.since(&earlier.latency),
            edges: self.edges.clone(),
            bins: differences(&self.bins, &earlier.bins),
            missing_scores: self.missing_scores.saturating_sub(earlier.missing_scores),
            last_scored: self.last_scored,
        }
    }

    /// Requests that traffic brought to the version and that were not the caller's fault: those that asked for it by its number
    /// are tests, and say nothing of its traffic.
    pub const fn routed_requests(&self) -> u64 {
        self.requests.saturating_sub(self.refused).saturating_sub(self.pinned)
    }

    /// How many of [`VersionCounts::routed_requests`] failed.
    pub const fn routed_errors(&self) -> u64 {
        self.errors.saturating_sub(self.pinned_errors)
    }

    /// Errors by requests that were not the caller's fault; `None` without any.
    pub fn error_rate(&self) -> Option<f64> {
        let asked = self.requests.saturating_sub(self.refused);
        (asked > 0).then(|| self.errors as f64 / asked as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_up_to_a_bound_grows_to_all_and_is_exact_within_one_percent() {
        let histogram = LatencyHistogram::default();
        (1..=1_000u64).for_each(|millis| histogram.record(Duration::from_millis(millis)));
        let latencies = histogram.snapshot();
        assert_eq!(latencies.count_up_to(Duration::from_micros(900)), 0);
        for millis in [5_u64, 100, 500, 900] {
            let count = latencies.count_up_to(Duration::from_millis(millis)) as f64;
            assert!((count - millis as f64).abs() <= 1.0 + 0.01 * millis as f64, "{millis}: {count}");
        }
        assert_eq!(latencies.count_up_to(Duration::from_secs(10)), latencies.count());
    }

    #[test]
    fn quantiles_are_within_one_percent() {
        let histogram = LatencyHistogram::default();
        (1..=10_000u64).for_each(|micros| histogram.record(Duration::from_micros(micros * 7)));
        let latencies = histogram.snapshot();
        for q in [0.01, 0.5, 0.95, 0.99, 1.0] {
            let (found, exact) = (latencies.quantile(q).unwrap().as_secs_f64(), q * 70_000e-6);
            assert!((found / exact - 1.0).abs() <= 0.0101, "{q}: {found} instead of {exact}");
        }
        assert_eq!(Latencies::default().quantile(0.5), None);
    }

    #[test]
    fn the_longest_and_the_shortest_are_counted_too() {
        let histogram = LatencyHistogram::default();
        for latency in [Duration::ZERO, Duration::from_nanos(1), Duration::MAX] {
            histogram.record(latency);
        }
        assert_eq!(histogram.snapshot().count(), 3);
    }

    #[test]
    fn scores_fall_into_bins_and_nan_beside_them() {
        let counters = Counters::new(ScoreEdges::new(vec![0.5, f64::NAN, 0.1, 0.5]));
        counters.scored(&[0.0, 0.1, 0.3, 0.5, f64::INFINITY, f64::NAN], Duration::from_micros(5));
        let before = counters.snapshot();
        assert_eq!((&before.bins[..], before.missing_scores, before.rows), (&[1, 2, 2][..], 1, 6));
        counters.failed();
        counters.refused();
        let later = counters.snapshot().since(&before);
        assert_eq!((later.requests, later.errors, later.rows, later.latency.count()), (2, 1, 0, 0));
        assert_eq!(later.error_rate(), Some(1.0));
    }
}
