//! Exact distances between two raw numeric samples, by one sort of each and one merge pass.

use super::expectation;
use super::measure::{Distance, Measure};
use super::shares;
use super::sort::sort_floats;
use crate::outcome::{Outcome, Unmeasured};
use crate::tails::kolmogorov_tail;

/// PSI's floor of a share.
pub const PSI_FLOOR: f64 = 1e-4;

/// A numeric sample, sorted once: its finite values, and how many rows had none.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    sorted: Vec<f64>,
    /// Rows that were NaN.
    pub missing: u64,
    /// Rows that were infinite.
    pub infinite: u64,
}

impl Sample {
    /// Takes a column: NaN is missing, infinities are counted apart, neither enters a distance.
    pub fn of(values: &[f64]) -> Self {
        Self::taking(values.to_vec())
    }

    /// Takes a column in its own memory: a large one is sorted where it is.
    pub fn taking(mut values: Vec<f64>) -> Self {
        let rows = values.len();
        let mut missing = 0;
        values.retain(|value| {
            missing += u64::from(value.is_nan());
            value.is_finite()
        });
        let infinite = (rows - values.len()) as u64 - missing;
        Sample { sorted: sort_floats(values), missing, infinite }
    }

    /// The finite values, ascending.
    pub fn values(&self) -> &[f64] {
        &self.sorted
    }

    /// Finite values.
    pub fn rows(&self) -> u64 {
        self.sorted.len() as u64
    }

    /// Mean and standard deviation with `ddof` degrees of freedom taken off.
    pub fn mean_and_sd(&self, ddof: f64) -> Outcome<(f64, f64)> {
        let n = self.sorted.len() as f64;
        if n <= ddof {
            return Err(Unmeasured::too_few("values", self.sorted.len(), ddof as usize + 1));
        }
        let mean = self.sorted.iter().sum::<f64>() / n;
        let squares: f64 = self.sorted.iter().map(|value| (value - mean) * (value - mean)).sum();
        Ok((mean, (squares / (n - ddof)).sqrt()))
    }

    /// The quantile at `p` in [0, 1], linear between order statistics (numpy's default).
    pub fn quantile(&self, p: f64) -> Outcome<f64> {
        quantile(&self.sorted, p).ok_or_else(|| Unmeasured::too_few("values", 0, 1))
    }
}

pub(crate) fn quantile(sorted: &[f64], p: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let place = p.clamp(0.0, 1.0) * last as f64;
    let (low, fraction) = (place.floor() as usize, place.fract());
    let (a, b) = (sorted[low], sorted[(low + 1).min(last)]);
    // numpy's lerp keeps the result monotone: from the nearer end.
    let gap = b - a;
    if gap.is_infinite() {
        return Some(a * (1.0 - fraction) + b * fraction);
    }
    Some(if fraction >= 0.5 { b - gap * (1.0 - fraction) } else { a + gap * fraction })
}

/// KS and W1 of two sorted samples in one pass: the largest, and the integral of, |F - G|.
pub fn ks_and_w1(a: &[f64], b: &[f64]) -> Outcome<(f64, f64)> {
    if a.is_empty() || b.is_empty() {
        return Err(Unmeasured::too_few("values", 0, 1));
    }
    let (step_a, step_b) = (1.0 / a.len() as f64, 1.0 / b.len() as f64);
    let (mut i, mut j) = (0, 0);
    let (mut ks, mut w1): (f64, f64) = (0.0, 0.0);
    let mut at = a[0].min(b[0]);
    loop {
        while i < a.len() && a[i] <= at {
            i += 1;
        }
        while j < b.len() && b[j] <= at {
            j += 1;
        }
        let gap = (i as f64 * step_a - j as f64 * step_b).abs();
        ks = ks.max(gap);
        let next = match (a.get(i), b.get(j)) {
            (Some(a), Some(b)) => a.min(*b),
            (Some(a), None) => *a,
            (None, Some(b)) => *b,
            (None, None) => return Ok((ks, w1)),
        };
        w1 += gap * (next - at);
        at = next;
    }
}

/// The integral of `sqrt(F (1 - F))` of a sorted sample.
pub(crate) fn noise_integral(sorted: &[f64]) -> f64 {
    let n = sorted.len() as f64;
    sorted
        .windows(2)
        .enumerate()
        .map(|(below, pair)| {
            let f = (below + 1) as f64 / n;
            (pair[1] - pair[0]) * (f * (1.0 - f)).sqrt()
        })
        .sum()
}

/// Inner edges of `k` reference-quantile bins, duplicates merged.
pub fn quantile_edges(reference: &[f64], k: usize) -> Vec<f64> {
    let mut edges: Vec<f64> = (1..k).filter_map(|i| quantile(reference, i as f64 / k as f64)).collect();
    edges.dedup();
    edges
}

/// Rows of a sorted sample in the bins `(-inf, e0], (e0, e1], ... (ek, inf)`.
pub fn right_closed_counts(sorted: &[f64], edges: &[f64]) -> Vec<f64> {
    let mut counts = Vec::with_capacity(edges.len() + 1);
    let mut below = 0;
    for edge in edges {
        let here = sorted.partition_point(|value| value <= edge);
        counts.push((here - below) as f64);
        below = here;
    }
    counts.push((sorted.len() - below) as f64);
    counts
}

