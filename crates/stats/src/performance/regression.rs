//! Metrics of a predicted number. scikit-learn's definitions where it has them; sMAPE runs from 0 to 2.

use super::influence::{ErrorScale, Influence};
use super::rows::RegressionRows;
use crate::distributions::normal_margin;
use crate::outcome::{Estimate, MetricResult, Unmeasured};

/// A mean over rows of some loss.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum RowLoss {
    Absolute,
    Squared,
    AbsolutePercentage,
    SymmetricPercentage,
    SquaredLog,
    Error,
    Pinball(f64),
}

/// Mean loss.
pub(crate) fn mean_loss(rows: &RegressionRows, loss: RowLoss) -> MetricResult<Influence> {
    enough(rows)?;
    if loss == RowLoss::AbsolutePercentage && rows.truth.contains(&0.0) {
        return Err(Unmeasured::undefined("mape", "a true value is zero; wape or smape measure such rows"));
    }
    if loss == RowLoss::SquaredLog && rows.truth.iter().chain(rows.predicted).any(|value| *value <= -1.0) {
        return Err(Unmeasured::undefined("msle", "a value is at or below -1"));
    }
    if let RowLoss::Pinball(quantile) = loss
        && !(0.0..=1.0).contains(&quantile)
    {
        return Err(Unmeasured::bad_input("pinball", format!("the quantile {quantile} is not in [0, 1]")));
    }
    let shape = if loss == RowLoss::Error { ErrorScale::Free } else { ErrorScale::Positive };
    let of = |row: usize| row_loss(loss, rows.truth[row], rows.predicted[row]);
    Ok(Influence::mean(rows.truth.len(), shape, of, |row| rows.weight(row)))
}

fn row_loss(loss: RowLoss, truth: f64, predicted: f64) -> f64 {
    let error = predicted - truth;
    match loss {
        RowLoss::Absolute => error.abs(),
        RowLoss::Squared => error * error,
        RowLoss::AbsolutePercentage => (error / truth).abs(),
        RowLoss::SymmetricPercentage => {
            let scale = truth.abs() + predicted.abs();
            if scale == 0.0 { 0.0 } else { 2.0 * error.abs() / scale }
        }
        RowLoss::SquaredLog => (predicted.ln_1p() - truth.ln_1p()).powi(2),
        RowLoss::Error => error,
        RowLoss::Pinball(q) => (q * -error).max((q - 1.0) * -error),
    }
}

fn enough(rows: &RegressionRows) -> MetricResult<()> {
    if rows.truth.len() < 2 { Err(Unmeasured::too_few("rows", rows.truth.len(), 2)) } else { Ok(()) }
}

/// The square root of a mean loss (RMSE, RMSLE).
pub(crate) fn root(mean: Influence) -> Influence {
    let value = mean.value.sqrt();
    let slope = if value > 0.0 { 0.5 / value } else { 0.0 };
    let rows = mean.rows.iter().map(|row| row * slope).collect();
    Influence { value, rows, ..mean }
}

/// Sum of absolute errors over sum of absolute truths (WAPE, weighted absolute percentage error).
pub(crate) fn wape(rows: &RegressionRows) -> MetricResult<Influence> {
    enough(rows)?;
    let n = rows.truth.len();
    let (mut errors, mut scale) = (0.0, 0.0);
    for row in 0..n {
        errors += rows.weight(row) * (rows.predicted[row] - rows.truth[row]).abs();
        scale += rows.weight(row) * rows.truth[row].abs();
    }
    if scale <= 0.0 {
        return Err(Unmeasured::undefined("wape", "every true value is zero"));
    }
    let value = errors / scale;
    let influence = (0..n)
        .map(|row| {
            let error = (rows.predicted[row] - rows.truth[row]).abs();
            rows.weight(row) * (error - value * rows.truth[row].abs()) / scale
        })
        .collect();
    Ok(Influence::corrected(value, influence, ErrorScale::Positive, n))
}

/// Which share of the variance is explained.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Explained {
    /// One minus squared error over variance.
    R2,
    /// One minus variance of the error over variance (blind to bias).
    Variance,
}

