//! Influence: by how much each row moves a metric, and from that the sampling error of the metric.
//!
//! For a metric T of weighted rows, a row's influence is `w_i * dT/dw_i` (the infinitesimal jackknife, Efron 1982). Its
//! sum of squares is the delta-method variance; for the AUC it is DeLong's (1988). Because two models' influences on
//! the same rows subtract, the same numbers give paired differences. No randomness here.

use crate::distributions::student_margin;
use crate::outcome::{Estimate, MetricResult};

/// In which scale the sampling error of a metric is close to normal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ErrorScale {
    /// In [0, 1]: the logit.
    Unit,
    /// In [-1, 1]: the inverse hyperbolic tangent.
    Signed,
    /// Not negative: the number itself, cut at zero.
    Positive,
    /// Any number.
    Free,
    /// At most 1 (R2): the number itself, cut at 1.
    AtMostOne,
}

/// A metric's value with each row's influence on it.
#[derive(Debug, Clone)]
pub(crate) struct Influence {
    pub value: f64,
    /// One number a row, corrected for small samples; squares sum to the variance.
    pub rows: Vec<f64>,
    pub shape: ErrorScale,
    /// Units that vary independently (rows, or queries): degrees of freedom plus one.
    pub units: usize,
}

impl Influence {
    /// From raw `w_i * dT/dw_i`, applying the n / (n - 1) correction over `units`.
    pub fn corrected(value: f64, mut rows: Vec<f64>, shape: ErrorScale, units: usize) -> Self {
        let factor = if units > 1 { (units as f64 / (units as f64 - 1.0)).sqrt() } else { f64::INFINITY };
        rows.iter_mut().filter(|row| **row != 0.0).for_each(|row| *row *= factor);
        Influence { value, rows, shape, units }
    }

    /// A weighted mean of `loss` and its influences; weights need not sum to one.
    pub fn mean(rows: usize, shape: ErrorScale, loss: impl Fn(usize) -> f64, weight: impl Fn(usize) -> f64) -> Self {
        let (mut total, mut sum) = (0.0, 0.0);
        for row in 0..rows {
            total += weight(row);
            sum += weight(row) * loss(row);
        }
        let value = sum / total;
        let influence = (0..rows).map(|row| weight(row) * (loss(row) - value) / total).collect();
        Influence::corrected(value, influence, shape, rows)
    }

    /// The same with one influence a cluster: the sum over its rows.
    pub fn clustered(&self, cluster: &[u32]) -> Influence {
        let mut sums: std::collections::BTreeMap<u32, f64> = std::collections::BTreeMap::new();
        for (row, cluster) in self.rows.iter().zip(cluster) {
            *sums.entry(*cluster).or_default() += row;
        }
        let units = sums.len();
        Influence::corrected(self.value, sums.into_values().collect(), self.shape, units)
    }

    /// Standard error.
    pub fn error(&self) -> f64 {
        self.rows.iter().map(|row| row * row).sum::<f64>().sqrt()
    }

    /// The estimate with its interval on the scale of its shape. A metric whose rows all agree has the error of one row
    /// that does not, so that a perfect score on few rows is never reported as certain.
    pub fn estimate(&self, level: f64) -> MetricResult {
        let margin = student_margin(level, self.units as f64 - 1.0);
        let count = self.units as u64;
        let mut error = self.error();
        if error.is_nan() {
            error = f64::INFINITY;
        }
        match self.shape {
            ErrorScale::Free => {
                Estimate::around(self.value, margin * error, (f64::NEG_INFINITY, f64::INFINITY), level, count)
            }
            ErrorScale::Positive => Estimate::around(self.value, margin * error, (0.0, f64::INFINITY), level, count),
            ErrorScale::AtMostOne => {
                Estimate::around(self.value, margin * error, (f64::NEG_INFINITY, 1.0), level, count)
            }
            ErrorScale::Unit => {
                let (low, high) = logit_interval(self.value, margin * error, self.units as f64);
                Estimate::new(self.value, low, high, level, count)
            }
            ErrorScale::Signed => {
                let (low, high) = logit_interval(0.5 * (1.0 + self.value), 0.5 * margin * error, self.units as f64);
                Estimate::new(self.value, 2.0 * low - 1.0, 2.0 * high - 1.0, level, count)
            }
        }
    }
}

/// An interval of half width `margin` around a value in [0, 1], on the logit scale; where that scale ends (values within
/// 1 / (2n) of 0 or 1) the rule of three takes its place.
fn logit_interval(value: f64, margin: f64, n: f64) -> (f64, f64) {
    if !margin.is_finite() {
        return (0.0, 1.0);
    }
    let edge = 3.7 / (n + 3.7); // exact 95 % bound (two-sided) for 0 of n is near 3.7 / n
    let spread = value * (1.0 - value);
    if margin == 0.0 || spread < 0.25 / n {
        return ((value - edge.max(margin)).max(0.0), (value + edge.max(margin)).min(1.0));
    }
    let logit = (value / (1.0 - value)).ln();
    let back = |x: f64| 1.0 / (1.0 + (-x).exp());
    (back(logit - margin / spread), back(logit + margin / spread))
}

/// The paired difference `a - b` of one metric on the same rows.
pub(crate) fn paired_difference(a: &Influence, b: &Influence, level: f64) -> MetricResult {
    let value = a.value - b.value;
    let mut variance: f64 = a.rows.iter().zip(&b.rows).map(|(a, b)| (a - b) * (a - b)).sum();
    // Models that never differ on these rows may still differ on the next: two rows' worth of disagreement, one in each
    // direction (Bonett & Price 2012 for proportions), keep the interval open.
    let bounded = matches!(a.shape, ErrorScale::Unit | ErrorScale::Signed);
    let discordant = a.rows.iter().zip(&b.rows).filter(|(a, b)| a != b).count();
    if variance == 0.0 || (bounded && discordant < 20) {
        let largest = a.rows.iter().chain(&b.rows).fold(0.0, |largest: f64, row| largest.max(row.abs()));
        let single = if largest > 0.0 { largest } else { 1.0 / a.units.max(1) as f64 };
        variance += 2.0 * single * single;
    }
    let margin = student_margin(level, a.units as f64 - 1.0) * variance.sqrt();
    let range = match a.shape {
        ErrorScale::Unit => (-1.0, 1.0),
        ErrorScale::Signed => (-2.0, 2.0),
        _ => (f64::NEG_INFINITY, f64::INFINITY),
    };
    Estimate::around(value, if margin.is_nan() { f64::INFINITY } else { margin }, range, level, a.units as u64)
}
