//! The frozen profile of a numeric column, and counts of later values keyed to it.
//!
//! The reference keeps edges at its 256 quantiles, its deciles, and ever rarer quantiles in the tails, so that a window
//! of any size is a fixed number of counts. KS from the profile is exact at every edge (the error is at most the largest
//! share between two edges); W1 uses the sum of values in each bin, so it is exact in every bin where the two
//! distribution functions do not cross.

use super::counts::NumericCounts;
use super::expectation;
use super::measure::{Distance, Measure};
use super::sample::{Sample, binned_distance, quantile};
use crate::outcome::{Outcome, Unmeasured};
use crate::tails::kolmogorov_tail;
use serde::{Deserialize, Serialize};

/// Reference-quantile bins of a profile.
pub const QUANTILE_BINS: usize = 256;

/// The frozen reference of a numeric column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct NumericReference {
    /// Ascending, distinct; the first and last are the reference's minimum and maximum.
    pub(super) edges: Vec<f64>,
    /// Which edges are the inner deciles.
    pub(super) deciles: Vec<u16>,
    pub(super) counts: NumericCounts,
}

/// A reference as it is stored, before it is believed.
#[derive(Deserialize)]
pub(super) struct Parts {
    pub edges: Vec<f64>,
    pub deciles: Vec<u16>,
    pub counts: NumericCounts,
}

/// Edges that a stored profile may have: its own, and room for a later version's.
const MOST_EDGES: usize = 4096;

impl TryFrom<Parts> for NumericReference {
    type Error = Unmeasured;

    fn try_from(parts: Parts) -> Outcome<Self> {
        let Parts { edges, deciles, counts } = parts;
        let wrong = |why: &str| Err(Unmeasured::bad_input("stored profile", why));
        if edges.is_empty() || edges.len() > MOST_EDGES || edges.iter().any(|edge| !edge.is_finite()) {
            return wrong("its edges are missing, too many, or not finite");
        }
        if edges.windows(2).any(|pair| pair[0] >= pair[1]) {
            return wrong("its edges do not ascend");
        }
        if deciles.windows(2).any(|pair| pair[0] >= pair[1])
            || deciles.last().is_some_and(|last| *last as usize >= edges.len())
        {
            return wrong("its deciles are no ascending edges");
        }
        counts.check(&edges)?;
        if counts.values() == 0 {
            return wrong("it has no value");
        }
        Ok(NumericReference { edges, deciles, counts })
    }
}

struct Gap {
    reference: f64,
    before: f64,
    at: f64,
}

impl NumericReference {
    /// Freezes a column. Fails without a single finite value.
    pub fn of(values: &[f64]) -> Outcome<Self> {
        NumericReference::of_sample(&Sample::of(values))
    }

    /// Freezes a column at fewer quantiles, for one of many strata: deciles, and `bins` bins (at most those of a profile)
    /// whose tails are not looked into.
    pub fn coarse(values: &[f64], bins: usize) -> Outcome<Self> {
        NumericReference::with_bins(&Sample::of(values), bins.clamp(1, QUANTILE_BINS))
    }

    /// Freezes a sample that is already sorted.
    pub fn of_sample(sample: &Sample) -> Outcome<Self> {
        NumericReference::with_bins(sample, QUANTILE_BINS)
    }

    fn with_bins(sample: &Sample, bins: usize) -> Outcome<Self> {
        let sorted = sample.values();
        if sorted.is_empty() {
            return Err(Unmeasured::too_few("values for a reference", 0, 1));
        }
        let at = |i: usize, k: usize| quantile(sorted, i as f64 / k as f64);
        let inner: Vec<f64> = (1..10).filter_map(|i| at(i, 10)).collect();
        // A column of few values keeps them all, and then nothing is lost.
        let different = sorted.chunk_by(|a, b| a == b).map(|run| run[0]);
        let mut edges: Vec<f64> = different.take(bins + 1).collect();
        if edges.len() > bins {
            edges = (0..=bins).filter_map(|i| at(i, bins)).collect();
            if bins == QUANTILE_BINS {
                edges.extend(tail_edges(sorted));
            }
        }
        edges.extend(&inner);
        edges.sort_unstable_by(f64::total_cmp);
        edges.dedup();
        let mut deciles: Vec<u16> =
            inner.iter().map(|value| edges.partition_point(|edge| edge < value) as u16).collect();
        deciles.dedup();
        let counts = NumericCounts::empty(&edges);
        let mut reference = NumericReference { edges, deciles, counts };
        reference.counts = reference.count_sample(sample);
        Ok(reference)
    }

    /// The reference's own counts.
    pub fn counts(&self) -> &NumericCounts {
        &self.counts
    }

    /// Quantile edges; the first and last are the reference's range.
    pub fn edges(&self) -> &[f64] {
        &self.edges
    }

    /// Empty counts for a window.
    pub fn window(&self) -> NumericCounts {
        NumericCounts { id: self.counts.id, ..NumericCounts::empty(&self.edges) }
    }

