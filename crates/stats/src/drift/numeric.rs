//! The frozen profile of a numeric column, and counts of later values keyed to it.
//!
//! The reference keeps edges at its 256 quantiles, its deciles, and ever rarer quantiles in the tails, so that a window
//! of any size is a fixed number of counts. KS from the profile is exact at every edge (the error is at most the largest
//! share between two edges); W1 uses the sum of values in each bin, so it is exact in every bin where the two
//! distribution functions do not cross.

use super::counts::{NumericCounts, identity};
use super::expectation;
use super::measure::{Distance, Measure};
use super::sample::{Sample, binned_distance, finite_sd, quantile};
use super::scalar::{Scalar, nearest_whole};
use crate::distributions::kolmogorov_tail;
use crate::outcome::{MetricResult, Unmeasured};
use serde::{Deserialize, Serialize};

/// Reference-quantile bins of a profile.
pub const QUANTILE_BINS: usize = 256;

/// The frozen reference of a numeric column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct NumericReference {
    /// Ascending, distinct; the first and last are the reference's minimum and maximum. Of whole numbers less the origin.
    pub(super) edges: Vec<f64>,
    /// The edges themselves, where the column holds whole numbers that doubles would round; else empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) whole_edges: Vec<i64>,
    /// Which edges are the inner deciles.
    pub(super) deciles: Vec<u16>,
    pub(super) counts: NumericCounts,
}

/// A reference as it is stored, before it is believed.
#[derive(Deserialize)]
pub(super) struct Parts {
    pub edges: Vec<f64>,
    #[serde(default)]
    pub whole_edges: Vec<i64>,
    pub deciles: Vec<u16>,
    pub counts: NumericCounts,
}

/// Edges that a stored profile may have: its own, and room for a later version's.
const MAX_EDGES: usize = 4096;

impl TryFrom<Parts> for NumericReference {
    type Error = Unmeasured;

    fn try_from(parts: Parts) -> MetricResult<Self> {
        let Parts { edges, whole_edges, deciles, counts } = parts;
        let wrong = |why: &str| Err(Unmeasured::bad_input("stored profile", why));
        if edges.is_empty() || edges.len() > MAX_EDGES || edges.iter().any(|edge| !edge.is_finite()) {
            return wrong("its edges are missing, too many, or not finite");
        }
        let ascend = if whole_edges.is_empty() {
            edges.windows(2).all(|pair| pair[0] < pair[1])
        } else {
            whole_edges.windows(2).all(|pair| pair[0] < pair[1]) && offsets(&whole_edges) == edges
        };
        if !ascend {
            return wrong("its edges do not ascend");
        }
        if deciles.windows(2).any(|pair| pair[0] >= pair[1])
            || deciles.last().is_some_and(|last| *last as usize >= edges.len())
        {
            return wrong("its deciles are no ascending edges");
        }
        let reference = NumericReference { edges, whole_edges, deciles, counts };
        reference.counts.check(reference.identity(), reference.edges.len())?;
        if reference.counts.values() == 0 {
            return wrong("it has no value");
        }
        Ok(reference)
    }
}

/// Ascending whole numbers less the one in their middle.
pub(super) fn offsets(whole_edges: &[i64]) -> Vec<f64> {
    i64::centred(whole_edges).into_owned()
}

struct Gap {
    reference: f64,
    before: f64,
    at: f64,
}

impl NumericReference {
    /// Freezes a column. Fails without a single finite value.
    pub fn of(values: &[f64]) -> MetricResult<Self> {
        NumericReference::of_sample(&Sample::of(values))
    }

    /// Freezes a column at fewer quantiles, for one of many strata: deciles, and `bins` bins (at most those of a profile)
    /// whose tails are not looked into.
    pub fn coarse(values: &[f64], bins: usize) -> MetricResult<Self> {
        NumericReference::with_bins(&Sample::of(values), bins.clamp(1, QUANTILE_BINS))
    }

    /// Freezes whole numbers that doubles would round, at `bins` quantiles or [`QUANTILE_BINS`].
    pub fn of_wholes(values: &[Option<i64>], bins: Option<usize>) -> MetricResult<Self> {
        let present: Vec<i64> = values.iter().flatten().copied().collect();
        let missing = (values.len() - present.len()) as u64;
        let bins = bins.unwrap_or(QUANTILE_BINS).clamp(1, QUANTILE_BINS);
        NumericReference::with_bins(&Sample::of_wholes(present, missing), bins)
    }

    /// Freezes a sample that is already sorted.
    pub fn of_sample<T: Scalar>(sample: &Sample<T>) -> MetricResult<Self> {
        NumericReference::with_bins(sample, QUANTILE_BINS)
    }

