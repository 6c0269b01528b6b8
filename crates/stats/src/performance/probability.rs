//! Metrics of binary probabilities: log loss, Brier, calibration error, slope and intercept.

use super::influence::{ErrorScale, Influence};
use super::rows::BinaryRows;
use crate::distributions::normal_quantile;
use crate::outcome::{Estimate, MetricResult, Unmeasured};

/// Probabilities are cut to `[LOG_CLIP, 1 - LOG_CLIP]` before their logarithm (scikit-learn's historical bound).
pub const LOG_CLIP: f64 = 1e-15;

/// The log loss of one answer: `-ln p` where the truth is "yes", `-ln (1 - p)` where it is "no"; `p` is cut to
/// `[LOG_CLIP, 1 - LOG_CLIP]`.
///
/// ```
/// assert!((kilter_stats::performance::row_log_loss(true, 0.5) - 2f64.ln()).abs() < 1e-12);
/// ```
pub fn row_log_loss(truth: bool, probability: f64) -> f64 {
    let p = probability.clamp(LOG_CLIP, 1.0 - LOG_CLIP);
    if truth { -p.ln() } else { -(1.0 - p).ln() }
}

/// Mean negative log likelihood, natural logarithm.
pub(crate) fn log_loss(rows: &BinaryRows) -> MetricResult<Influence> {
    let p = rows.probabilities("log_loss")?;
    mean_over(rows, "log_loss", ErrorScale::Positive, |row| row_log_loss(rows.truth[row], p[row]))
}

/// Mean squared distance of probability and truth.
pub(crate) fn brier(rows: &BinaryRows) -> MetricResult<Influence> {
    let p = rows.probabilities("brier")?;
    mean_over(rows, "brier", ErrorScale::Unit, |row| (p[row] - if rows.truth[row] { 1.0 } else { 0.0 }).powi(2))
}

/// Mean probability minus base rate: calibration in the large.
pub(crate) fn calibration_bias(rows: &BinaryRows) -> MetricResult<Influence> {
    let p = rows.probabilities("calibration_bias")?;
    mean_over(rows, "calibration_bias", ErrorScale::Free, |row| p[row] - if rows.truth[row] { 1.0 } else { 0.0 })
}

fn mean_over(rows: &BinaryRows, what: &str, shape: ErrorScale, loss: impl Fn(usize) -> f64) -> MetricResult<Influence> {
    if rows.truth.len() < 2 {
        return Err(Unmeasured::too_few(&format!("rows for {what}"), rows.truth.len(), 2));
    }
    Ok(Influence::mean(rows.truth.len(), shape, loss, |row| rows.weight(row)))
}

/// How scores are cut into bins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Binning {
    /// Bins of equal width on [0, 1].
    Width,
    /// Bins of (nearly) equal numbers of rows, by stable order of the score.
    Mass,
}

/// One bin of a reliability diagram.
#[derive(Debug, Clone, Copy, PartialEq, Default, serde::Serialize, serde::Deserialize)]
pub struct CalibrationBin {
    /// Rows.
    pub rows: u64,
    /// Sum of weights.
    pub weight: f64,
    /// Mean probability.
    pub predicted: f64,
    /// Share of rows that came true.
    pub observed: f64,
    /// Standard error of `observed - predicted`.
    pub error: f64,
}

