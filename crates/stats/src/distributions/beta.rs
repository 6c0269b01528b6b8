//! The beta distribution for counts of any size.
//!
//! Invariants: every loop is bounded, and millions of rows are answered as exactly as ten. `statrs` gives its continued
//! fraction 140 steps and takes differences of logarithms of gamma functions, which is too little from some ten thousand
//! rows on, and its quantile never returns from some seven million.

use statrs::function::gamma::ln_gamma;
use std::f64::consts::PI;

/// Steps of the continued fraction; it needs a few times the square root of the larger parameter.
const MAX_STEPS: u32 = 200_000;
/// Steps towards a quantile; Newton's need about ten.
const MAX_TRIES: u32 = 200;

/// P(X <= x) of a beta distribution with positive `a` and `b`.
pub fn beta_share(a: f64, b: f64, x: f64) -> f64 {
    if x.is_nan() || a.is_nan() || b.is_nan() {
        return f64::NAN;
    }
    if x <= 0.0 || x >= 1.0 {
        return if x >= 1.0 { 1.0 } else { 0.0 };
    }
    // The fraction converges on the side of the mean where there is less.
    let share = if x < (a + 1.0) / (a + b + 2.0) {
        weight(a, b, x, 1.0 - x) * fraction(a, b, x) / a
    } else {
        1.0 - weight(b, a, 1.0 - x, x) * fraction(b, a, 1.0 - x) / b
    };
    share.clamp(0.0, 1.0)
}

/// The x with P(X <= x) = `p` of a beta distribution; 0 where `a` is 0 and 1 where `b` is 0.
pub fn beta_quantile(p: f64, a: f64, b: f64) -> f64 {
    if a <= 0.0 || p <= 0.0 {
        return 0.0;
    }
    if b <= 0.0 || p >= 1.0 {
        return 1.0;
    }
    if p.is_nan() || a.is_nan() || b.is_nan() {
        return f64::NAN;
    }
    let (mut low, mut high, mut x) = (0.0, 1.0, a / (a + b));
    for _ in 0..MAX_TRIES {
        let share = beta_share(a, b, x);
        if share < p {
            low = x;
        } else {
            high = x;
        }
        let newton = x - (share - p) * x * (1.0 - x) / weight(a, b, x, 1.0 - x);
        // Halving where Newton's step leaves what is known, or has no slope to go by.
        let next = if newton > low && newton < high { newton } else { 0.5 * (low + high) };
        if (next - x).abs() <= 1e-14 * next {
            return next;
        }
        x = next;
    }
    x
}

/// `x^a y^b / B(a, b)` where `x + y` is 1, by the deviances of Loader (2000), in which large logarithms do not cancel.
fn weight(a: f64, b: f64, x: f64, y: f64) -> f64 {
    let n = a + b;
    // By the smaller of the two, which is the exact one.
    let more = if x < y { a - n * x } else { n * y - b };
    let log = stirling_error(n) - stirling_error(a) - stirling_error(b) - deviance(a, more) - deviance(b, -more);
    log.exp() * (a / n * b / (2.0 * PI)).sqrt()
}

/// What Stirling's formula lacks of the logarithm of n factorial.
fn stirling_error(n: f64) -> f64 {
    if n <= 15.0 {
        return ln_gamma(n + 1.0) - (n + 0.5) * n.ln() + n - 0.5 * (2.0 * PI).ln();
    }
    let square = n * n;
    (1.0 / 12.0 - (1.0 / 360.0 - (1.0 / 1260.0 - (1.0 / 1680.0 - 1.0 / 1188.0 / square) / square) / square) / square)
        / n
}

/// `x ln(x / mean) + mean - x` of an `x` that is `more` than the mean; a series where that would cancel.
fn deviance(x: f64, more: f64) -> f64 {
    let mean = x - more;
    if more.abs() >= 0.1 * (x + mean) {
        return x * (x / mean).ln() - more;
    }
    let v = more / (x + mean);
    let (mut sum, mut term) = (more * v, 2.0 * x * v);
    for odd in (3..2000u32).step_by(2) {
        term *= v * v;
        let next = sum + term / f64::from(odd);
        if next == sum {
            break;
        }
        sum = next;
    }
    sum
}

