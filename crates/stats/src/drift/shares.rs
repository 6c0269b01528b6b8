//! Distances between two distributions over the same bins or categories.
//!
//! Counts or shares go in; everything is normalised first. Natural logarithms unless a name says base 2.

use crate::distributions::chi2_tail;

/// Shares of counts; all zero when the counts are.
pub fn shares(counts: &[f64]) -> Vec<f64> {
    let total: f64 = counts.iter().sum();
    counts.iter().map(|count| if total > 0.0 { count / total } else { 0.0 }).collect()
}

/// Population stability index of two share vectors over the same bins.
///
/// * `p`, `q`: shares by bin, of the same length; each sums to one.
/// * `floor`: shares below it count as `floor`, so that an empty bin has a finite part (1e-4 here; not renormalised).
///
/// ```text
/// PSI = Σ (p_k - q_k) ln(p_k / q_k)
/// ```
///
/// Siddiqi, *Credit Risk Scorecards* (2006); symmetric in `p` and `q`, at least 0, no upper bound.
///
/// ```
/// use kilter_stats::drift::shares::psi;
/// assert!((psi(&[0.5, 0.5], &[0.4, 0.6], 1e-4) - 0.0405).abs() < 1e-4);
/// assert_eq!(psi(&[1.0, 0.0], &[1.0, 0.0], 1e-4), 0.0);
/// ```
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

/// Jensen-Shannon distance, base 2: in `[0, 1]`, and a metric.
///
/// * `p`, `q`: shares by bin, of the same length; each sums to one.
///
/// ```text
/// m_k = (p_k + q_k) / 2
/// JS  = √(½ Σ p_k log₂(p_k / m_k) + ½ Σ q_k log₂(q_k / m_k))
/// ```
///
/// Endres & Schindelin (2003), doi:10.1109/TIT.2003.813506; equals `scipy.spatial.distance.jensenshannon(p, q, base=2)`.
///
/// ```
/// use kilter_stats::drift::shares::js_distance_base2;
/// assert_eq!(js_distance_base2(&[1.0, 0.0], &[0.0, 1.0]), 1.0);
/// assert!((js_distance_base2(&[0.5, 0.5], &[0.25, 0.75]) - 0.2209).abs() < 1e-4);
/// ```
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

/// Total variation distance: the largest difference of the probability of any set of bins. In `[0, 1]`.
///
/// ```text
/// TV = ½ Σ |p_k - q_k|
/// ```
///
/// ```
/// use kilter_stats::drift::shares::tvd;
/// assert_eq!(tvd(&[0.5, 0.5], &[0.25, 0.75]), 0.25);
/// ```
pub fn tvd(p: &[f64], q: &[f64]) -> f64 {
    0.5 * p.iter().zip(q).map(|(p, q)| (p - q).abs()).sum::<f64>()
}

/// Largest absolute difference.
pub fn l_infinity(p: &[f64], q: &[f64]) -> f64 {
    p.iter().zip(q).map(|(p, q)| (p - q).abs()).fold(0.0, f64::max)
}

/// Hellinger distance. In `[0, 1]`.
///
/// ```text
/// H = √(1 - Σ √(p_k q_k))
/// ```
///
/// ```
/// use kilter_stats::drift::shares::hellinger;
/// assert_eq!(hellinger(&[1.0, 0.0], &[0.0, 1.0]), 1.0);
/// assert!(hellinger(&[0.5, 0.5], &[0.5, 0.5]) < 1e-7);
/// ```
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

/// Chi-square and G tests of homogeneity of two samples over the same categories.
///
/// * `a`, `b`: counts by category, of the same length. Categories that are empty in both are left out.
///
/// ```text
/// e_ik = (row total i)(column total k) / total
/// X²   = Σ (o_ik - e_ik)² / e_ik          G = 2 Σ o_ik ln(o_ik / e_ik)
/// V    = √max(0, X²/total - dof/(total - 1))      (Bergsma 2013, for two rows)
/// ```
///
/// `None` when either sample is empty. Equals `scipy.stats.chi2_contingency(correction=False)`.
///
/// ```
/// use kilter_stats::drift::shares::homogeneity;
/// let test = homogeneity(&[30.0, 70.0], &[50.0, 50.0]).expect("both have rows");
/// assert!((test.statistic - 8.3333).abs() < 1e-4 && test.dof == 1 && test.p < 0.01);
/// ```
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
