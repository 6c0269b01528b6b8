//! Intervals for proportions, their differences and ratios.
//!
//! Wilson (1927) for one proportion, Newcombe (1998) for differences, both with an effective number of rows when rows
//! carry weights (Kish). They keep their coverage at 0 and 1, where the textbook interval collapses to a point.

use crate::distributions::{beta_quantile, normal_margin};
use crate::outcome::{Estimate, MetricResult, Unmeasured};

/// A proportion: weighted successes over weighted trials, and how many rows that is worth.
#[derive(Debug, Clone, Copy, PartialEq, Default, serde::Serialize, serde::Deserialize)]
pub struct Proportion {
    /// Sum of weights of the successes.
    pub hits: f64,
    /// Sum of weights.
    pub total: f64,
    /// Sum of squared weights; equals `total` when all weights are 1.
    pub squares: f64,
    /// Rows.
    pub rows: u64,
}

impl Proportion {
    /// A proportion of whole rows.
    pub fn of(hits: u64, rows: u64) -> Self {
        Proportion { hits: hits as f64, total: rows as f64, squares: rows as f64, rows }
    }

    /// Adds a row.
    pub fn add(&mut self, hit: bool, weight: f64) {
        self.hits += if hit { weight } else { 0.0 };
        self.total += weight;
        self.squares += weight * weight;
        self.rows += 1;
    }

    /// Adds the rows of another.
    pub fn merge(&mut self, other: &Proportion) {
        self.hits += other.hits;
        self.total += other.total;
        self.squares += other.squares;
        self.rows += other.rows;
    }

    /// The share; `None` without rows or weight.
    pub fn share(&self) -> Option<f64> {
        (self.total > 0.0).then(|| (self.hits / self.total).clamp(0.0, 1.0))
    }

    /// Kish's effective number of rows.
    pub fn effective_rows(&self) -> f64 {
        if self.squares > 0.0 { self.total * self.total / self.squares } else { 0.0 }
    }

    /// The share with its Wilson interval; undefined (by the name `what`) without rows.
    pub fn wilson(&self, what: &str, level: f64) -> MetricResult {
        let Some(share) = self.share() else {
            return Err(Unmeasured::undefined(what, "no row counts towards its denominator"));
        };
        let (low, high) = wilson(share, self.effective_rows(), normal_margin(level));
        Estimate::new(share, low, high, level, self.rows)
    }
}

/// Wilson's score interval for a proportion.
///
/// * `share`: the observed proportion `p`, in `[0, 1]`.
/// * `n`: rows, at least 0; with weights [`Proportion::effective_rows`].
/// * `z`: half width in standard errors; [`normal_margin`]`(0.95)` is 1.96.
///
/// ```text
/// (p + z²/2n ± z √(p (1 - p)/n + z²/4n²)) / (1 + z²/n),  cut to [0, 1]
/// ```
///
/// Without rows the interval is `(0, 1)`. It does not collapse at 0 and 1, where the normal approximation does.
///
/// Wilson (1927), doi:10.1080/01621459.1927.10502953; equals `statsmodels.stats.proportion.proportion_confint(method="wilson")`.
///
/// ```
/// use kilter_stats::interval::wilson;
/// let (low, high) = wilson(0.1, 50.0, 1.959964);
/// assert!((low - 0.04348).abs() < 1e-5 && (high - 0.21360).abs() < 1e-5);
/// ```
pub fn wilson(share: f64, n: f64, z: f64) -> (f64, f64) {
    if n <= 0.0 {
        return (0.0, 1.0);
    }
    let z2 = z * z;
    let centre = (share + z2 / (2.0 * n)) / (1.0 + z2 / n);
    let half = z / (1.0 + z2 / n) * (share * (1.0 - share) / n + z2 / (4.0 * n * n)).sqrt();
    ((centre - half).max(0.0), (centre + half).min(1.0))
}

/// The exact interval for a proportion: it covers the true proportion with probability at least `level`.
///
/// * `hits`, `rows`: successes and trials, `hits <= rows`.
/// * `level`: confidence, in `(0, 1)`.
///
/// ```text
/// low  = quantile of Beta(k, n - k + 1) at (1 - level)/2,   0 for k = 0
/// high = quantile of Beta(k + 1, n - k) at (1 + level)/2,   1 for k = n
/// ```
///
/// Clopper & Pearson (1934), doi:10.1093/biomet/26.4.404; equals `scipy.stats.binomtest(k, n).proportion_ci()`.
///
/// ```
/// use kilter_stats::interval::clopper_pearson;
/// let (low, high) = clopper_pearson(0, 20, 0.95);
/// assert!(low == 0.0 && (high - 0.16843).abs() < 1e-5);
/// ```
pub fn clopper_pearson(hits: u64, rows: u64, level: f64) -> (f64, f64) {
    let (k, n, tail) = (hits as f64, rows as f64, 0.5 * (1.0 - level));
    (beta_quantile(tail, k, n - k + 1.0), beta_quantile(1.0 - tail, k + 1.0, n - k))
}

/// The interval of the difference `a - b` of two independent estimates.
///
/// `a` and `b` may have any intervals of the same level; the result has the level of `a` and the smaller count.
///
/// ```text
/// low  = (a - b) - √((a - a_low)²  + (b_high - b)²)
/// high = (a - b) + √((a_high - a)² + (b - b_low)²)
/// ```
///
/// # Errors
/// When an end of an interval is NaN.
///
/// Newcombe (1998), method 10, `doi:10.1002/(SICI)1097-0258(19980430)17:8<873::AID-SIM779>3.0.CO;2-I`.
///
/// ```
/// use kilter_stats::interval::{Proportion, difference};
/// let a = Proportion::of(56, 70).wilson("a", 0.95)?;
/// let b = Proportion::of(48, 80).wilson("b", 0.95)?;
/// let d = difference(&a, &b)?;
/// assert!((d.low - 0.0524).abs() < 5e-5 && (d.high - 0.3339).abs() < 5e-5);
/// # Ok::<(), kilter_stats::Unmeasured>(())
/// ```
pub fn difference(a: &Estimate, b: &Estimate) -> MetricResult {
    let value = a.value - b.value;
    let below = (a.value - a.low).hypot(b.high - b.value);
    let above = (a.high - a.value).hypot(b.value - b.low);
    Estimate::new(value, value - below, value + above, a.level, a.count.min(b.count))
}

