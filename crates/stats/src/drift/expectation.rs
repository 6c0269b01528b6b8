//! What distances are between two samples of one law: the noise floor that every drift measure must first exceed.
//!
//! With `delta = 1/m + 1/n`: PSI is about `delta` times a chi-square, JS (nats, squared) and Hellinger (squared) an
//! eighth of that, TVD and W1 are sums and integrals of half-normals, KS the sup of a Brownian bridge.

use std::f64::consts::{LN_2, PI};

/// Mean of the Kolmogorov distribution: sqrt(pi / 2) ln 2.
const KOLMOGOROV_MEAN: f64 = 0.868_731_160_636_159;

/// `1/m + 1/n`.
pub fn delta(m: u64, n: u64) -> f64 {
    1.0 / m as f64 + 1.0 / n as f64
}

fn freedom(shares: &[f64]) -> f64 {
    (shares.iter().filter(|share| **share > 0.0).count() as f64 - 1.0).max(0.0)
}

/// Expected PSI over categories with these shares. A category that is expected to be seen less than about once adds
/// less than a full degree of freedom: it is mostly empty, and then floored.
pub fn psi(shares: &[f64], m: u64, n: u64) -> f64 {
    delta(m, n) * freedom(shares)
}

/// Expected Jensen-Shannon distance, base 2.
pub fn js_base2(shares: &[f64], m: u64, n: u64) -> f64 {
    (delta(m, n) * freedom(shares) / 8.0 / LN_2).sqrt().min(1.0)
}

/// Expected Hellinger distance.
pub fn hellinger(shares: &[f64], m: u64, n: u64) -> f64 {
    (delta(m, n) * freedom(shares) / 8.0).sqrt().min(1.0)
}

/// Expected total variation distance.
pub fn tvd(shares: &[f64], m: u64, n: u64) -> f64 {
    let spread: f64 = shares.iter().map(|share| (share * (1.0 - share)).sqrt()).sum();
    ((delta(m, n) / (2.0 * PI)).sqrt() * spread).min(1.0)
}

/// Expected largest difference of a share: the mean of the largest of independent half-normals, by integration.
pub fn l_infinity(shares: &[f64], m: u64, n: u64) -> f64 {
    let delta = delta(m, n);
    let spreads: Vec<f64> =
        shares.iter().map(|share| (share * (1.0 - share) * delta).sqrt()).filter(|spread| *spread > 0.0).collect();
    let largest = spreads.iter().copied().fold(0.0, f64::max);
    let steps = 120;
    let width = 6.0 * largest / steps as f64;
    let above = |x: f64| {
        1.0 - spreads.iter().map(|spread| 1.0 - crate::distributions::normal_two_sided(x / spread)).product::<f64>()
    };
    (0..steps).map(|step| above((step as f64 + 0.5) * width) * width).sum::<f64>().min(1.0)
}

/// Expected Kolmogorov-Smirnov distance, given the reference's shares between the places where it is compared. Columns
/// of few values jump rarely, and then the mean at those jumps bounds it.
pub fn ks(cumulated: impl Iterator<Item = f64>, m: u64, n: u64) -> f64 {
    // The sum only grows, and past the continuous law's mean it says nothing more: most columns stop after a few jumps.
    let most = KOLMOGOROV_MEAN / (2.0 / PI).sqrt();
    let mut jumps = 0.0;
    for f in cumulated {
        jumps += (f * (1.0 - f)).max(0.0).sqrt();
        if jumps >= most {
            return delta(m, n).sqrt() * KOLMOGOROV_MEAN;
        }
    }
    delta(m, n).sqrt() * (2.0 / PI).sqrt() * jumps
}

/// Expected Wasserstein-1 distance, given the integral of `sqrt(F (1 - F))` of the reference.
pub fn w1(integral: f64, m: u64, n: u64) -> f64 {
    (2.0 * delta(m, n) / PI).sqrt() * integral
}
