//! Exact distances between two raw numeric samples, by one sort of each and one merge pass.

use super::expectation;
use super::measure::{Distance, Measure};
use super::scalar::Scalar;
use super::shares;
use crate::distributions::kolmogorov_tail;
use crate::outcome::{MetricResult, Unmeasured};

/// PSI's floor of a share.
pub const PSI_FLOOR: f64 = 1e-4;

/// A numeric sample, sorted once: its finite values, and how many rows had none.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample<T = f64> {
    sorted: Vec<T>,
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
        Sample { sorted: f64::sorted(values), missing, infinite }
    }

    /// Mean and standard deviation with `ddof` degrees of freedom taken off.
    pub fn mean_and_sd(&self, ddof: f64) -> MetricResult<(f64, f64)> {
        let n = self.sorted.len() as f64;
        if n <= ddof {
            return Err(Unmeasured::too_few("values", self.sorted.len(), ddof as usize + 1));
        }
        let mean = self.sorted.iter().sum::<f64>() / n;
        let squares: f64 = self.sorted.iter().map(|value| (value - mean) * (value - mean)).sum();
        Ok((mean, (squares / (n - ddof)).sqrt()))
    }
}

impl Sample<i64> {
    /// Takes whole numbers that doubles would round, beside rows without one.
    pub fn of_wholes(values: Vec<i64>, missing: u64) -> Self {
        Sample { sorted: i64::sorted(values), missing, infinite: 0 }
    }
}

impl<T: Scalar> Sample<T> {
    /// The finite values, ascending.
    pub fn values(&self) -> &[T] {
        &self.sorted
    }

    /// Finite values.
    pub fn rows(&self) -> u64 {
        self.sorted.len() as u64
    }

    /// The quantile at `p` in [0, 1], linear between order statistics (numpy's default).
    pub fn quantile(&self, p: f64) -> MetricResult<T> {
        quantile(&self.sorted, p).ok_or_else(|| Unmeasured::too_few("values", 0, 1))
    }

    /// The same rows as whole numbers, each the nearest one.
    pub fn to_wholes(&self) -> Sample<i64> {
        Sample { sorted: T::wholes(&self.sorted).into_owned(), missing: self.missing, infinite: self.infinite }
    }

    /// The same rows as doubles, each the nearest one.
    pub fn to_numbers(&self) -> Sample {
        Sample { sorted: T::numbers(&self.sorted).into_owned(), missing: self.missing, infinite: self.infinite }
    }

    /// Standard deviation, divided by the number of values; [`Unmeasured::Undefined`] where its squares leave the doubles.
    fn sd(&self) -> MetricResult<f64> {
        let values = T::centred(&self.sorted);
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let squares: f64 = values.iter().map(|value| (value - mean) * (value - mean)).sum();
        finite_sd((squares / n).sqrt())
    }
}

/// A standard deviation that W1 may be divided by.
pub(super) fn finite_sd(sd: f64) -> MetricResult<f64> {
    match sd {
        sd if !sd.is_finite() => Err(Unmeasured::undefined("w1_over_sd", "the reference's spread is beyond a double")),
        sd if sd <= 0.0 => Err(Unmeasured::undefined("w1_over_sd", "the reference is constant")),
        sd => Ok(sd),
    }
}

pub(crate) fn quantile<T: Scalar>(sorted: &[T], p: f64) -> Option<T> {
    let last = sorted.len().checked_sub(1)?;
    let place = p.clamp(0.0, 1.0) * last as f64;
    let (low, fraction) = (place.floor() as usize, place.fract());
    Some(sorted[low].toward(sorted[(low + 1).min(last)], fraction))
}

/// KS and W1 of two sorted samples in one pass: the largest, and the integral of, |F - G|.
pub fn ks_and_w1<T: Scalar>(a: &[T], b: &[T]) -> MetricResult<(f64, f64)> {
    if a.is_empty() || b.is_empty() {
        return Err(Unmeasured::too_few("values", 0, 1));
    }
    let (step_a, step_b) = (1.0 / a.len() as f64, 1.0 / b.len() as f64);
    let (mut i, mut j) = (0, 0);
    let (mut ks, mut w1): (f64, f64) = (0.0, 0.0);
    let mut at = smaller(a[0], b[0]);
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
            (Some(a), Some(b)) => smaller(*a, *b),
            (Some(a), None) => *a,
            (None, Some(b)) => *b,
            (None, None) => return Ok((ks, w1)),
        };
        w1 += gap * next.minus(at);
        at = next;
    }
}