/// The continued fraction of the incomplete beta function, by Lentz's method.
fn fraction(a: f64, b: f64, x: f64) -> f64 {
    let away = |value: f64| if value.abs() < 1e-300 { 1e-300 } else { value };
    let mut c = 1.0;
    let mut d = 1.0 / away(1.0 - (a + b) * x / (a + 1.0));
    let mut product = d;
    for step in 1..MAX_STEPS {
        let m = f64::from(step);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        d = 1.0 / away(1.0 + even * d);
        c = away(1.0 + even / c);
        product *= d * c;
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        d = 1.0 / away(1.0 + odd * d);
        c = away(1.0 + odd / c);
        product *= d * c;
        if (d * c - 1.0).abs() <= 4.0 * f64::EPSILON {
            break;
        }
    }
    product
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(got: f64, want: f64, tolerance: f64) {
        assert!((got - want).abs() <= tolerance * want.abs(), "{got:e} is not {want:e}");
    }

    #[test]
    fn shares_agree_with_scipy_from_ten_rows_to_a_billion() {
        // scipy 1.17: special.betainc
        close(beta_share(2.5, 7.0, 0.3), 0.6412224629717214, 1e-11);
        close(beta_share(5000.0, 5000.0, 0.49), 0.02274203232457461, 1e-11);
        close(beta_share(1e6, 9e6, 0.1), 0.5001121392253266, 1e-11);
        close(beta_share(1e6, 9e6, 0.0999), 0.14591309077419812, 1e-10);
        close(beta_share(0.5, 1e7, 1e-7), 0.8427007981385591, 1e-11);
        close(beta_share(300.5, 9e6, 4e-5), 0.9994198682085677, 1e-11);
        close(beta_share(2.5e6, 0.5, 0.9999995), 0.11384627091315794, 1e-9);
        close(beta_share(1e9, 1e9, 0.50001), 0.8144533152313072, 1e-9);
    }

    #[test]
    fn quantiles_agree_with_scipy_and_always_come_back() {
        // scipy 1.17: stats.beta.ppf
        close(beta_quantile(0.95, 1.0, 1e7), 2.9957318248334424e-07, 1e-11);
        close(beta_quantile(0.05, 3.0, 1e7), 8.176913319638623e-08, 1e-11);
        close(beta_quantile(0.95, 1_000_001.0, 9e6), 0.10015618003222336, 1e-12);
        close(beta_quantile(0.05, 1_000_001.0, 9e6), 0.09984409093011282, 1e-11);
        close(beta_quantile(0.025, 1e7, 1.0), 0.9999996311121226, 1e-12);
        close(beta_quantile(1e-6, 1e9, 3e9), 0.249967456428341, 1e-11);
        close(beta_quantile(0.9, 7.5, 2.5e9), 4.461425900563723e-9, 1e-7);
        close(beta_quantile(0.3, 0.5, 0.5), 0.2061073738537634, 1e-12);
        for (p, a, b) in [(0.95, 1e15, 1.0), (1e-300, 1e7, 1e7), (0.5, 1e-3, 1e-3), (0.999_999_999, 1.0, 1e18)] {
            assert!((0.0..=1.0).contains(&beta_quantile(p, a, b)), "{p} {a} {b}");
        }
    }

    #[test]
    fn the_quantile_is_where_the_share_is_reached() {
        for rows in [20u64, 9_999, 700_000, 8_000_000, 300_000_000] {
            for hits in [0, 1, rows / 1000, rows / 3, rows - 1] {
                let (a, b) = (hits as f64 + 1.0, (rows - hits) as f64);
                for p in [0.001, 0.05, 0.95] {
                    let share = beta_share(a, b, beta_quantile(p, a, b));
                    assert!((share / p - 1.0).abs() < 1e-5, "{share} is not {p} at {a}, {b}");
                }
            }
        }
    }
}
