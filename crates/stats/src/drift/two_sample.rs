//! Classical tests of "two samples of one law". They do not know time and do not correct for being asked often; they
//! are here for comparison with other tools and for one-off questions.

use super::kolmogorov::{EXACT_ROWS, one_sample_tail, two_sample_tail};
use super::sample::{Sample, ks_and_w1};
use crate::distributions::{ln_choose, normal_cdf, normal_two_sided, student_two_sided};
use crate::outcome::{MetricResult, Unmeasured};
use std::f64::consts::PI;

/// A statistic and its p-value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TestResult {
    /// The statistic.
    pub statistic: f64,
    /// P(a statistic at least as extreme) if nothing differs.
    pub p: f64,
}

/// A test whose arithmetic stayed within the numbers: squares of values near 1e308 do not.
fn tested(what: &str, statistic: f64, p: f64) -> MetricResult<TestResult> {
    if statistic.is_nan() || p.is_nan() {
        Err(Unmeasured::undefined(what, "the values are too large for its arithmetic"))
    } else {
        Ok(TestResult { statistic, p: p.clamp(0.0, 1.0) })
    }
}

fn both(a: &Sample, b: &Sample, need: usize) -> MetricResult<(f64, f64)> {
    let least = a.values().len().min(b.values().len());
    if least < need {
        return Err(Unmeasured::too_few("values in one of the samples", least, need));
    }
    Ok((a.values().len() as f64, b.values().len() as f64))
}

/// Two-sample Kolmogorov-Smirnov with the exact p-value.
pub fn ks_exact(a: &Sample, b: &Sample) -> MetricResult<TestResult> {
    both(a, b, 1)?;
    let statistic = ks_and_w1(a.values(), b.values())?.0;
    Ok(TestResult { statistic, p: two_sample_tail(statistic, a.values().len(), b.values().len()) })
}

/// Two-sample Kolmogorov-Smirnov with the p-value of the one-sample law at the harmonic sample size m n / (m + n).
pub fn ks_asymptotic(a: &Sample, b: &Sample) -> MetricResult<TestResult> {
    let (m, n) = both(a, b, 1)?;
    let statistic = ks_and_w1(a.values(), b.values())?.0;
    let rows = (m * n / (m + n)).round_ties_even() as u64;
    Ok(TestResult { statistic, p: one_sample_tail(rows, statistic) })
}

/// Exact up to 10,000 rows a sample, else asymptotic.
pub fn ks_test(a: &Sample, b: &Sample) -> MetricResult<TestResult> {
    if a.values().len().max(b.values().len()) <= EXACT_ROWS { ks_exact(a, b) } else { ks_asymptotic(a, b) }
}

/// Student's two-sample t test with pooled variance, two-sided.
pub fn t_test(a: &Sample, b: &Sample) -> MetricResult<TestResult> {
    let (m, n) = both(a, b, 2)?;
    let ((mean_a, sd_a), (mean_b, sd_b)) = (a.mean_and_sd(1.0)?, b.mean_and_sd(1.0)?);
    let pooled = ((m - 1.0) * sd_a * sd_a + (n - 1.0) * sd_b * sd_b) / (m + n - 2.0);
    if pooled <= 0.0 {
        return Err(Unmeasured::undefined("t test", "both samples are constant"));
    }
    let statistic = (mean_a - mean_b) / (pooled * (1.0 / m + 1.0 / n)).sqrt();
    if pooled.is_infinite() {
        return Err(Unmeasured::undefined("t test", "the values are too large for its arithmetic"));
    }
    tested("t test", statistic, student_two_sided(statistic, m + n - 2.0))
}

/// Which alternative a rank test looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alternative {
    /// Either way.
    TwoSided,
    /// The first sample tends to be smaller.
    Less,
    /// The first sample tends to be larger.
    Greater,
}

/// Mann-Whitney's U: normal approximation with tie and continuity corrections; exact without ties when one sample has
/// at most 8 values.
pub fn mann_whitney(a: &Sample, b: &Sample, alternative: Alternative) -> MetricResult<TestResult> {
    let (m, n) = both(a, b, 1)?;
    let pooled = midranks(a.values(), b.values());
    let rank_sum: f64 = pooled.first.iter().sum();
    let u = rank_sum - m * (m + 1.0) / 2.0;
    let (extreme, factor) = match alternative {
        Alternative::Greater => (u, 1.0),
        Alternative::Less => (m * n - u, 1.0),
        Alternative::TwoSided => (u.max(m * n - u), 2.0),
    };
    let total = m + n;
    if pooled.ties == 0.0 && m.min(n) <= 8.0 {
        let p = factor * exact_u_tail(a.values().len(), b.values().len(), extreme.ceil() as usize);
        return Ok(TestResult { statistic: u, p: p.min(1.0) });
    }
    let spread = (m * n / 12.0 * (total + 1.0 - pooled.ties / (total * (total - 1.0)))).sqrt();
    if spread.is_nan() || spread <= 0.0 {
        return Err(Unmeasured::undefined("mann-whitney", "all values are equal"));
    }
    let z = (extreme - m * n / 2.0 - 0.5) / spread;
    Ok(TestResult { statistic: u, p: (factor * normal_cdf(-z)).min(1.0) })
}