/// The interval of the ratio `a / b` of two independent estimates of quantities that are not negative.
///
/// ```text
/// low  = (ab - √((ab)² - a_low  b_high (2a - a_low)  (2b - b_high))) / (b_high (2b - b_high))
/// high = (ab + √((ab)² - a_high b_low  (2a - a_high) (2b - b_low)))  / (b_low  (2b - b_low))
/// ```
///
/// The upper end is infinite when the interval of `b` reaches zero. The result has the level of `a` and the smaller count.
///
/// # Errors
/// [`Unmeasured::Undefined`] when `b` is zero.
///
/// Donner & Zou (2012), *Statistical Methods in Medical Research* 21, the ratio form of MOVER.
///
/// ```
/// use kilter_stats::interval::{Proportion, ratio};
/// let a = Proportion::of(30, 100).wilson("a", 0.95)?;
/// let b = Proportion::of(60, 100).wilson("b", 0.95)?;
/// let r = ratio(&a, &b)?;
/// assert!(r.value == 0.5 && r.low > 0.35 && r.high < 0.7);
/// # Ok::<(), kilter_stats::Unmeasured>(())
/// ```
pub fn ratio(a: &Estimate, b: &Estimate) -> MetricResult {
    if b.value <= 0.0 {
        return Err(Unmeasured::undefined("ratio", "its denominator is zero"));
    }
    let value = a.value / b.value;
    let (la, ua, lb, ub) = (a.low.max(0.0), a.high, b.low.max(0.0), b.high);
    let cross = a.value * b.value;
    let low = {
        let inner = (cross * cross - la * ub * (2.0 * a.value - la) * (2.0 * b.value - ub)).max(0.0);
        let denominator = ub * (2.0 * b.value - ub);
        if denominator > 0.0 { (cross - inner.sqrt()) / denominator } else { la / ub }
    };
    let high = {
        let inner = (cross * cross - ua * lb * (2.0 * a.value - ua) * (2.0 * b.value - lb)).max(0.0);
        let denominator = lb * (2.0 * b.value - lb);
        if denominator > 0.0 { (cross + inner.sqrt()) / denominator } else { f64::INFINITY }
    };
    Estimate::new(value, low.max(0.0), high, a.level, a.count.min(b.count))
}

/// The mean of two independent estimates, with the interval of [`difference`] for a sum, halved.
///
/// # Errors
/// When an end of an interval is NaN.
pub fn midpoint(a: &Estimate, b: &Estimate) -> MetricResult {
    let value = 0.5 * (a.value + b.value);
    let below = 0.5 * (a.value - a.low).hypot(b.value - b.low);
    let above = 0.5 * (a.high - a.value).hypot(b.high - b.value);
    Estimate::new(value, value - below, value + above, a.level, a.count + b.count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wilson_agrees_with_statsmodels_and_stays_open_at_zero() {
        let (low, high) = wilson(0.1, 50.0, normal_margin(0.95));
        assert!((low - 0.04347573).abs() < 1e-7 && (high - 0.21360230).abs() < 1e-7, "{low} {high}");
        let (low, high) = wilson(0.0, 30.0, normal_margin(0.95));
        assert!(low == 0.0 && high > 0.09 && high < 0.13, "{high}");
    }

    #[test]
    fn newcombe_reproduces_his_first_example() {
        // Newcombe 1998, table II (a): 56/70 - 48/80, method 10: 0.0524 to 0.3339.
        let a = Proportion::of(56, 70).wilson("a", 0.95).unwrap();
        let b = Proportion::of(48, 80).wilson("b", 0.95).unwrap();
        let d = difference(&a, &b).unwrap();
        assert!((d.low - 0.0524).abs() < 5e-5 && (d.high - 0.3339).abs() < 5e-5, "{d:?}");
    }

    #[test]
    fn an_interval_on_no_rows_is_undefined_not_zero() {
        assert!(matches!(Proportion::of(0, 0).wilson("recall", 0.95), Err(Unmeasured::Undefined { .. })));
    }

    #[test]
    fn clopper_pearson_contains_wilson_mostly_and_touches_the_ends() {
        let (low, high) = clopper_pearson(0, 20, 0.95);
        assert!(low == 0.0 && (high - 0.16843347).abs() < 1e-7, "{high}");
        let (low, high) = clopper_pearson(20, 20, 0.95);
        assert!((low - 0.83156653).abs() < 1e-7 && high == 1.0, "{low}");
    }
    #[test]
    fn clopper_pearson_of_many_million_rows_comes_back() {
        // scipy 1.17: stats.beta.ppf
        let (low, high) = clopper_pearson(3, 10_000_000, 0.95);
        assert!((low / 6.186721656250593e-08 - 1.0).abs() < 1e-9, "{low}");
        assert!((high / 8.767270541303173e-07 - 1.0).abs() < 1e-9, "{high}");
        let (low, high) = clopper_pearson(0, 10_000_000, 0.95);
        assert!(low == 0.0 && (high / 3.6888787737224376e-07 - 1.0).abs() < 1e-9, "{high}");
    }
}
