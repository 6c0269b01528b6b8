//! Prediction-powered inference (PPI++): a few labels and many estimates give an honest, narrower interval.
//!
//! The mean of `f` over unlabelled rows, corrected by the mean of `y - f` on labelled ones, is unbiased whatever `f`
//! is; the better `f`, the narrower (Angelopoulos, Duchi & Zrnic 2023). The weight `lambda` of `f` is tuned on the data.

use crate::distributions::normal_margin;
use crate::outcome::{Estimate, MetricResult, Unmeasured, all_finite, same_length};

/// The mean of a quantity over all rows, from a few labels and many estimates (PPI++).
///
/// * `truth`, `estimate`: true values `y` and estimates `f` of the labelled rows, of the same length, at least ten.
/// * `unlabelled`: estimates `f̃` of the other rows; may be empty.
/// * `level`: confidence, in `(0, 1)`.
///
/// For a mean loss, pass losses: true where known, estimated (DLE, CBPE) everywhere.
///
/// ```text
/// λ      = cov(y, f) / ((1 + n/N) var(f)),  cut to [0, 1]
/// mean   = mean(y) + λ (mean(f̃) - mean(f))
/// error² = var(y - λ f)/n + λ² var(f)/N
/// ```
///
/// # Errors
/// [`Unmeasured::TooFew`] with fewer than ten labelled rows; [`Unmeasured::BadInput`] for numbers that are not finite.
///
/// Angelopoulos, Duchi & Zrnic (2023), arXiv:2311.01453.
///
/// ```
/// use kilter_stats::performance_estimation::powered_mean;
/// let truth: Vec<f64> = (0..50).map(|i| f64::from(i % 10)).collect();
/// let many: Vec<f64> = (0..5000).map(|i| f64::from(i % 10)).collect();
/// let mean = powered_mean(&truth, &truth, &many, 0.95)?;
/// assert!((mean.value - 4.5).abs() < 1e-9 && mean.high - mean.low < 0.2);
/// # Ok::<(), kilter_stats::Unmeasured>(())
/// ```
pub fn powered_mean(truth: &[f64], estimate: &[f64], unlabelled: &[f64], level: f64) -> MetricResult {
    let n = same_length("labelled rows", &[truth.len(), estimate.len()])?;
    all_finite("truth", truth)?;
    all_finite("estimate", estimate)?;
    all_finite("unlabelled estimate", unlabelled)?;
    if n < 10 {
        return Err(Unmeasured::too_few("labelled rows", n, 10));
    }
    let (n, many) = (n as f64, unlabelled.len() as f64);
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len().max(1) as f64;
    let (mean_truth, mean_estimate) = (mean(truth), mean(estimate));
    let covariance =
        truth.iter().zip(estimate).map(|(y, f)| (y - mean_truth) * (f - mean_estimate)).sum::<f64>() / (n - 1.0);
    let pooled = (mean_estimate * n + mean(unlabelled) * many) / (n + many);
    let variance =
        estimate.iter().chain(unlabelled).map(|f| (f - pooled) * (f - pooled)).sum::<f64>() / (n + many - 1.0);
    let lambda =
        if many > 0.0 && variance > 0.0 { (covariance / (variance * (1.0 + n / many))).clamp(0.0, 1.0) } else { 0.0 };
    let value = mean_truth + lambda * (mean(unlabelled) - mean_estimate) * f64::from(u8::from(many > 0.0));
    let rest = truth.iter().zip(estimate).map(|(y, f)| y - lambda * f - (mean_truth - lambda * mean_estimate));
    let spread = rest.map(|r| r * r).sum::<f64>() / (n - 1.0);
    let error = (spread / n + if many > 0.0 { lambda * lambda * variance / many } else { 0.0 }).sqrt();
    let margin = normal_margin(level) * error;
    Estimate::around(value, margin, (f64::NEG_INFINITY, f64::INFINITY), level, (n + many) as u64)
}