    /// Adds one row to a window. `NaN` is missing.
    pub fn add(&self, window: &mut NumericCounts, value: f64) {
        window.rows += 1;
        if value.is_nan() {
            window.missing += 1;
        } else if value.is_infinite() {
            window.infinite += 1;
        } else {
            window.moments.add(value);
            self.place(window, value);
        }
    }

    /// Counts a whole column.
    pub fn count(&self, values: &[f64]) -> NumericCounts {
        let mut window = self.window();
        let mut finite = Vec::with_capacity(values.len());
        for value in values {
            if value.is_nan() {
                window.missing += 1;
            } else if value.is_infinite() {
                window.infinite += 1;
            } else {
                finite.push(*value);
                self.place(&mut window, *value);
            }
        }
        window.rows = values.len() as u64;
        window.moments.add_all(&finite);
        window
    }

    /// Counts a sample that is already sorted.
    pub fn count_sample(&self, sample: &Sample) -> NumericCounts {
        let mut counts = self.window();
        counts.rows = sample.rows() + sample.missing + sample.infinite;
        counts.missing = sample.missing;
        counts.infinite = sample.infinite;
        counts.moments.add_all(sample.values());
        self.place_sorted(&mut counts, sample.values());
        counts
    }

    /// The reference that a window's rows make with these edges. Fails without a value.
    pub fn like(&self, window: NumericCounts) -> Outcome<Self> {
        window.belongs_to(&self.counts)?;
        let (edges, deciles) = (self.edges.clone(), self.deciles.clone());
        Parts { edges, deciles, counts: window }.try_into()
    }

    /// Adds a window's rows to the reference. Its edges stay, so values beyond them go on counting as out of range.
    pub fn add_window(&mut self, window: &NumericCounts) -> Outcome<()> {
        self.counts.merge(window)
    }

    /// The share of `counts` (the reference's own, or a window's) up to and including `value`, linear between edges;
    /// beyond them, between the outermost edge and the counts' own extremes.
    pub fn share_up_to(&self, counts: &NumericCounts, value: f64) -> f64 {
        let n = counts.values() as f64;
        let Some((low, high)) = counts.moments.range.filter(|_| n > 0.0) else { return 0.0 };
        if value >= high || value < low {
            return if value >= high { 1.0 } else { 0.0 };
        }
        let bin = self.bin(value);
        let below: u64 = counts.bins[..bin].iter().sum();
        let from = if bin == 0 { low } else { self.edges[bin - 1].max(low) };
        let to = self.edges.get(bin).map_or(high, |edge| edge.min(high));
        // Values that lie on the upper edge itself come all at once.
        let points = counts.points.get(bin).copied().unwrap_or(0);
        let inside = (counts.bins[bin] - points) as f64;
        let share = if to > from { ((value - from) / (to - from)).clamp(0.0, 1.0) } else { 1.0 };
        let at_edge = if self.edges.get(bin) == Some(&value) { points as f64 } else { 0.0 };
        (below as f64 + inside * share + at_edge) / n
    }

    /// Where a value lies among the edges: the bin's number.
    pub fn bin(&self, value: f64) -> usize {
        self.edges.partition_point(|edge| *edge < value)
    }

    fn place(&self, window: &mut NumericCounts, value: f64) {
        let bin = self.bin(value);
        let last = self.edges.len();
        window.bins[bin] += 1;
        if bin == last {
            window.reach[bin] += value - self.edges[last - 1];
            window.above += 1;
        } else {
            window.reach[bin] += self.edges[bin] - value;
            window.points[bin] += u64::from(self.edges[bin] == value);
            window.below += u64::from(bin == 0 && value < self.edges[0]);
        }
    }

    /// Counts ascending values: one search an edge instead of one a value.
    fn place_sorted(&self, window: &mut NumericCounts, sorted: &[f64]) {
        let mut from = 0;
        for (bin, edge) in self.edges.iter().enumerate() {
            let to = from + sorted[from..].partition_point(|value| value <= edge);
            let inside = &sorted[from..to];
            window.bins[bin] += inside.len() as u64;
            window.points[bin] += (inside.len() - inside.partition_point(|value| value < edge)) as u64;
            window.reach[bin] += inside.iter().map(|value| edge - value).sum::<f64>();
            if bin == 0 {
                window.below += inside.partition_point(|value| value < edge) as u64;
            }
            from = to;
        }
        let last = self.edges.len();
        let above = &sorted[from..];
        window.bins[last] += above.len() as u64;
        window.above += above.len() as u64;
        window.reach[last] += above.iter().map(|value| value - self.edges[last - 1]).sum::<f64>();
    }

    /// The reference's quantile at `p`, linear between edges.
    pub fn quantile(&self, p: f64) -> f64 {
        let target = p.clamp(0.0, 1.0) * self.counts.values() as f64;
        let mut below = 0.0;
        for (bin, count) in self.counts.bins.iter().enumerate() {
            let count = *count as f64;
            if below + count >= target && count > 0.0 {
                let upper = self.edges[bin.min(self.edges.len() - 1)];
                let lower = if bin == 0 { upper } else { self.edges[bin - 1] };
                return lower + (upper - lower) * ((target - below) / count);
            }
            below += count;
        }
        self.edges[self.edges.len() - 1]
    }

