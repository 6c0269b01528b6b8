//! Evidence on rates: is a share of bad rows larger than it may be?
//!
//! A one-sided beta mixture of likelihood ratios (Robbins): an e-value for "the rate is at most r", which stays valid
//! when the counts grow and one looks after every window.

use crate::distributions::{beta_quantile, beta_share, ln_beta};
use crate::interval::Proportion;
use crate::outcome::{Estimate, MetricResult, Unmeasured};
use serde::{Deserialize, Serialize};

/// The e-value of `hits` in `rows` against "the rate is at most `limit`".
///
/// * `hits`, `rows`: bad rows and all rows, `hits <= rows`.
/// * `limit`: the rate `r` that is allowed, in `(0, 1)`.
///
/// Under any rate up to `limit` its mean is at most one at every time, so `e >= 1/α` occurs ever with probability at most
/// `α`, also when one looks after every window.
///
/// ```text
/// e = ∫_r^1 θ^k (1 - θ)^(n - k) π(θ) dθ / (r^k (1 - r)^(n - k)),   π = Beta(½, ½) cut to (r, 1)
/// ```
///
/// # Errors
/// [`Unmeasured::BadInput`] when there are more hits than rows or `limit` is not between 0 and 1.
///
/// Robbins (1970), doi:10.1214/aoms/1177696786.
///
/// ```
/// use kilter_stats::sequential::rate_e_value;
/// assert!(rate_e_value(1, 100, 0.02)? < 1.0);
/// assert!(rate_e_value(20, 100, 0.02)? > 1e6);
/// # Ok::<(), kilter_stats::Unmeasured>(())
/// ```
pub fn rate_e_value(hits: u64, rows: u64, limit: f64) -> MetricResult<f64> {
    if hits > rows {
        return Err(Unmeasured::bad_input("rate", format!("{hits} of {rows} rows cannot be")));
    }
    if limit.is_nan() || limit <= 0.0 || limit >= 1.0 {
        return Err(Unmeasured::bad_input("rate", format!("the limit {limit} is not between 0 and 1")));
    }
    let (k, miss) = (hits as f64, (rows - hits) as f64);
    // Prior Beta(1/2, 1/2), cut to rates above the limit.
    let above = |a: f64, b: f64| beta_share(b, a, 1.0 - limit);
    let (after, before) = (above(k + 0.5, miss + 0.5), above(0.5, 0.5));
    if after <= 0.0 {
        return Ok(0.0);
    }
    let log = ln_beta(k + 0.5, miss + 0.5) - ln_beta(0.5, 0.5) + after.ln()
        - before.ln()
        - k * limit.ln()
        - miss * (-limit).ln_1p();
    Ok(log.min(575.0).exp())
}

/// The e-value of `count` events against "the mean is at most `limit`" (Poisson; gamma mixture, row counts and errors).
pub fn count_e_value(count: u64, limit: f64) -> MetricResult<f64> {
    if limit.is_nan() || limit <= 0.0 || !limit.is_finite() {
        return Err(Unmeasured::bad_input("count", format!("the limit {limit} is not a positive number")));
    }
    use statrs::function::gamma::{gamma_ur, ln_gamma};
    let k = count as f64;
    // Prior Gamma(1/2, rate 1/2/limit) cut to means above the limit.
    let (shape, rate) = (0.5, 0.5 / limit);
    let after = gamma_ur(k + shape, limit * (1.0 + rate));
    let before = gamma_ur(shape, limit * rate);
    if after <= 0.0 {
        return Ok(0.0);
    }
    let log = shape * rate.ln() - ln_gamma(shape) + ln_gamma(k + shape) - (k + shape) * (1.0 + rate).ln() + after.ln()
        - before.ln()
        + limit
        - k * limit.ln();
    Ok(log.min(575.0).exp())
}

/// What a rate of bad rows says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RateVerdict {
    /// As in the reference.
    Calm,
    /// There are some, and the reference had fewer or none.
    Warning,
    /// More than thrice the reference's upper bound, at least five rows.
    Alert,
}

/// A rate of bad rows in a window beside the reference's.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RateReading {
    /// The window's rate with its Wilson interval.
    pub rate: Estimate,
    /// The reference's rate.
    pub reference: f64,
    /// Upper 95 % bound (Clopper-Pearson, one-sided) of the reference's rate.
    pub reference_upper: f64,
    /// E-value against "at most the reference's upper bound".
    pub e_value: f64,
    /// By the default rule.
    pub verdict: RateVerdict,
}

/// Judges `hits` of `rows` in a window against the reference's counts, by the default rule: an alert when the rate
/// exceeds thrice the reference's upper bound on at least five rows, a warning when rows are bad and either the
/// reference had none or the evidence is above 20.
pub fn judge_rate(reference: (u64, u64), window: (u64, u64)) -> MetricResult<RateReading> {
    let ((old_hits, old_rows), (hits, rows)) = (reference, window);
    if old_rows == 0 || rows == 0 {
        return Err(Unmeasured::too_few("rows in the reference or the window", 0, 1));
    }
    if old_hits > old_rows || hits > rows {
        return Err(Unmeasured::bad_input("rate", "there are more bad rows than rows"));
    }
    let reference_upper = beta_quantile(0.95, old_hits as f64 + 1.0, (old_rows - old_hits) as f64).min(1.0 - 1e-9);
    let rate = Proportion::of(hits, rows).wilson("rate", 0.95)?;
    let e_value = rate_e_value(hits, rows, reference_upper)?;
    let verdict = if rate.value > 3.0 * reference_upper && hits >= 5 {
        RateVerdict::Alert
    } else if hits > 0 && (old_hits == 0 || e_value >= 20.0) {
        RateVerdict::Warning
    } else {
        RateVerdict::Calm
    };
    let reference = old_hits as f64 / old_rows as f64;
    Ok(RateReading { rate, reference, reference_upper, e_value, verdict })
}