    fn with_bins<T: Scalar>(sample: &Sample<T>, bins: usize) -> MetricResult<Self> {
        let sorted = sample.values();
        if sorted.is_empty() {
            return Err(Unmeasured::too_few("values for a reference", 0, 1));
        }
        let at = |i: usize, k: usize| quantile(sorted, i as f64 / k as f64);
        let inner: Vec<T> = (1..10).filter_map(|i| at(i, 10)).collect();
        // A column of few values keeps them all, and then nothing is lost.
        let different = sorted.chunk_by(|a, b| a == b).map(|run| run[0]);
        let mut edges: Vec<T> = different.take(bins + 1).collect();
        if edges.len() > bins {
            edges = (0..=bins).filter_map(|i| at(i, bins)).collect();
            if bins == QUANTILE_BINS {
                edges.extend(tail_edges(sorted));
            }
        }
        edges.extend(&inner);
        edges.sort_unstable_by(T::order);
        edges.dedup();
        let mut deciles: Vec<u16> =
            inner.iter().map(|value| edges.partition_point(|edge| edge < value) as u16).collect();
        deciles.dedup();
        let whole_edges = if T::IS_WHOLE { T::wholes(&edges).into_owned() } else { Vec::new() };
        let edges = if T::IS_WHOLE { offsets(&whole_edges) } else { T::numbers(&edges).into_owned() };
        let counts = NumericCounts::empty(0, 0);
        let mut reference = NumericReference { edges, whole_edges, deciles, counts };
        reference.counts.id = reference.identity();
        reference.counts = reference.count_sample(sample);
        Ok(reference)
    }

    /// The reference's own counts.
    pub fn counts(&self) -> &NumericCounts {
        &self.counts
    }

    /// Quantile edges, less [`NumericReference::origin`]; the first and last are the reference's range.
    pub fn edges(&self) -> &[f64] {
        &self.edges
    }

    /// The edges themselves, of whole numbers that doubles would round; empty for other columns.
    pub fn whole_edges(&self) -> &[i64] {
        &self.whole_edges
    }

    /// From where edges, moments and quantiles are counted: zero, and for whole numbers that doubles would round the edge
    /// in their middle.
    pub fn origin(&self) -> i64 {
        self.whole_edges.get(self.whole_edges.len() / 2).copied().unwrap_or(0)
    }

    fn is_whole(&self) -> bool {
        !self.whole_edges.is_empty()
    }

    /// A hash of the edges; stored in profiles, so it must never change.
    pub(super) fn identity(&self) -> u64 {
        if self.is_whole() {
            identity(self.whole_edges.iter().map(|edge| *edge as u64))
        } else {
            identity(self.edges.iter().map(|edge| edge.to_bits()))
        }
    }

    /// Empty counts for a window.
    pub fn window(&self) -> NumericCounts {
        NumericCounts::empty(self.counts.id, self.edges.len())
    }

    /// Adds one row to a window. `NaN` is missing.
    pub fn add(&self, window: &mut NumericCounts, value: f64) {
        window.rows += 1;
        if value.is_nan() {
            window.missing += 1;
        } else if value.is_infinite() {
            window.infinite += 1;
        } else {
            self.add_finite(window, value);
        }
    }

    /// Adds one row of a whole number to a window; `None` is missing.
    pub fn add_whole(&self, window: &mut NumericCounts, value: Option<i64>) {
        window.rows += 1;
        match value {
            None => window.missing += 1,
            Some(value) if self.is_whole() => {
                window.moments.add(value.minus(self.origin()));
                place(&self.whole_edges, window, value);
            }
            Some(value) => self.add_finite(window, value as f64),
        }
    }