/// The reliability diagram: by bin of the predicted probability, how often the event came true.
///
/// * `rows`: probabilities in `[0, 1]` with their truth, and weights where there are any.
/// * `bins`: how many, at least one; empty ones are left out.
/// * `by`: bins of equal width, or of equal numbers of rows.
///
/// ```text
/// predicted_b = Σ w p / Σ w      observed_b = Σ w y / Σ w      ECE = Σ_b (w_b / w) |observed_b - predicted_b|
/// ```
///
/// # Errors
/// Without rows or bins; when a score is no probability.
///
/// ```
/// use kilter_stats::performance::{BinaryRows, Binning, calibration_bins};
/// let (truth, score) = ([false, true, true, true], [0.25, 0.25, 0.75, 0.75]);
/// let bins = calibration_bins(&BinaryRows::scored(&truth, &score, 0.5)?, 2, Binning::Width)?;
/// assert_eq!((bins[0].predicted, bins[0].observed), (0.25, 0.5));
/// assert_eq!((bins[1].predicted, bins[1].observed), (0.75, 1.0));
/// # Ok::<(), kilter_stats::Unmeasured>(())
/// ```
pub fn calibration_bins(rows: &BinaryRows, bins: usize, by: Binning) -> MetricResult<Vec<CalibrationBin>> {
    let p = rows.probabilities("calibration")?;
    let n = p.len();
    if bins == 0 || n == 0 {
        return Err(Unmeasured::too_few("rows or bins for calibration", n.min(bins), 1));
    }
    let mut sums = vec![[0.0f64; 6]; bins];
    let mut counts = vec![0u64; bins];
    let mut add = |bin: usize, row: usize| {
        let (w, y) = (rows.weight(row), if rows.truth[row] { 1.0 } else { 0.0 });
        let gap = y - p[row];
        for (sum, term) in sums[bin].iter_mut().zip([w, w * p[row], w * y, w * w * gap * gap, w * w * gap, w * w]) {
            *sum += term;
        }
        counts[bin] += 1;
    };
    match by {
        Binning::Width => (0..n).for_each(|row| add(((p[row] * bins as f64) as usize).min(bins - 1), row)),
        Binning::Mass => {
            let mut order: Vec<usize> = (0..n).collect();
            order.sort_by(|a, b| p[*a].total_cmp(&p[*b]));
            // The first n % bins slices hold one row more (numpy.array_split).
            let (small, large) = (n / bins, n % bins);
            let mut place = 0;
            for bin in 0..bins {
                for _ in 0..small + usize::from(bin < large) {
                    add(bin, order[place]);
                    place += 1;
                }
            }
        }
    }
    let bins = sums.iter().zip(&counts).filter(|(sum, _)| sum[0] > 0.0);
    Ok(bins
        .map(|(sum, count)| {
            let (predicted, observed) = (sum[1] / sum[0], sum[2] / sum[0]);
            let (gap, effective) = (observed - predicted, sum[0] * sum[0] / sum[5]);
            let spread = sum[3] - 2.0 * gap * sum[4] + gap * gap * sum[5];
            // A bin whose rows all agree is not certain: its error is at least that of the rate it predicts.
            let rate = predicted.max(0.5 / effective).min(1.0 - 0.5 / effective.max(1.0));
            let error = (spread.max(0.0).sqrt() / sum[0]).max((rate * (1.0 - rate) / effective).sqrt());
            CalibrationBin { rows: *count, weight: sum[0], predicted, observed, error }
        })
        .collect())
}

/// Expected calibration error: the weighted mean of |observed - predicted| over bins.
///
/// The interval is conservative: absolute values fold noise upwards, so its half width is a bound on the mean absolute
/// error of the bins (its expectation plus a normal margin), which also shows when a small ECE is all noise.
pub(crate) fn expected_calibration_error(rows: &BinaryRows, bins: usize, by: Binning, level: f64) -> MetricResult {
    let bins = calibration_bins(rows, bins, by)?;
    let total: f64 = bins.iter().map(|bin| bin.weight).sum();
    let value = bins.iter().map(|bin| bin.weight * (bin.observed - bin.predicted).abs()).sum::<f64>() / total;
    let folded = (2.0 / std::f64::consts::PI).sqrt();
    let expected = folded * bins.iter().map(|bin| bin.weight * bin.error).sum::<f64>() / total;
    let variance: f64 = bins.iter().map(|bin| (bin.weight / total * bin.error).powi(2)).sum();
    let margin = expected + normal_quantile(level) * ((1.0 - folded * folded) * variance).sqrt();
    Estimate::around(value, margin, (0.0, 1.0), level, rows.truth.len() as u64)
}