/// One measure of the current sample against the reference, exactly. Bins, where a measure needs them, are the
/// reference's deciles.
pub fn distance(measure: Measure, reference: &Sample, current: &Sample) -> Outcome<Distance> {
    let (a, b) = (&reference.sorted, &current.sorted);
    let (m, n) = (reference.rows(), current.rows());
    if m == 0 || n == 0 {
        return Err(Unmeasured::too_few("values in the reference or the current sample", m.min(n) as usize, 1));
    }
    match measure {
        Measure::Ks => kolmogorov(reference, current, ks_and_w1(a, b)?.0),
        Measure::W1OverSd => wasserstein(reference, current, ks_and_w1(a, b)?.1),
        _ => {
            let edges = quantile_edges(a, 10);
            let (a, b) = (right_closed_counts(a, &edges), right_closed_counts(b, &edges));
            binned_distance(measure, &a, &b)
        }
    }
}

/// Every numeric measure that is defined on the two samples, headline first; one pass serves KS and W1.
pub fn distances(reference: &Sample, current: &Sample) -> Vec<Distance> {
    let (a, b) = (&reference.sorted, &current.sorted);
    let Ok((ks, w1)) = ks_and_w1(a, b) else { return Vec::new() };
    let edges = quantile_edges(a, 10);
    let (p, q) = (right_closed_counts(a, &edges), right_closed_counts(b, &edges));
    let measured = Measure::NUMERIC.into_iter().map(|measure| match measure {
        Measure::Ks => kolmogorov(reference, current, ks),
        Measure::W1OverSd => wasserstein(reference, current, w1),
        _ => binned_distance(measure, &p, &q),
    });
    measured.filter_map(Result::ok).collect()
}

fn kolmogorov(reference: &Sample, current: &Sample, ks: f64) -> Outcome<Distance> {
    let (m, n) = (reference.rows(), current.rows());
    let expected = expectation::ks(jumps(&reference.sorted), m, n);
    let p = kolmogorov_tail(ks / expectation::delta(m, n).sqrt());
    Distance::new(Measure::Ks, ks, expected, Some(p), (m, n))
}

fn wasserstein(reference: &Sample, current: &Sample, w1: f64) -> Outcome<Distance> {
    let (m, n) = (reference.rows(), current.rows());
    let sd = reference.mean_and_sd(0.0)?.1;
    if sd <= 0.0 {
        return Err(Unmeasured::undefined("w1_over_sd", "the reference is constant"));
    }
    let expected = expectation::w1(noise_integral(&reference.sorted), m, n);
    Distance::new(Measure::W1OverSd, w1 / sd, expected / sd, None, (m, n))
}

/// Cumulated shares after each distinct value; at most 64 are needed before the continuous law bounds them.
fn jumps(sorted: &[f64]) -> impl Iterator<Item = f64> + '_ {
    let n = sorted.len() as f64;
    sorted.windows(2).enumerate().filter(|(_, pair)| pair[0] < pair[1]).map(move |(below, _)| (below + 1) as f64 / n)
}

/// One measure over bins or categories, from counts of reference and current.
pub fn binned_distance(measure: Measure, reference: &[f64], current: &[f64]) -> Outcome<Distance> {
    let (m, n) = (reference.iter().sum::<f64>() as u64, current.iter().sum::<f64>() as u64);
    if m == 0 || n == 0 {
        return Err(Unmeasured::too_few("values in the reference or the current sample", m.min(n) as usize, 1));
    }
    let (p, q) = (shares::shares(reference), shares::shares(current));
    // The noise floor belongs to the law without drift, and the best guess of that law pools both samples.
    let pooled: Vec<f64> = reference.iter().zip(current).map(|(a, b)| (a + b) / (m + n) as f64).collect();
    let homogeneity = shares::homogeneity(reference, current);
    let chi2_p = homogeneity.map(|test| test.p);
    let (value, expected) = match measure {
        Measure::Psi => (shares::psi(&p, &q, PSI_FLOOR), expectation::psi(&pooled, m, n)),
        Measure::Js => (shares::js_distance_base2(&p, &q), expectation::js_base2(&pooled, m, n)),
        Measure::Tvd => (shares::tvd(&p, &q), expectation::tvd(&pooled, m, n)),
        Measure::LInfinity => (shares::l_infinity(&p, &q), expectation::l_infinity(&pooled, m, n)),
        Measure::Hellinger => (shares::hellinger(&p, &q), expectation::hellinger(&pooled, m, n)),
        // The bias correction is the expectation.
        Measure::Chi2 => (homogeneity.map_or(0.0, |test| test.cramers_v), 0.0),
        Measure::Ks | Measure::W1OverSd => {
            return Err(Unmeasured::bad_input(measure.name(), "it needs an order, and categories have none"));
        }
    };
    Distance::new(measure, value, expected, chi2_p, (m, n))
}
