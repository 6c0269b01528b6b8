//! Values beyond the reference's extremes, judged by what two samples of one law would show.
//!
//! Any two samples of a continuous law exceed each other: of `n` new values about `2 n / (m + 1)` lie outside of what `m`
//! old ones spanned. So "any value out of range" would warn on most columns that did not change.

use crate::sequential::RateVerdict;

/// Evidence from which values out of range are worth a look.
const STRANGE: f64 = 1e-3;
/// And from which they are worth acting on, if the default rule for rates says so too.
const VERY_STRANGE: f64 = 1e-6;

/// P(at least `beyond` of `n` new values lie outside the range of `m` old ones) when both are of one continuous law.
pub(super) fn p_out_of_range(beyond: u64, m: u64, n: u64) -> f64 {
    if beyond == 0 || m == 0 || n == 0 {
        return 1.0;
    }
    // On each side the new values that lie beyond are a run at the end of the pooled order: nearly geometric.
    let new = n as f64 / (m + n) as f64;
    let k = beyond as f64;
    ((k * new.ln()).exp() * (1.0 + k * (1.0 - new))).min(1.0)
}

/// The verdict of the default rule for rates, lowered to what the order of two samples supports.
pub(super) fn judged(verdict: RateVerdict, p: f64) -> RateVerdict {
    match verdict {
        RateVerdict::Alert if p <= VERY_STRANGE => RateVerdict::Alert,
        RateVerdict::Calm => RateVerdict::Calm,
        _ if p <= STRANGE => RateVerdict::Warning,
        _ => RateVerdict::Calm,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    #[test]
    fn the_tail_is_that_of_simulated_samples() {
        let mut random = Random::seeded(5);
        let (m, n, rounds) = (200, 100, 4000);
        let mut counts = vec![0u32; n + 1];
        for _ in 0..rounds {
            let old: Vec<f64> = (0..m).map(|_| random.uniform()).collect();
            let (low, high) = old.iter().fold((1.0f64, 0.0f64), |(a, b), x| (a.min(*x), b.max(*x)));
            let beyond = (0..n).filter(|_| !(low..=high).contains(&random.uniform())).count();
            counts[beyond] += 1;
        }
        for k in 1..6 {
            let seen = counts[k..].iter().sum::<u32>() as f64 / f64::from(rounds);
            let p = p_out_of_range(k as u64, m as u64, n as u64);
            assert!((seen - p).abs() < 0.03, "{k}: {seen} {p}");
        }
    }

    #[test]
    fn nothing_beyond_is_no_evidence_and_everything_beyond_is_all() {
        assert_eq!(p_out_of_range(0, 10, 10), 1.0);
        assert!(p_out_of_range(1000, 1000, 1000) < 1e-200);
    }
}