/// R2 or explained variance.
pub(crate) fn explained(rows: &RegressionRows, which: Explained) -> MetricResult<Influence> {
    enough(rows)?;
    let n = rows.truth.len();
    let total: f64 = (0..n).map(|row| rows.weight(row)).sum();
    let mean = |of: &dyn Fn(usize) -> f64| (0..n).map(|row| rows.weight(row) * of(row)).sum::<f64>() / total;
    let centre = mean(&|row| rows.truth[row]);
    let error = |row: usize| rows.truth[row] - rows.predicted[row];
    let bias = if which == Explained::Variance { mean(&error) } else { 0.0 };
    let variance = mean(&|row| (rows.truth[row] - centre).powi(2));
    if variance <= 0.0 {
        return Err(Unmeasured::undefined("r2", "the truth is constant"));
    }
    let value = 1.0 - mean(&|row| (error(row) - bias).powi(2)) / variance;
    let influence = (0..n)
        .map(|row| {
            let (unexplained, spread) = ((error(row) - bias).powi(2), (rows.truth[row] - centre).powi(2));
            rows.weight(row) / total * -(unexplained - (1.0 - value) * spread) / variance
        })
        .collect();
    Ok(Influence::corrected(value, influence, ErrorScale::AtMostOne, n))
}

/// Median absolute error, by the interval of order statistics (Woodruff 1952): no density is estimated.
pub(crate) fn median_absolute_error(rows: &RegressionRows, level: f64) -> MetricResult {
    enough(rows)?;
    let sorted = sorted_errors(rows);
    let (value, low, high) = weighted_quantile_interval(&sorted, 0.5, level);
    Estimate::new(value, low, high, level, rows.truth.len() as u64)
}

/// The median alone, as the bootstrap of its paired difference needs it.
pub(crate) fn median_of(sorted: &[(f64, f64)]) -> f64 {
    weighted_quantile(sorted, 0.5)
}

pub(crate) fn sorted_errors(rows: &RegressionRows) -> Vec<(f64, f64)> {
    let mut errors: Vec<(f64, f64)> = (0..rows.truth.len())
        .map(|row| ((rows.truth[row] - rows.predicted[row]).abs(), rows.weight(row)))
        .filter(|(_, weight)| *weight > 0.0)
        .collect();
    errors.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    errors
}

/// The quantile of weighted sorted values; with equal weights the mean of the two middle values (numpy's median).
fn weighted_quantile(sorted: &[(f64, f64)], p: f64) -> f64 {
    let total: f64 = sorted.iter().map(|(_, weight)| weight).sum();
    let mut below = 0.0;
    for (index, (value, weight)) in sorted.iter().enumerate() {
        below += weight;
        if below > p * total * (1.0 + 1e-12) {
            return *value;
        }
        if below >= p * total * (1.0 - 1e-12) {
            return sorted.get(index + 1).map_or(*value, |next| 0.5 * (value + next.0));
        }
    }
    sorted.last().map_or(f64::NAN, |last| last.0)
}

fn weighted_quantile_interval(sorted: &[(f64, f64)], p: f64, level: f64) -> (f64, f64, f64) {
    let total: f64 = sorted.iter().map(|(_, weight)| weight).sum();
    let squares: f64 = sorted.iter().map(|(_, weight)| weight * weight).sum();
    let margin = normal_margin(level) * (p * (1.0 - p) * squares).sqrt() / total + 0.5 * squares / (total * total);
    let end = |p: f64| {
        if p <= 0.0 {
            f64::NEG_INFINITY
        } else if p >= 1.0 {
            f64::INFINITY
        } else {
            weighted_quantile(sorted, p)
        }
    };
    (weighted_quantile(sorted, p), end(p - margin).max(0.0), end(p + margin))
}

/// The largest absolute error. The data bound it only from below, so the upper end is infinite.
pub(crate) fn max_error(rows: &RegressionRows, level: f64) -> MetricResult {
    if rows.truth.is_empty() {
        return Err(Unmeasured::too_few("rows", 0, 1));
    }
    let value = rows.truth.iter().zip(rows.predicted).map(|(t, p)| (t - p).abs()).fold(0.0, f64::max);
    Estimate::new(value, value, f64::INFINITY, level, rows.truth.len() as u64)
}