    /// One measure of a window against this reference. Fails when either has no value, or when the counts belong to a
    /// reference with other edges.
    pub fn distance(&self, window: &NumericCounts, measure: Measure) -> Outcome<Distance> {
        window.belongs_to(&self.counts)?;
        let (m, n) = (self.counts.values(), window.values());
        if m == 0 || n == 0 {
            return Err(Unmeasured::too_few("values in the reference or the window", m.min(n) as usize, 1));
        }
        match measure {
            Measure::Ks => {
                let gaps = self.gaps(window);
                let value = gaps.iter().map(|gap| gap.at.abs().max(gap.before.abs())).fold(0.0, f64::max);
                let expected = expectation::ks(gaps.iter().map(|gap| gap.reference), m, n);
                let p = kolmogorov_tail(value / expectation::delta(m, n).sqrt());
                Distance::new(measure, value, expected, Some(p), (m, n))
            }
            Measure::W1OverSd => {
                let sd = self.counts.moments.sd(0)?;
                if sd <= 0.0 {
                    return Err(Unmeasured::undefined("w1_over_sd", "the reference is constant"));
                }
                let expected = expectation::w1(self.noise_integral(), m, n);
                Distance::new(measure, self.w1(window) / sd, expected / sd, None, (m, n))
            }
            _ => binned_distance(measure, &self.decile_counts(&self.counts), &self.decile_counts(window)),
        }
    }

    /// Every measure that is defined on this window.
    pub fn distances(&self, window: &NumericCounts) -> Vec<Distance> {
        Measure::NUMERIC.iter().filter_map(|measure| self.distance(window, *measure).ok()).collect()
    }

    /// At each edge: F, F - G just before it, and F - G.
    fn gaps(&self, window: &NumericCounts) -> Vec<Gap> {
        let (m, n) = (self.counts.values() as f64, window.values() as f64);
        let (mut f, mut g) = (0u64, 0u64);
        (0..self.edges.len())
            .map(|edge| {
                f += self.counts.bins[edge];
                g += window.bins[edge];
                let gap = |f: u64, g: u64| f as f64 / m - g as f64 / n;
                let before = gap(f - self.counts.points[edge], g - window.points[edge]);
                Gap { reference: f as f64 / m, before, at: gap(f, g) }
            })
            .collect()
    }

    /// The integral of |F - G|. In each bin the signed integral is known exactly; it is the integral of the absolute
    /// value wherever the sign does not change, and a linear crossing is assumed where it does.
    fn w1(&self, window: &NumericCounts) -> f64 {
        let (m, n) = (self.counts.values() as f64, window.values() as f64);
        let gaps = self.gaps(window);
        let last = self.edges.len();
        let signed = |bin: usize| self.counts.reach[bin] / m - window.reach[bin] / n;
        let mut sum = signed(0).abs() + signed(last).abs();
        for bin in 1..last {
            let (before, after) = (gaps[bin - 1].at, gaps[bin].before);
            let width = self.edges[bin] - self.edges[bin - 1];
            let inside = before * width + signed(bin);
            sum += if before * after < 0.0 {
                let crossing = 0.5 * width * (before * before + after * after) / (before.abs() + after.abs());
                crossing.max(inside.abs())
            } else {
                inside.abs()
            };
        }
        sum
    }

    /// The integral of sqrt(F (1 - F)), by Simpson in each bin with the mean of F that the reach gives.
    fn noise_integral(&self) -> f64 {
        let m = self.counts.values() as f64;
        let noise = |f: f64| (f * (1.0 - f)).max(0.0).sqrt();
        let mut below = self.counts.bins[0];
        let mut sum = 0.0;
        for bin in 1..self.edges.len() {
            let width = self.edges[bin] - self.edges[bin - 1];
            let first = below as f64 / m;
            below += self.counts.bins[bin];
            let last = (below - self.counts.points[bin]) as f64 / m;
            let middle = (first + self.counts.reach[bin] / m / width).clamp(first, last);
            sum += width / 6.0 * (noise(first) + 4.0 * noise(middle) + noise(last));
        }
        sum
    }

    /// Counts over the reference's deciles (duplicates merged), outer bins open.
    pub fn decile_counts(&self, window: &NumericCounts) -> Vec<f64> {
        let mut counts = Vec::with_capacity(self.deciles.len() + 1);
        let mut from = 0;
        for edge in &self.deciles {
            let to = *edge as usize + 1;
            counts.push(window.bins[from..to].iter().sum::<u64>() as f64);
            from = to;
        }
        counts.push(window.bins[from..].iter().sum::<u64>() as f64);
        counts
    }
}

/// Quantiles at 2^-9, 2^-10, ... from either end, as long as about four rows lie beyond: the outermost bins of a heavy
/// tail are wide, and that is where Wasserstein's distance is made.
fn tail_edges(sorted: &[f64]) -> Vec<f64> {
    let shares = (9..40).map(|k| 0.5f64.powi(k)).take_while(|share| share * sorted.len() as f64 >= 4.0);
    shares.flat_map(|share| [share, 1.0 - share]).filter_map(|share| quantile(sorted, share)).collect()
}
