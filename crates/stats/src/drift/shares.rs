//! Distances between two distributions over the same bins or categories.
//!
//! Counts or shares go in; everything is normalised first. Natural logarithms unless a name says base 2.

use crate::distributions::chi2_tail;

/// Shares of counts; all zero when the counts are.
pub fn shares(counts: &[f64]) -> Vec<f64> {
    let total: f64 = counts.iter().sum();
    counts.iter().map(|count| if total > 0.0 { count / total } else { 0.0 }).collect()
}

/// Population stability index of two share vectors, both floored at `floor` (not renormalised).
pub fn psi(p: &[f64], q: &[f64], floor: f64) -> f64 {
    p.iter().zip(q).map(|(p, q)| (p.max(floor), q.max(floor))).map(|(p, q)| (p - q) * (p / q).ln()).sum()
}

/// Jensen-Shannon divergence in nats; 0 to ln 2.
pub fn js_divergence(p: &[f64], q: &[f64]) -> f64 {
    let half = |a: f64, m: f64| if a > 0.0 { a * (a / m).ln() } else { 0.0 };
    let sum: f64 = p
        .iter()
        .zip(q)
        .map(|(p, q)| {
            let middle = 0.5 * (p + q);
            half(*p, middle) + half(*q, middle)
        })
        .sum();
    (0.5 * sum).max(0.0)
}

/// Jensen-Shannon distance, base 2: in [0, 1].
pub fn js_distance_base2(p: &[f64], q: &[f64]) -> f64 {
    (js_divergence(p, q) / std::f64::consts::LN_2).sqrt()
}

/// Jensen-Shannon distance, natural logarithm.
pub fn js_distance(p: &[f64], q: &[f64]) -> f64 {
    js_divergence(p, q).sqrt()
}

/// Kullback-Leibler divergence of `p` from `q` in nats; infinite where `q` lacks what `p` has.
pub fn kl_divergence(p: &[f64], q: &[f64]) -> f64 {
    p.iter().zip(q).map(|(p, q)| if *p > 0.0 { p * (p / q).ln() } else { 0.0 }).sum()
}

/// Total variation distance.
pub fn tvd(p: &[f64], q: &[f64]) -> f64 {
    0.5 * p.iter().zip(q).map(|(p, q)| (p - q).abs()).sum::<f64>()
}

/// Largest absolute difference.
pub fn l_infinity(p: &[f64], q: &[f64]) -> f64 {
    p.iter().zip(q).map(|(p, q)| (p - q).abs()).fold(0.0, f64::max)
}

/// Hellinger distance.
pub fn hellinger(p: &[f64], q: &[f64]) -> f64 {
    let overlap: f64 = p.iter().zip(q).map(|(p, q)| (p * q).sqrt()).sum();
    (1.0 - overlap).clamp(0.0, 1.0).sqrt()
}

/// A test of homogeneity of two samples over the same categories.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Homogeneity {
    /// Pearson's chi-square, no continuity correction.
    pub statistic: f64,
    /// Degrees of freedom: categories that occur, minus one.
    pub dof: u64,
    /// P(chi-square >= statistic).
    pub p: f64,
    /// Likelihood-ratio (G) statistic.
    pub g: f64,
    /// P(chi-square >= g).
    pub g_p: f64,
    /// Bias-corrected Cramer's V (Bergsma 2013); 0 where the statistic is at or below its expectation.
    pub cramers_v: f64,
}

/// Chi-square and G tests of homogeneity. Both samples' errors count; categories empty in both are left out. `None`
/// when either sample is empty.
pub fn homogeneity(a: &[f64], b: &[f64]) -> Option<Homogeneity> {
    let (m, n): (f64, f64) = (a.iter().sum(), b.iter().sum());
    if m <= 0.0 || n <= 0.0 {
        return None;
    }
    let total = m + n;
    let (mut statistic, mut g, mut categories) = (0.0, 0.0, 0u64);
    for (a, b) in a.iter().zip(b) {
        let both = a + b;
        if both <= 0.0 {
            continue;
        }
        categories += 1;
        for (seen, expected) in [(*a, both * m / total), (*b, both * n / total)] {
            statistic += (seen - expected) * (seen - expected) / expected;
            if seen > 0.0 {
                g += 2.0 * seen * (seen / expected).ln();
            }
        }
    }
    let dof = categories.saturating_sub(1);
    let tail = |x: f64| if dof == 0 { 1.0 } else { chi2_tail(x, dof as f64) };
    let phi = (statistic / total - dof as f64 / (total - 1.0)).max(0.0);
    let cramers_v = phi.sqrt().min(1.0);
    Some(Homogeneity { statistic, dof, p: tail(statistic), g, g_p: tail(g), cramers_v })
}