/// P(U >= u): the number of subsets of ranks with that sum, by counting.
fn exact_u_tail(m: usize, n: usize, u: usize) -> f64 {
    let (few, many) = (m.min(n), m.max(n));
    let top = few * many;
    // ways[k][s]: ways to place k of the smaller sample with U = s, adding one of the larger sample at a time.
    let mut ways = vec![vec![0.0; top + 1]; few + 1];
    ways[0][0] = 1.0;
    // U is the sum over the smaller sample of how many of the larger lie below: a partition into `few` parts <= `many`.
    for part in 0..=many {
        for k in 1..=few {
            for s in part..=top {
                let from = ways[k - 1][s - part];
                ways[k][s] += from;
            }
        }
    }
    let total = ln_choose((m + n) as f64, few as f64).exp();
    ways[few].iter().skip(u).sum::<f64>() / total
}

struct Ranks {
    first: Vec<f64>,
    second: Vec<f64>,
    /// Sum of t^3 - t over ties.
    ties: f64,
}

/// Mid-ranks (from 1) of two sorted samples in the pooled order.
fn midranks(a: &[f64], b: &[f64]) -> Ranks {
    let (mut i, mut j) = (0, 0);
    let mut ranks = Ranks { first: Vec::with_capacity(a.len()), second: Vec::with_capacity(b.len()), ties: 0.0 };
    while i < a.len() || j < b.len() {
        let value = match (a.get(i), b.get(j)) {
            (Some(x), Some(y)) => x.min(*y),
            (Some(x), None) => *x,
            (None, Some(y)) => *y,
            (None, None) => break,
        };
        let (from_a, from_b) = (i, j);
        while i < a.len() && a[i] <= value {
            i += 1;
        }
        while j < b.len() && b[j] <= value {
            j += 1;
        }
        let tied = (i - from_a + j - from_b) as f64;
        let rank = (from_a + from_b) as f64 + 0.5 * (tied + 1.0);
        ranks.first.extend(std::iter::repeat_n(rank, i - from_a));
        ranks.second.extend(std::iter::repeat_n(rank, j - from_b));
        ranks.ties += tied * tied * tied - tied;
    }
    ranks
}

/// Cramer-von Mises two-sample test (Anderson 1962) with the limit law (Csorgo & Faraway 1996).
pub fn cramer_von_mises(a: &Sample, b: &Sample) -> MetricResult<TestResult> {
    let (m, n) = both(a, b, 2)?;
    let ranks = midranks(a.values(), b.values());
    let apart =
        |ranks: &[f64]| -> f64 { ranks.iter().enumerate().map(|(i, rank)| (rank - (i + 1) as f64).powi(2)).sum() };
    let u = m * apart(&ranks.first) + n * apart(&ranks.second);
    let (k, total) = (m * n, m + n);
    let statistic = u / (k * total) - (4.0 * k - 1.0) / (6.0 * total);
    let expected = (1.0 + 1.0 / total) / 6.0;
    let variance =
        (total + 1.0) * (4.0 * k * total - 3.0 * (m * m + n * n) - 2.0 * k) / (45.0 * total * total * 4.0 * k);
    let normalised = 1.0 / 6.0 + (statistic - expected) / (45.0 * variance).sqrt();
    let p = if normalised < 0.003 { 1.0 } else { (1.0 - cramer_limit(normalised)).max(0.0) };
    tested("cramer-von mises", statistic, p)
}

/// The limit law of the Cramer-von Mises statistic.
fn cramer_limit(x: f64) -> f64 {
    let mut sum = 0.0;
    for k in 0..200 {
        let y = 4.0 * k as f64 + 1.0;
        let q = y * y / (16.0 * x);
        let weight = (statrs::function::gamma::ln_gamma(k as f64 + 0.5)
            - statrs::function::gamma::ln_gamma(k as f64 + 1.0))
        .exp()
            / (PI.powf(1.5) * x.sqrt());
        let term = weight * y.sqrt() * (-2.0 * q).exp() * scaled_bessel_quarter(q);
        sum += term;
        if term.abs() < 1e-7 {
            break;
        }
    }
    sum
}

/// exp(q) K_{1/4}(q), the modified Bessel function, by the trapezoid rule on its integral (which converges like the
/// integrand's double-exponential tails).
fn scaled_bessel_quarter(q: f64) -> f64 {
    let step = 0.05;
    let f = |t: f64| (-q * (t.cosh() - 1.0)).exp() * (0.25 * t).cosh();
    let mut sum = 0.5 * f(0.0);
    for i in 1..2000 {
        let term = f(i as f64 * step);
        sum += term;
        if term < 1e-18 * sum {
            break;
        }
    }
    sum * step
}