/// The largest |observed - predicted| of any bin, with a margin that holds for all bins at once (Bonferroni).
pub(crate) fn maximum_calibration_error(rows: &BinaryRows, bins: usize, by: Binning, level: f64) -> MetricResult {
    let bins = calibration_bins(rows, bins, by)?;
    let z = normal_quantile(1.0 - (1.0 - level) / (2.0 * bins.len() as f64));
    let gap = |bin: &CalibrationBin| (bin.observed - bin.predicted).abs();
    let value = bins.iter().map(gap).fold(0.0, f64::max);
    let low = bins.iter().map(|bin| gap(bin) - z * bin.error).fold(0.0, f64::max);
    let high = bins.iter().map(|bin| gap(bin) + z * bin.error).fold(0.0, f64::max).min(1.0);
    Estimate::new(value, low, high, level, rows.truth.len() as u64)
}

/// Which coefficient of the logistic recalibration `logit P(true) = intercept + slope * logit(p)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Recalibration {
    /// 0 when calibrated.
    Intercept,
    /// 1 when calibrated; below 1 the model is overconfident.
    Slope,
}

/// Cox's (1958) recalibration by Newton's method; influences are those of the maximum-likelihood estimate.
pub(crate) fn recalibration(rows: &BinaryRows, which: Recalibration) -> MetricResult<Influence> {
    let name = if which == Recalibration::Slope { "calibration_slope" } else { "calibration_intercept" };
    let p = rows.probabilities(name)?;
    let logit = |row: usize| {
        let p = p[row].clamp(1e-12, 1.0 - 1e-12);
        (p / (1.0 - p)).ln()
    };
    let (mut a, mut b) = (0.0, 1.0);
    for _ in 0..50 {
        let ([ga, gb], [haa, hab, hbb]) = score_and_information(rows, a, b, &logit);
        let determinant = haa * hbb - hab * hab;
        if determinant.is_nan() || determinant <= 1e-12 * haa * hbb {
            return Err(Unmeasured::undefined(name, "the classes are separable, or all scores are equal"));
        }
        let (da, db) = ((hbb * ga - hab * gb) / determinant, (haa * gb - hab * ga) / determinant);
        // Half steps keep the ascent stable from far starts.
        let scale = 1.0 / (1.0 + (da.abs().max(db.abs()) / 5.0).floor());
        (a, b) = (a + scale * da, b + scale * db);
        if da.abs() + db.abs() < 1e-12 {
            break;
        }
    }
    if !(a.is_finite() && b.is_finite()) || b.abs() > 1e6 {
        return Err(Unmeasured::undefined(name, "the classes are separable"));
    }
    let (_, [haa, hab, hbb]) = score_and_information(rows, a, b, &logit);
    let determinant = haa * hbb - hab * hab;
    let influence = (0..rows.truth.len())
        .map(|row| {
            let x = logit(row);
            let residual = rows.weight(row) * (if rows.truth[row] { 1.0 } else { 0.0 } - sigmoid(a + b * x));
            match which {
                Recalibration::Intercept => (hbb - hab * x) * residual / determinant,
                Recalibration::Slope => (haa * x - hab) * residual / determinant,
            }
        })
        .collect();
    let value = if which == Recalibration::Slope { b } else { a };
    Ok(Influence::corrected(value, influence, ErrorScale::Free, rows.truth.len()))
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

fn score_and_information(rows: &BinaryRows, a: f64, b: f64, logit: &impl Fn(usize) -> f64) -> ([f64; 2], [f64; 3]) {
    let (mut gradient, mut hessian) = ([0.0; 2], [0.0; 3]);
    for row in 0..rows.truth.len() {
        let (x, w) = (logit(row), rows.weight(row));
        let q = sigmoid(a + b * x);
        let residual = w * (if rows.truth[row] { 1.0 } else { 0.0 } - q);
        gradient[0] += residual;
        gradient[1] += residual * x;
        let curvature = w * q * (1.0 - q);
        hessian[0] += curvature;
        hessian[1] += curvature * x;
        hessian[2] += curvature * x * x;
    }
    (gradient, hessian)
}
