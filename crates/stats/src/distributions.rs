//! Tails and quantiles of the distributions that tests and intervals need.
//!
//! Thin names over `statrs`, which panics on arguments outside of a function's domain: here they answer NaN. Quantiles
//! are refined by Newton steps on the tail itself, so both directions agree. Tails of rows without bound are our own.

mod beta;

pub use beta::{beta_quantile, beta_share};

use statrs::function::erf::{erfc, erfc_inv};
use statrs::function::gamma::{gamma_ur, ln_gamma};
use std::f64::consts::{PI, SQRT_2};

/// P(Z <= x) of a standard normal.
pub fn normal_cdf(x: f64) -> f64 {
    0.5 * erfc(-x / SQRT_2)
}

/// P(|Z| >= |x|) of a standard normal.
pub fn normal_two_sided(x: f64) -> f64 {
    erfc(x.abs() / SQRT_2)
}

/// The x with P(Z <= x) = `p`; infinite at 0 and 1.
pub fn normal_quantile(p: f64) -> f64 {
    if p <= 0.0 {
        return f64::NEG_INFINITY;
    }
    if p >= 1.0 {
        return f64::INFINITY;
    }
    let mut x = -SQRT_2 * erfc_inv(2.0 * p);
    for _ in 0..2 {
        let density = (-0.5 * x * x).exp() / (2.0 * PI).sqrt();
        if density > 0.0 {
            x -= (normal_cdf(x) - p) / density;
        }
    }
    x
}

/// The half width, in standard errors, of a two-sided normal interval of confidence `level`.
pub fn normal_margin(level: f64) -> f64 {
    normal_quantile(0.5 + 0.5 * level)
}

/// P(X >= x) of a chi-square with `df` degrees of freedom.
pub fn chi2_tail(x: f64, df: f64) -> f64 {
    if x.is_nan() || df.is_nan() || df <= 0.0 {
        return f64::NAN;
    }
    if x <= 0.0 {
        return 1.0;
    }
    if x.is_infinite() { 0.0 } else { gamma_ur(0.5 * df, 0.5 * x) }
}

/// P(|T| >= |t|) of Student's t with `df` degrees of freedom (any positive number).
pub fn student_two_sided(t: f64, df: f64) -> f64 {
    if t.is_nan() || df.is_nan() || df <= 0.0 {
        return f64::NAN;
    }
    if t == 0.0 {
        return 1.0;
    }
    beta_share(0.5 * df, 0.5, df / (df + t * t))
}

/// The half width, in standard errors, of a two-sided Student interval of confidence `level`.
pub fn student_margin(level: f64, df: f64) -> f64 {
    if df > 1e6 {
        return normal_margin(level);
    }
    if df.is_nan() || df <= 0.0 {
        return f64::INFINITY;
    }
    // By the complement of the tail's share, which stays exact where the tail is short.
    let x = beta_quantile(level.clamp(0.0, 1.0), 0.5, 0.5 * df);
    if x >= 1.0 { f64::INFINITY } else { (df * x / (1.0 - x)).sqrt() }
}

/// Natural logarithm of the beta function.
pub fn ln_beta(a: f64, b: f64) -> f64 {
    ln_gamma(a) + ln_gamma(b) - ln_gamma(a + b)
}

/// Natural logarithm of n choose k.
pub fn ln_choose(n: f64, k: f64) -> f64 {
    ln_gamma(n + 1.0) - ln_gamma(k + 1.0) - ln_gamma(n - k + 1.0)
}

/// P(K >= x) of the Kolmogorov limit distribution (sup of a Brownian bridge).
pub fn kolmogorov_tail(x: f64) -> f64 {
    if x <= 0.0 {
        return 1.0;
    }
    if x < 1.0 {
        // The theta-function dual converges where the alternating sum does not.
        let sum: f64 = (1..=20).map(|k| (-((2 * k - 1) as f64 * PI / x).powi(2) / 8.0).exp()).sum();
        return (1.0 - (2.0 * PI).sqrt() / x * sum).clamp(0.0, 1.0);
    }
    let sum: f64 =
        (1..=100).map(|k: i32| if k % 2 == 1 { 1.0 } else { -1.0 } * (-2.0 * (k as f64 * x).powi(2)).exp()).sum();
    (2.0 * sum).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(got: f64, want: f64) {
        assert!((got - want).abs() <= 1e-9 * want.abs() + 1e-300, "{got} is not {want}");
    }

    #[test]
    fn tails_agree_with_the_tables() {
        // scipy 1.17: norm.ppf, chi2.sf, t.sf, kstwobign.sf, binom.sf
        close(normal_quantile(0.975), 1.959963984540054);
        close(normal_quantile(1e-10), -6.361340902404056);
        close(chi2_tail(10.0, 3.0), 0.01856613546304325);
        close(chi2_tail(200.0, 5.0), 2.8406228986415534e-41);
        close(student_two_sided(2.5, 7.0), 0.04099221858575289);
        close(student_margin(0.95, 7.0), 2.364624251592784);
        close(kolmogorov_tail(0.5), 0.9639452436648751);
        close(kolmogorov_tail(1.5), 0.022217962616525127);
    }
}
