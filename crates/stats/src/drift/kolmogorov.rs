//! Exact and near-exact laws of the Kolmogorov-Smirnov distance.
//!
//! Two samples: the share of lattice paths that leave a band (Hodges 1958; the recursion for the complement, Viehmann
//! 2021, keeps small p-values exact). One sample: Durbin's matrix (Marsaglia, Tsang & Wang 2003), Smirnov's sum, and the
//! Pelz-Good expansion, chosen as Simard & L'Ecuyer (2011) found them accurate.

use crate::distributions::ln_choose;
use std::f64::consts::PI;

/// Samples up to which the two-sample law is computed exactly.
pub const EXACT_ROWS: usize = 10_000;

/// P(D >= d) for two samples of `m` and `n` rows of one continuous law, exactly. O(m n) at worst.
pub fn two_sample_tail(d: f64, m: usize, n: usize) -> f64 {
    let (m, n) = (m.max(n), m.min(n));
    if n == 0 {
        return 1.0;
    }
    let divisor = gcd(m, n);
    // Distances are whole multiples of 1 / lcm.
    let (m_step, n_step) = ((m / divisor) as i64, (n / divisor) as i64);
    let limit = (d * (m as f64 * n_step as f64)).round() as i64;
    if limit <= 0 {
        return 1.0;
    }
    // left[j]: probability that a path to (i, j) has left the band |i n' - j m'| < limit.
    let mut left = vec![1.0; n + 1];
    for i in 0..=m as i64 {
        let low = (i * n_step - limit).div_euclid(m_step) + 1;
        let high = (i * n_step + limit + m_step - 1).div_euclid(m_step).min(n as i64 + 1);
        if high <= low.max(0) {
            return 1.0;
        }
        let low = low.max(0) as usize;
        if low > 0 {
            left[low - 1] = 1.0;
        }
        for j in low..high as usize {
            left[j] = match (i, j) {
                (0, 0) => 0.0,
                (0, j) => left[j - 1],
                (_, 0) => left[0],
                (i, j) => (left[j] * i as f64 + left[j - 1] * j as f64) / (i as f64 + j as f64),
            };
        }
    }
    left[n].clamp(0.0, 1.0)
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// P(D_n >= d) of the two-sided one-sample statistic on `n` rows.
pub fn one_sample_tail(n: u64, d: f64) -> f64 {
    let (rows, t) = (n as f64, n as f64 * d);
    if d >= 1.0 {
        return 0.0;
    }
    if t <= 0.5 {
        return 1.0;
    }
    if t <= 1.0 {
        // Ruben & Gambino: n! ((2t - 1) / n)^n.
        let log: f64 = (1..=n).map(|i| (i as f64 / rows * (2.0 * t - 1.0)).ln()).sum();
        return 1.0 - log.exp();
    }
    if t >= rows - 1.0 {
        return (2.0 * (1.0 - d).powf(rows)).min(1.0);
    }
    let square = t * d;
    if d >= 0.5 || square >= if n <= 140 { 4.0 } else { 2.2 } {
        return (2.0 * one_sided_tail(n, d)).min(1.0);
    }
    let cdf = if n <= 140 || rows * d.powf(1.5) <= 1.4 { durbin(n, d) } else { pelz_good(rows, d) };
    (1.0 - cdf).clamp(0.0, 1.0)
}

/// P(D+_n >= d): Smirnov's sum, all terms positive.
fn one_sided_tail(n: u64, d: f64) -> f64 {
    let rows = n as f64;
    let last = (rows * (1.0 - d)).floor() as u64;
    (0..=last)
        .map(|j| {
            let at = d + j as f64 / rows;
            let rest = 1.0 - at;
            let tail = if rest > 0.0 {
                (rows - j as f64) * rest.ln()
            } else if j == n {
                0.0
            } else {
                return 0.0;
            };
            (d.ln() + ln_choose(rows, j as f64) + (j as f64 - 1.0) * at.ln() + tail).exp()
        })
        .sum()
}

/// P(D_n < d) as an entry of a power of Durbin's matrix. Exact; for small n d.
fn durbin(n: u64, d: f64) -> f64 {
    let rows = n as f64;
    let k = (rows * d).ceil() as usize;
    let size = 2 * k - 1;
    let h = k as f64 - rows * d;
    let factorial = |i: usize| (1..=i).fold(1.0, |product, j| product * j as f64);
    let mut matrix = vec![0.0; size * size];
    for row in 0..size {
        for column in 0..size {
            if row + 1 >= column {
                matrix[row * size + column] = 1.0 / factorial(row + 1 - column);
            }
        }
    }
    for i in 0..size {
        matrix[i * size] -= h.powi(i as i32 + 1) / factorial(i + 1);
        matrix[(size - 1) * size + i] -= h.powi((size - i) as i32) / factorial(size - i);
    }
    if 2.0 * h > 1.0 {
        matrix[(size - 1) * size] += (2.0 * h - 1.0).powi(size as i32) / factorial(size);
    }
    let (power, exponent) = power(&matrix, size, n);
    let mut value = power[(k - 1) * size + k - 1];
    let mut shift = exponent;
    for i in 1..=n {
        value *= i as f64 / rows;
        if value < 1e-140 {
            value *= 1e140;
            shift -= 140;
        }
    }
    value * 10f64.powi(shift)
}

/// A power of a square matrix, and the decimal exponent taken out of it on the way.
fn power(matrix: &[f64], size: usize, n: u64) -> (Vec<f64>, i32) {
    if n == 1 {
        return (matrix.to_vec(), 0);
    }
    let (half, exponent) = power(matrix, size, n / 2);
    let mut result = multiply(&half, &half, size);
    let mut shift = 2 * exponent;
    if n % 2 == 1 {
        result = multiply(&result, matrix, size);
    }
    let middle = result[(size / 2) * size + size / 2];
    if middle > 1e140 {
        result.iter_mut().for_each(|entry| *entry *= 1e-140);
        shift += 140;
    }
    (result, shift)
}

fn multiply(a: &[f64], b: &[f64], size: usize) -> Vec<f64> {
    let mut product = vec![0.0; size * size];
    for row in 0..size {
        for inner in 0..size {
            let left = a[row * size + inner];
            if left != 0.0 {
                for column in 0..size {
                    product[row * size + column] += left * b[inner * size + column];
                }
            }
        }
    }
    product
}

/// P(D_n < d) by the Pelz-Good expansion to order n^(-3/2).
fn pelz_good(n: f64, d: f64) -> f64 {
    let z = n.sqrt() * d;
    let (z2, pi2) = (z * z, PI * PI);
    let (z4, z6, z8) = (z2 * z2, z2 * z2 * z2, z2 * z2 * z2 * z2);
    let (mut k0, mut k1, mut k2, mut k3) = (0.0, 0.0, 0.0, 0.0);
    for i in 0..60 {
        // Terms over half-integers k + 1/2.
        let x = (i as f64 + 0.5) * PI;
        let x2 = x * x;
        let weight = (-x2 / (2.0 * z2)).exp();
        k0 += weight;
        k1 += (x2 - z2) * weight;
        k2 += (6.0 * z6 + 2.0 * z4 + x2 * (2.0 * z4 - 5.0 * z2) + x2 * x2 * (1.0 - 2.0 * z2)) * weight;
        k3 += (-30.0 * z6 - 90.0 * z8
            + x2 * (135.0 * z4 - 96.0 * z6)
            + x2 * x2 * (212.0 * z4 - 60.0 * z2)
            + x2 * x2 * x2 * (5.0 - 30.0 * z2))
            * weight;
    }
    let root = (2.0 * PI).sqrt();
    let (mut s2, mut s3) = (0.0, 0.0);
    for i in 1..60 {
        let x2 = (i * i) as f64 * pi2;
        let weight = (-x2 / (2.0 * z2)).exp();
        s2 += x2 * weight;
        s3 += (3.0 * z2 * x2 - x2 * x2) * weight;
    }
    let half = (PI / 2.0).sqrt();
    let first = root / z * k0;
    let second = root / (z4 * 6.0) * k1;
    let third = root / (z.powi(7) * 72.0) * k2 - half / (18.0 * z2 * z) * s2;
    let fourth = root / (z.powi(10) * 6480.0) * k3 + half / (108.0 * z6) * s3;
    first + second / n.sqrt() + third / n + fourth / (n * n.sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(got: f64, want: f64) {
        assert!((got - want).abs() <= 1e-9 + 1e-6 * want, "{got} is not {want}");
    }

    #[test]
    fn tails_agree_with_scipy() {
        for (n, d, want) in ONE {
            close(one_sample_tail(n, d), want);
        }
        for (m, n, d, want) in TWO {
            close(two_sample_tail(d, m, n), want);
        }
    }

    include!("kolmogorov_expected.rs");
}