/// Energy distance: the square root of twice the integral of (F - G)^2.
pub fn energy_distance(a: &Sample, b: &Sample) -> MetricResult<f64> {
    let (m, n) = both(a, b, 1)?;
    let (a, b) = (a.values(), b.values());
    let (mut i, mut j, mut sum) = (0, 0, 0.0f64);
    let mut at = a[0].min(b[0]);
    loop {
        while i < a.len() && a[i] <= at {
            i += 1;
        }
        while j < b.len() && b[j] <= at {
            j += 1;
        }
        let next = match (a.get(i), b.get(j)) {
            (Some(x), Some(y)) => x.min(*y),
            (Some(x), None) => *x,
            (None, Some(y)) => *y,
            (None, None) if sum.is_finite() => return Ok((2.0 * sum).sqrt()),
            (None, None) => {
                return Err(Unmeasured::undefined("energy distance", "the values are too large for its arithmetic"));
            }
        };
        let gap = i as f64 / m - j as f64 / n;
        // Between values that far apart a gap of zero still counts as zero.
        sum += if gap == 0.0 { 0.0 } else { gap * gap * (next - at) };
        at = next;
    }
}

/// Anderson-Darling two-sample statistic with mid-ranks, standardised (Scholz & Stephens 1987, equation 7).
pub fn anderson_darling(a: &Sample, b: &Sample) -> MetricResult<f64> {
    let (m, n) = both(a, b, 1)?;
    let total = m + n;
    let (a, b) = (a.values(), b.values());
    let (mut i, mut j) = (0, 0);
    let (mut sum_a, mut sum_b, mut distinct) = (0.0, 0.0, 0);
    while i < a.len() || j < b.len() {
        let value = match (a.get(i), b.get(j)) {
            (Some(x), Some(y)) => x.min(*y),
            (Some(x), None) => *x,
            (None, Some(y)) => *y,
            (None, None) => break,
        };
        let (from_a, from_b) = (i, j);
        while i < a.len() && a[i] <= value {
            i += 1;
        }
        while j < b.len() && b[j] <= value {
            j += 1;
        }
        distinct += 1;
        let (here_a, here_b) = ((i - from_a) as f64, (j - from_b) as f64);
        let tied = here_a + here_b;
        let below = (from_a + from_b) as f64 + 0.5 * tied;
        let weight = tied / total / (below * (total - below) - total * tied / 4.0);
        sum_a += weight * (total * (from_a as f64 + 0.5 * here_a) - below * m).powi(2);
        sum_b += weight * (total * (from_b as f64 + 0.5 * here_b) - below * n).powi(2);
    }
    if distinct < 2 || total < 4.0 {
        return Err(Unmeasured::undefined("anderson-darling", "there are fewer than two distinct values"));
    }
    let raw = (total - 1.0) / total * (sum_a / m + sum_b / n);
    Ok((raw - 1.0) / anderson_variance(m, n).sqrt())
}

fn anderson_variance(m: f64, n: f64) -> f64 {
    let (total, k) = (m + n, 2.0);
    let rows = total as usize;
    let spread = 1.0 / m + 1.0 / n;
    let (mut h, mut g) = (0.0, 0.0);
    for i in 1..rows - 1 {
        h += 1.0 / (rows - i) as f64;
        g += h / (i + 1) as f64;
    }
    let h = h + 1.0;
    let a = (4.0 * g - 6.0) * (k - 1.0) + (10.0 - 6.0 * g) * spread;
    let b = (2.0 * g - 4.0) * k * k + 8.0 * h * k + (2.0 * g - 14.0 * h - 4.0) * spread - 8.0 * h + 4.0 * g - 6.0;
    let c = (6.0 * h + 2.0 * g - 2.0) * k * k + (4.0 * h - 4.0 * g + 6.0) * k + (2.0 * h - 6.0) * spread + 4.0 * h;
    let d = (2.0 * h + 6.0) * k * k - 4.0 * h * k;
    (a * total.powi(3) + b * total * total + c * total + d) / ((total - 1.0) * (total - 2.0) * (total - 3.0))
}

/// Two-proportion z test with pooled variance, two-sided: `hits` of `rows` in either sample.
pub fn two_proportions(first: (u64, u64), second: (u64, u64)) -> MetricResult<TestResult> {
    let ((hits_a, a), (hits_b, b)) = (first, second);
    if a == 0 || b == 0 {
        return Err(Unmeasured::too_few("rows in one of the samples", 0, 1));
    }
    let (m, n) = (a as f64, b as f64);
    let (p, q) = (hits_a as f64 / m, hits_b as f64 / n);
    let pooled = (hits_a + hits_b) as f64 / (m + n);
    let spread = (pooled * (1.0 - pooled) * (1.0 / m + 1.0 / n)).sqrt();
    if spread <= 0.0 {
        return Err(Unmeasured::undefined("z test", "all rows of both samples are alike"));
    }
    let statistic = (p - q) / spread;
    Ok(TestResult { statistic, p: normal_two_sided(statistic) })
}