fn smaller<T: Scalar>(a: T, b: T) -> T {
    if b < a { b } else { a }
}

/// The integral of `sqrt(F (1 - F))` of a sorted sample.
pub(crate) fn noise_integral<T: Scalar>(sorted: &[T]) -> f64 {
    let n = sorted.len() as f64;
    sorted
        .windows(2)
        .enumerate()
        .map(|(below, pair)| {
            let f = (below + 1) as f64 / n;
            pair[1].minus(pair[0]) * (f * (1.0 - f)).sqrt()
        })
        .sum()
}

/// Inner edges of `k` reference-quantile bins, duplicates merged.
pub fn quantile_edges<T: Scalar>(reference: &[T], k: usize) -> Vec<T> {
    let mut edges: Vec<T> = (1..k).filter_map(|i| quantile(reference, i as f64 / k as f64)).collect();
    edges.dedup();
    edges
}

/// Rows of a sorted sample in the bins `(-inf, e0], (e0, e1], ... (ek, inf)`.
pub fn right_closed_counts<T: Scalar>(sorted: &[T], edges: &[T]) -> Vec<f64> {
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

/// One measure of the current sample against the reference, from all values of both.
///
/// * `measure`: which distance; those over bins (PSI, Jensen-Shannon and others) use the deciles of the reference.
/// * `reference`, `current`: at least one finite value each.
///
/// ```text
/// KS       = max_x |F(x) - G(x)|
/// W1 / sd  = ∫ |F(x) - G(x)| dx / sd(reference)
/// ```
///
/// The distance comes with its expectation without drift at these sample sizes; its effect is what is beyond that.
///
/// # Errors
/// [`Unmeasured::TooFew`] where either has no value, [`Unmeasured::Undefined`] for W1/sd against a constant.
///
/// Equals `scipy.stats.ks_2samp` and `scipy.stats.wasserstein_distance` divided by `numpy.std`.
///
/// ```
/// use kilter_stats::drift::{Measure, Sample, distance};
/// let reference = Sample::of(&(0..1000).map(|i| f64::from(i % 100)).collect::<Vec<_>>());
/// let current = Sample::of(&(0..1000).map(|i| f64::from(i % 100 + 10)).collect::<Vec<_>>());
/// let ks = distance(Measure::Ks, &reference, &current)?;
/// assert!((ks.value - 0.1).abs() < 1e-9 && ks.effect > 0.0);
/// # Ok::<(), kilter_stats::Unmeasured>(())
/// ```
pub fn distance<T: Scalar>(measure: Measure, reference: &Sample<T>, current: &Sample<T>) -> MetricResult<Distance> {
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
pub fn distances<T: Scalar>(reference: &Sample<T>, current: &Sample<T>) -> Vec<Distance> {
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

fn kolmogorov<T: Scalar>(reference: &Sample<T>, current: &Sample<T>, ks: f64) -> MetricResult<Distance> {
    let (m, n) = (reference.rows(), current.rows());
    let expected = expectation::ks(jumps(&reference.sorted), m, n);
    let p = kolmogorov_tail(ks / expectation::delta(m, n).sqrt());
    Distance::new(Measure::Ks, ks, expected, Some(p), (m, n))
}

fn wasserstein<T: Scalar>(reference: &Sample<T>, current: &Sample<T>, w1: f64) -> MetricResult<Distance> {
    let (m, n) = (reference.rows(), current.rows());
    let sd = reference.sd()?;
    let expected = expectation::w1(noise_integral(&reference.sorted), m, n);
    Distance::new(Measure::W1OverSd, w1 / sd, expected / sd, None, (m, n))
}

/// Cumulated shares after each distinct value; at most 64 are needed before the continuous law bounds them.
fn jumps<T: Scalar>(sorted: &[T]) -> impl Iterator<Item = f64> + '_ {
    let n = sorted.len() as f64;
    sorted.windows(2).enumerate().filter(|(_, pair)| pair[0] < pair[1]).map(move |(below, _)| (below + 1) as f64 / n)
}

/// One measure over bins or categories, from counts of reference and current.
pub fn binned_distance(measure: Measure, reference: &[f64], current: &[f64]) -> MetricResult<Distance> {
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
