//! Evidently's (0.7) drift scores and default preset, as they are: bins over reference *and* current pooled, zero shares
//! filled, the reference taken for exact truth in its chi-square. For comparison; the defaults of this crate differ.

use super::bins::{BinRule, histogram, rule_edges};
use crate::distributions::chi2_tail;
use crate::drift::shares::{hellinger, js_distance, kl_divergence, shares, tvd};
use crate::drift::{Sample, ks_and_w1, ks_test, two_proportions};
use crate::outcome::{MetricResult, Unmeasured};

/// Zero shares become a millionth of the smallest share, or 1e-4 where that is larger than 1e-4.
pub fn filled(shares: &[f64]) -> Vec<f64> {
    let least = shares.iter().copied().filter(|share| *share > 0.0).fold(f64::INFINITY, f64::min);
    let fill = if least <= 1e-4 { least / 1e6 } else { 1e-4 };
    shares.iter().map(|share| if *share == 0.0 { fill } else { *share }).collect()
}

/// PSI of two share vectors with filled zeros.
pub fn psi(p: &[f64], q: &[f64]) -> f64 {
    let (p, q) = (filled(p), filled(q));
    p.iter().zip(&q).map(|(p, q)| (p - q) * (p / q).ln()).sum()
}

/// Kullback-Leibler divergence of two share vectors with filled zeros, renormalised.
pub fn kl(p: &[f64], q: &[f64]) -> f64 {
    kl_divergence(&shares(&filled(p)), &shares(&filled(q)))
}

/// Shares of a numeric column in its bins: Sturges' over the pooled sample when the reference has more than 20 distinct
/// values, else one bin a value.
pub fn numeric_shares(reference: &Sample, current: &Sample) -> (Vec<f64>, Vec<f64>) {
    let mut distinct = reference.values().to_vec();
    distinct.dedup();
    let mut pooled: Vec<f64> = reference.values().iter().chain(current.values()).copied().collect();
    pooled.sort_unstable_by(f64::total_cmp);
    if distinct.len() > 20 {
        let edges = rule_edges(&pooled, BinRule::Sturges);
        let of = |sample: &Sample| {
            let rows = sample.rows() as f64;
            histogram(sample.values(), &edges).iter().map(|count| count / rows).collect()
        };
        return (of(reference), of(current));
    }
    pooled.dedup();
    let count = |sample: &Sample, value: &f64| {
        let values = sample.values();
        (values.partition_point(|x| x <= value) - values.partition_point(|x| x < value)) as f64
    };
    let of = |sample: &Sample| pooled.iter().map(|value| count(sample, value) / sample.rows() as f64).collect();
    (of(reference), of(current))
}

/// Hellinger's distance of a numeric column: densities over Sturges edges of the set of distinct values.
pub fn numeric_hellinger(reference: &Sample, current: &Sample) -> f64 {
    let mut distinct: Vec<f64> = reference.values().iter().chain(current.values()).copied().collect();
    distinct.sort_unstable_by(f64::total_cmp);
    distinct.dedup();
    let edges = rule_edges(&distinct, BinRule::Sturges);
    hellinger(&shares(&histogram(reference.values(), &edges)), &shares(&histogram(current.values(), &edges)))
}

/// Wasserstein's distance over the reference's standard deviation (ddof 0), which counts as at least 0.001.
pub fn wasserstein_norm(reference: &Sample, current: &Sample) -> MetricResult<f64> {
    Ok(ks_and_w1(reference.values(), current.values())?.1 / reference.mean_and_sd(0.0)?.1.max(1e-3))
}

/// P-value of a goodness-of-fit chi-square that takes the reference for exact truth. A category without reference rows
/// makes it zero.
pub fn chi2_goodness_p(reference: &[f64], current: &[f64]) -> MetricResult<f64> {
    let (m, n): (f64, f64) = (reference.iter().sum(), current.iter().sum());
    if m <= 0.0 || n <= 0.0 {
        return Err(Unmeasured::too_few("rows in one of the samples", 0, 1));
    }
    let pairs: Vec<(f64, f64)> =
        reference.iter().zip(current).map(|(a, b)| (*a, *b)).filter(|(a, b)| a + b > 0.0).collect();
    let statistic: f64 = pairs
        .iter()
        .map(|(a, b)| {
            let expected = a * n / m;
            (b - expected).powi(2) / expected
        })
        .sum();
    if pairs.len() < 2 {
        return Ok(1.0);
    }
    Ok(chi2_tail(statistic, pairs.len() as f64 - 1.0))
}

/// What the default preset says of a column.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PresetReading {
    /// The test or distance it chose.
    pub test: &'static str,
    /// Its p-value or distance.
    pub score: f64,
    /// The threshold: p-values alarm below, distances at or above.
    pub threshold: f64,
    /// Whether it calls the column drifted.
    pub drifted: bool,
}

fn by_p(test: &'static str, p: f64) -> PresetReading {
    let drifted = if test == "ks" { p <= 0.05 } else { p < 0.05 };
    PresetReading { test, score: p, threshold: 0.05, drifted }
}

fn by_distance(test: &'static str, distance: f64) -> PresetReading {
    PresetReading { test, score: distance, threshold: 0.1, drifted: distance >= 0.1 }
}

/// The default preset on a numeric column. `None` in `distinct_limit` cases is resolved by [`preset_categorical`]: a
/// numeric column of at most five distinct values is treated as categories.
pub fn preset_numeric(reference: &Sample, current: &Sample) -> MetricResult<PresetReading> {
    let mut distinct: Vec<f64> = reference.values().iter().chain(current.values()).copied().collect();
    distinct.sort_unstable_by(f64::total_cmp);
    distinct.dedup();
    if distinct.len() <= 5 {
        let count = |sample: &Sample| -> Vec<f64> {
            let values = sample.values();
            distinct
                .iter()
                .map(|at| (values.partition_point(|x| x <= at) - values.partition_point(|x| x < at)) as f64)
                .collect()
        };
        return preset_categorical(&count(reference), &count(current));
    }
    if reference.rows() <= 1000 {
        return Ok(by_p("ks", ks_test(reference, current)?.p));
    }
    Ok(by_distance("wasserstein", wasserstein_norm(reference, current)?))
}

/// The default preset on counts of categories (in ascending order of their names; the first is the z test's base).
pub fn preset_categorical(reference: &[f64], current: &[f64]) -> MetricResult<PresetReading> {
    let (m, n): (f64, f64) = (reference.iter().sum(), current.iter().sum());
    let present = reference.iter().zip(current).filter(|(a, b)| **a + **b > 0.0).count();
    if m > 1000.0 {
        return Ok(by_distance("jensenshannon", js_distance(&shares(reference), &shares(current))));
    }
    if present > 2 {
        return Ok(by_p("chisquare", chi2_goodness_p(reference, current)?));
    }
    let rest = |counts: &[f64], total: f64| (total - counts.first().copied().unwrap_or(0.0)) as u64;
    // One category alone cannot differ.
    let p = two_proportions((rest(reference, m), m as u64), (rest(current, n), n as u64)).map_or(1.0, |test| test.p);
    Ok(by_p("z", p))
}

/// Total variation distance of counts.
pub fn total_variation(reference: &[f64], current: &[f64]) -> f64 {
    tvd(&shares(reference), &shares(current))
}