    fn add_finite(&self, window: &mut NumericCounts, value: f64) {
        if self.is_whole() {
            let value = nearest_whole(value);
            window.moments.add(value.minus(self.origin()));
            place(&self.whole_edges, window, value);
        } else {
            window.moments.add(value);
            place(&self.edges, window, value);
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
            }
        }
        window.rows = values.len() as u64;
        self.count_finite(&mut window, &finite);
        window
    }

    /// Counts a whole column of whole numbers; `None` is missing.
    pub fn count_wholes(&self, values: &[Option<i64>]) -> NumericCounts {
        let present: Vec<i64> = values.iter().flatten().copied().collect();
        let mut window = self.window();
        window.rows = values.len() as u64;
        window.missing = (values.len() - present.len()) as u64;
        self.count_finite(&mut window, &present);
        window
    }

    fn count_finite<T: Scalar>(&self, window: &mut NumericCounts, values: &[T]) {
        if self.is_whole() {
            let values = T::wholes(values);
            values.iter().for_each(|value| place(&self.whole_edges, window, *value));
            window.moments.add_all(&self.less_origin(&values));
        } else {
            let values = T::numbers(values);
            values.iter().for_each(|value| place(&self.edges, window, *value));
            window.moments.add_all(&values);
        }
    }

    fn less_origin(&self, values: &[i64]) -> Vec<f64> {
        let origin = self.origin();
        values.iter().map(|value| value.minus(origin)).collect()
    }

    /// Counts a sample that is already sorted.
    pub fn count_sample<T: Scalar>(&self, sample: &Sample<T>) -> NumericCounts {
        let mut counts = self.window();
        counts.rows = sample.rows() + sample.missing + sample.infinite;
        counts.missing = sample.missing;
        counts.infinite = sample.infinite;
        if self.is_whole() {
            let sorted = T::wholes(sample.values());
            counts.moments.add_all(&self.less_origin(&sorted));
            place_sorted(&self.whole_edges, &mut counts, &sorted);
        } else {
            let sorted = T::numbers(sample.values());
            counts.moments.add_all(&sorted);
            place_sorted(&self.edges, &mut counts, &sorted);
        }
        counts
    }

    /// The reference that a window's rows make with these edges. Fails without a value.
    pub fn like(&self, window: NumericCounts) -> MetricResult<Self> {
        window.belongs_to(&self.counts)?;
        let NumericReference { edges, whole_edges, deciles, .. } = self.clone();
        Parts { edges, whole_edges, deciles, counts: window }.try_into()
    }

    /// Adds a window's rows to the reference. Its edges stay, so values beyond them go on counting as out of range.
    pub fn add_window(&mut self, window: &NumericCounts) -> MetricResult<()> {
        self.counts.merge(window)
    }

    /// The share of `counts` (the reference's own, or a window's) up to and including `value`, linear between edges;
    /// beyond them, between the outermost edge and the counts' own extremes. `value` is less the origin, as edges are.
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

    /// How far edge `bin` is from the one before it.
    pub(super) fn width(&self, bin: usize) -> f64 {
        if self.is_whole() {
            self.whole_edges[bin].minus(self.whole_edges[bin - 1])
        } else {
            self.edges[bin] - self.edges[bin - 1]
        }
    }

    /// The reference's quantile at `p`, linear between edges, less the origin.
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
    pub fn distance(&self, window: &NumericCounts, measure: Measure) -> MetricResult<Distance> {
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
                let sd = finite_sd(self.counts.moments.sd(0)?)?;
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
            let width = self.width(bin);
            let inside = before * width + signed(bin);
            sum += area_between(before, after, width, inside);
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
            let width = self.width(bin);
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

fn place<T: Scalar>(edges: &[T], window: &mut NumericCounts, value: T) {
    let bin = edges.partition_point(|edge| *edge < value);
    let last = edges.len();
    window.bins[bin] += 1;
    if bin == last {
        window.reach[bin] += value.minus(edges[last - 1]);
        window.above += 1;
    } else {
        window.reach[bin] += edges[bin].minus(value);
        window.points[bin] += u64::from(edges[bin] == value);
        window.below += u64::from(bin == 0 && value < edges[0]);
    }
}

/// Counts ascending values: one search an edge instead of one a value.
fn place_sorted<T: Scalar>(edges: &[T], window: &mut NumericCounts, sorted: &[T]) {
    let mut from = 0;
    for (bin, edge) in edges.iter().enumerate() {
        let to = from + sorted[from..].partition_point(|value| value <= edge);
        let inside = &sorted[from..to];
        window.bins[bin] += inside.len() as u64;
        window.points[bin] += (inside.len() - inside.partition_point(|value| value < edge)) as u64;
        window.reach[bin] += inside.iter().map(|value| edge.minus(*value)).sum::<f64>();
        if bin == 0 {
            window.below += inside.partition_point(|value| value < edge) as u64;
        }
        from = to;
    }
    let last = edges.len();
    let above = &sorted[from..];
    window.bins[last] += above.len() as u64;
    window.above += above.len() as u64;
    window.reach[last] += above.iter().map(|value| value.minus(edges[last - 1])).sum::<f64>();
}

/// Quantiles at 2^-9, 2^-10, ... from either end, as long as about four rows lie beyond: the outermost bins of a heavy
/// tail are wide, and that is where Wasserstein's distance is made.
fn tail_edges<T: Scalar>(sorted: &[T]) -> Vec<T> {
    let shares = (9..40).map(|k| 0.5f64.powi(k)).take_while(|share| share * sorted.len() as f64 >= 4.0);
    shares.flat_map(|share| [share, 1.0 - share]).filter_map(|share| quantile(sorted, share)).collect()
}

/// The area between two distribution functions over a bin: they are `before` and `after` apart at its ends, and `inside` is the
/// signed integral of the gap. If they cross within the bin, two triangles are the least that the area can be.
pub(super) fn area_between(before: f64, after: f64, width: f64, inside: f64) -> f64 {
    if before * after < 0.0 {
        let crossing = 0.5 * width * (before * before + after * after) / (before.abs() + after.abs());
        return crossing.max(inside.abs());
    }
    inside.abs()
}
