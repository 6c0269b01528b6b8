//! `p50_ms`, `p95_ms`, `p99_ms`: how long a version takes to score one request, in milliseconds.
//!
//! Invariants: a gate, a monitor and `/metrics` mean the same by it. What is timed is the version from the table of its
//! inputs to its answers, without network, recording and queue; a request counts once, however many rows it has. The
//! quantile is that of the nearest rank: the shortest time that at least this share of the requests did not exceed
//! (Hyndman & Fan 1996, definition 1). A gate times requests of one row on its own machine; a monitor reads the times of
//! the window's answers from the log; `/metrics` counts since the version was loaded, in buckets of 1 %.

use std::collections::BTreeMap;

/// The names with the share of requests that each covers.
const QUANTILES: [(&str, f64); 3] = [("p50_ms", 0.5), ("p95_ms", 0.95), ("p99_ms", 0.99)];

/// The quantiles of the times of requests, in milliseconds; nothing without requests.
pub fn latency_quantiles(mut millis: Vec<f64>) -> BTreeMap<String, f64> {
    millis.sort_by(f64::total_cmp);
    let named = |(name, share): (&str, f64)| Some((name.to_owned(), nearest_rank(&millis, share)?));
    QUANTILES.into_iter().filter_map(named).collect()
}

/// The times of any number of requests, counted: exact below [`EXACT_US`], beyond it to a part in `EXACT_US / 2`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LatencyCounts {
    counts: BTreeMap<u64, u64>,
    requests: u64,
}

/// Times that are counted as they are, in microseconds: 16 ms.
const EXACT_US: u64 = 1 << 14;

impl LatencyCounts {
    /// Counts the time of one request, in microseconds.
    pub fn add(&mut self, micros: i64) {
        let micros = u64::try_from(micros).unwrap_or(0);
        // As many leading binary digits as times below the bound have; so there are at most half a million counts.
        let cut = (u64::BITS - micros.leading_zeros()).saturating_sub(EXACT_US.ilog2());
        *self.counts.entry(micros >> cut << cut).or_default() += 1;
        self.requests += 1;
    }

    /// As [`latency_quantiles`] of the same requests.
    pub fn quantiles(&self) -> BTreeMap<String, f64> {
        let at = |share: f64| {
            let rank = ((self.requests as f64 * share).ceil() as u64).max(1);
            let mut passed = 0;
            self.counts.iter().find_map(|(micros, count)| {
                passed += count;
                (passed >= rank).then_some(*micros as f64 / 1e3)
            })
        };
        QUANTILES.into_iter().filter_map(|(name, share)| Some((name.to_owned(), at(share)?))).collect()
    }
}

/// The smallest value that at least `share` of the sorted values do not exceed.
fn nearest_rank(sorted: &[f64], share: f64) -> Option<f64> {
    let rank = (sorted.len() as f64 * share).ceil() as usize;
    sorted.get(rank.max(1) - 1).copied()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use kilter_serving::counters::LatencyHistogram;

    use super::*;

    #[test]
    fn a_quantile_is_a_time_that_a_request_took() {
        let of = |count: u32| latency_quantiles((1..=count).rev().map(f64::from).collect());
        let values = |count: u32| of(count).into_values().collect::<Vec<_>>();
        assert_eq!(values(300), [150.0, 285.0, 297.0]);
        assert_eq!(values(1), [1.0, 1.0, 1.0]);
        assert_eq!(values(2), [1.0, 2.0, 2.0]);
        assert!(of(0).is_empty());
    }

    #[test]
    fn counted_times_have_the_quantiles_of_all_of_them() {
        assert!(LatencyCounts::default().quantiles().is_empty());
        let mut state = 7_u64;
        let mut micros = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            ((state >> 20) % 400_000) as i64 / ((state >> 10) % 60 + 1) as i64
        };
        for count in [1, 2, 50, 4_999] {
            let all: Vec<i64> = (0..count).map(|_| micros()).collect();
            let mut counted = LatencyCounts::default();
            all.iter().for_each(|micros| counted.add(*micros));
            let expected = latency_quantiles(all.iter().map(|micros| *micros as f64 / 1e3).collect());
            for (name, found) in counted.quantiles() {
                let error = (found / expected[&name] - 1.0).abs();
                assert!(error <= if expected[&name] < 16.0 { 1e-12 } else { 2.0 / EXACT_US as f64 }, "{name} {error}");
            }
        }
    }

    #[test]
    fn the_counters_of_serving_mean_the_same_quantile() {
        let millis: Vec<f64> = (0..250).map(|at| 0.3 + f64::from(at * at % 97) * 0.21).collect();
        let histogram = LatencyHistogram::default();
        millis.iter().for_each(|millis| histogram.record(Duration::from_secs_f64(millis / 1e3)));
        let counted = histogram.snapshot();
        for ((name, exact), share) in latency_quantiles(millis).into_iter().zip([0.5, 0.95, 0.99]) {
            let found = counted.quantile(share).unwrap().as_secs_f64() * 1e3;
            assert!((found / exact - 1.0).abs() <= 0.0101, "{name}: {found} instead of {exact}");
        }
    }
}
