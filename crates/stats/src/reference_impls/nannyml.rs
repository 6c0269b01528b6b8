//! NannyML's (0.13) univariate drift methods, alert band and sampling errors, as they are.
//!
//! The band is mean +- 3 standard deviations (ddof 0) of a measure over reference chunks; with ten chunks that is no
//! 0.27 % rule. For comparison; the alarms of this crate are in `sequential`.

use super::bins::{BinRule, even_edges, histogram, rule_edges};
use crate::distributions::chi2_tail;
use crate::drift::shares::{js_distance_base2, l_infinity, shares};
use crate::drift::{Sample, ks_and_w1};
use crate::outcome::{MetricResult, Unmeasured};

/// Reference rows from which KS and Wasserstein use 10,000 equal-width bins.
const BINNED_FROM: usize = 10_000;

/// A drift method of a numeric column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Numeric {
    /// KS distance.
    KolmogorovSmirnov,
    /// Jensen-Shannon distance, base 2, on Doane's bins of the reference.
    JensenShannon,
    /// Wasserstein-1, not normalised.
    Wasserstein,
    /// Hellinger distance on Doane's bins of the reference.
    Hellinger,
}

/// A numeric method fitted on reference values.
#[derive(Debug, Clone)]
pub struct NumericDrift {
    method: Numeric,
    reference: Sample,
    edges: Vec<f64>,
    shares: Vec<f64>,
}

impl NumericDrift {
    /// Fits; fails without values.
    pub fn fit(method: Numeric, reference: &Sample) -> MetricResult<Self> {
        let values = reference.values();
        let (Some(low), Some(high)) = (values.first(), values.last()) else {
            return Err(Unmeasured::too_few("reference values", 0, 1));
        };
        let edges = match method {
            Numeric::JensenShannon | Numeric::Hellinger => rule_edges(values, BinRule::Doane),
            _ if values.len() < BINNED_FROM => Vec::new(),
            _ if low == high => even_edges(low - 0.5, high + 0.5, BINNED_FROM),
            _ => even_edges(*low, *high, BINNED_FROM),
        };
        let rows = values.len() as f64;
        let shares = histogram(values, &edges).iter().map(|count| count / rows).collect();
        Ok(NumericDrift { method, reference: reference.clone(), edges, shares })
    }

    /// The method's value on a chunk; fails without values.
    pub fn at(&self, chunk: &Sample) -> MetricResult<f64> {
        let values = chunk.values();
        if values.is_empty() {
            return Err(Unmeasured::too_few("values in the chunk", 0, 1));
        }
        let rows = values.len() as f64;
        match self.method {
            Numeric::JensenShannon | Numeric::Hellinger => {
                let inside: Vec<f64> = histogram(values, &self.edges).iter().map(|count| count / rows).collect();
                Ok(leftover_distance(self.method == Numeric::JensenShannon, &self.shares, &inside))
            }
            Numeric::KolmogorovSmirnov if self.edges.is_empty() => Ok(ks_and_w1(self.reference.values(), values)?.0),
            Numeric::Wasserstein if self.edges.is_empty() => Ok(ks_and_w1(self.reference.values(), values)?.1),
            Numeric::KolmogorovSmirnov => {
                let below = values.partition_point(|x| *x < self.edges[0]) as f64 / rows;
                Ok(self.cumulated_gaps(values, below).fold(0.0, f64::max))
            }
            Numeric::Wasserstein => Ok(self.binned_wasserstein(values)),
        }
    }

    fn cumulated_gaps<'a>(&'a self, values: &'a [f64], below: f64) -> impl Iterator<Item = f64> + 'a {
        let rows = values.len() as f64;
        let (mut f, mut g) = (0.0, below);
        histogram(values, &self.edges).into_iter().zip(&self.shares).map(move |(count, share)| {
            f += share;
            g += count / rows;
            f64::abs(f - g)
        })
    }

    /// Values outside of the reference's range weigh (k + 1) / n here, as there.
    fn binned_wasserstein(&self, values: &[f64]) -> f64 {
        let rows = values.len() as f64;
        let (low, high) = (self.edges[0], self.edges[self.edges.len() - 1]);
        let smaller = &values[..values.partition_point(|x| *x < low)];
        let bigger = &values[values.partition_point(|x| *x <= high)..];
        let weight = |part: &[f64]| if part.is_empty() { 0.0 } else { (part.len() as f64 + 1.0) / rows };
        // The integral of the distribution function of the values with the border added, and of its complement.
        let reach_low: f64 = smaller.iter().map(|x| low - x).sum::<f64>() / (smaller.len() as f64 + 1.0);
        let reach_high: f64 = bigger.iter().map(|x| x - high).sum::<f64>() / (bigger.len() as f64 + 1.0);
        let width = self.edges[1] - self.edges[0];
        let within: f64 = self.cumulated_gaps(values, weight(smaller)).sum::<f64>() * width;
        within + reach_low * weight(smaller) + reach_high * weight(bigger)
    }
}

fn leftover_distance(jensen_shannon: bool, reference: &[f64], inside: &[f64]) -> f64 {
    let leftover = 1.0 - inside.iter().sum::<f64>();
    let (mut p, mut q) = (reference.to_vec(), inside.to_vec());
    if leftover > 0.0 {
        p.push(0.0);
        q.push(leftover);
    }
    if jensen_shannon {
        return js_distance_base2(&shares(&p), &shares(&q));
    }
    let sum: f64 = p.iter().zip(&q).map(|(p, q)| (p.sqrt() - q.sqrt()).powi(2)).sum();
    (0.5 * sum).sqrt()
}

/// A drift method of a categorical column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Categorical {
    /// Chi-square of homogeneity, with Yates' correction for two categories.
    Chi2,
    /// Jensen-Shannon distance, base 2; unseen values are one category.
    JensenShannon,
    /// Largest difference of a share.
    LInfinity,
    /// Hellinger distance; unseen values are one category.
    Hellinger,
}

/// The value of a categorical method and, for chi-square, its p-value. Counts share their categories.
pub fn categorical(method: Categorical, reference: &[f64], chunk: &[f64]) -> MetricResult<(f64, Option<f64>)> {
    let (m, n): (f64, f64) = (reference.iter().sum(), chunk.iter().sum());
    if m <= 0.0 || n <= 0.0 {
        return Err(Unmeasured::too_few("values in the reference or the chunk", 0, 1));
    }
    let (p, q) = (shares(reference), shares(chunk));
    match method {
        Categorical::Chi2 => {
            let (statistic, p) = corrected_chi2(reference, chunk, m, n);
            Ok((statistic, Some(p)))
        }
        Categorical::LInfinity => Ok((l_infinity(&p, &q), None)),
        _ => {
            let seen: Vec<usize> = (0..p.len()).filter(|i| p[*i] > 0.0).collect();
            let pick = |shares: &[f64]| seen.iter().map(|i| shares[*i]).collect::<Vec<f64>>();
            Ok((leftover_distance(method == Categorical::JensenShannon, &pick(&p), &pick(&q)), None))
        }
    }
}

fn corrected_chi2(reference: &[f64], chunk: &[f64], m: f64, n: f64) -> (f64, f64) {
    let pairs: Vec<(f64, f64)> =
        reference.iter().zip(chunk).map(|(a, b)| (*a, *b)).filter(|(a, b)| a + b > 0.0).collect();
    let freedom = pairs.len().saturating_sub(1);
    if freedom == 0 {
        return (0.0, 1.0);
    }
    let cell = |seen: f64, expected: f64| {
        let gap = (seen - expected).abs();
        let gap = if freedom == 1 { gap - gap.min(0.5) } else { gap };
        gap * gap / expected
    };
    let statistic = pairs
        .iter()
        .map(|(a, b)| {
            let share = (a + b) / (m + n);
            cell(*a, share * m) + cell(*b, share * n)
        })
        .sum();
    (statistic, chi2_tail(statistic, freedom as f64))
}

/// The alert band of a measure: mean +- 3 standard deviations (ddof 0) over reference chunks, cut to `limits`.
/// Undefined values (NaN) are left out. `None` without any value.
pub fn band(values: &[f64], limits: (Option<f64>, Option<f64>)) -> Option<(f64, f64)> {
    let defined: Vec<f64> = values.iter().copied().filter(|value| !value.is_nan()).collect();
    if defined.is_empty() {
        return None;
    }
    let n = defined.len() as f64;
    let mean = defined.iter().sum::<f64>() / n;
    let sd = (defined.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / n).sqrt();
    let low = limits.0.map_or(mean - 3.0 * sd, |limit| limit.max(mean - 3.0 * sd));
    let high = limits.1.map_or(mean + 3.0 * sd, |limit| limit.min(mean + 3.0 * sd));
    Some((low, high))
}

/// Sampling errors, learned on reference rows and scaled to a chunk.
pub mod sampling_error {
    /// A standard deviation and the share of rows it applies to; the error on `n` rows is `sd / sqrt(n * share)`.
    #[derive(Debug, Clone, Copy, PartialEq)]
    pub struct Component {
        /// Standard deviation (ddof 0) of the row-level quantity.
        pub sd: f64,
        /// Share of reference rows that have it.
        pub share: f64,
    }

    impl Component {
        /// The error on a chunk of `n` rows.
        pub fn on(&self, n: usize) -> f64 {
            self.sd / (n as f64 * self.share).sqrt()
        }
    }

    /// A quantity that is `high` in `hits` rows and 0 in `misses`, out of `rows`.
    fn two_valued(high: f64, hits: f64, misses: f64, rows: f64) -> Component {
        let share = hits / (hits + misses);
        Component { sd: high * (share * (1.0 - share)).sqrt(), share: (hits + misses) / rows }
    }

    /// AUC: spread of the share of negatives below each positive (of the rarer class).
    pub fn auc(truth: &[bool], score: &[f64]) -> Component {
        let positives = truth.iter().filter(|truth| **truth).count();
        let flip = 2 * positives > truth.len();
        // Ties come in the order of the sort that was used there, and the number depends on it.
        let keys: Vec<f64> = score.iter().map(|score| if flip { 1.0 - score } else { *score }).collect();
        let order = crate::reference_impls::argsort::argsort(&keys);
        let (mut ranks, mut seen) = (Vec::new(), 0usize);
        for (place, row) in order.iter().enumerate() {
            // A positive at place 0 is lost there, as in the original.
            if truth[*row] != flip && place > 0 {
                ranks.push((place - seen) as f64);
                seen += 1;
            }
        }
        let rare = if flip { truth.len() - positives } else { positives } as f64;
        let n = truth.len() as f64;
        let scaled: Vec<f64> = ranks.iter().map(|rank| rank / (n - rare)).collect();
        Component { sd: spread(&scaled), share: rare / n }
    }

    fn spread(values: &[f64]) -> f64 {
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / n).sqrt()
    }

    /// F1 of two classes.
    pub fn f1(tp: f64, fp: f64, fn_: f64, rows: f64) -> Component {
        two_valued((tp + fp + fn_) / (tp + 0.5 * (fp + fn_)), tp, fp + fn_, rows)
    }

    /// F1 of one class among several: without the correcting factor.
    pub fn class_f1(tp: f64, fp: f64, fn_: f64, rows: f64) -> Component {
        two_valued(1.0, tp, fp + fn_, rows)
    }

    /// A rate of `hits` against `misses`.
    pub fn rate(hits: f64, misses: f64, rows: f64) -> Component {
        two_valued(1.0, hits, misses, rows)
    }

    /// A mean of a row-level loss.
    pub fn mean(losses: &[f64]) -> Component {
        Component { sd: spread(losses), share: 1.0 }
    }

    /// The root of a mean of squared losses.
    pub fn root(squared: &[f64]) -> Component {
        let mean = squared.iter().sum::<f64>() / squared.len() as f64;
        Component { sd: spread(squared) / (2.0 * mean.sqrt()), share: 1.0 }
    }

    /// Several classes' errors on `n` rows, averaged: the root of summed variances over the number of classes, times
    /// `factor` (1.2 for the AUC there).
    pub fn over_classes(classes: &[Component], n: usize, factor: f64) -> f64 {
        let variance: f64 = classes.iter().map(|class| class.on(n).powi(2)).sum();
        variance.sqrt() / classes.len() as f64 * factor
    }
}

/// Its estimated average precision: rows one by one in falling order of score, ties included.
pub fn estimated_average_precision(probability: &[f64], score: &[f64]) -> MetricResult<f64> {
    let mut order: Vec<usize> = (0..score.len()).collect();
    order.sort_by(|a, b| score[*b].total_cmp(&score[*a]));
    let total: f64 = probability.iter().sum();
    if total <= 0.0 {
        return Err(Unmeasured::undefined("average_precision", "no row can be positive"));
    }
    let (mut above, mut sum) = (0.0, 0.0);
    for (place, row) in order.iter().enumerate() {
        above += probability[*row];
        sum += probability[*row] * above / (place + 1) as f64;
    }
    Ok(sum / total)
}

/// Whether its CBPE would calibrate: whether isotonic calibration lowers the calibration error (10 bins of equal mass)
/// of the pooled test parts of ten stratified splits, 90 % to 10 % (scikit-learn's, seed 42). Perfect rankings (AUC above
/// 0.999) are left alone.
pub fn needs_calibration(truth: &[bool], score: &[f64]) -> MetricResult<bool> {
    use crate::performance::{BinaryRows, Labelled, metric};
    use crate::performance_estimation::Isotonic;
    let rows = BinaryRows::scored(truth, score, 0.5)?;
    let Ok(auc) = metric("auc", &Labelled::Binary(rows)) else { return Ok(false) };
    if auc.value > 0.999 {
        return Ok(false);
    }
    let splits = super::numpy_random::stratified_splits(truth, 10, 0.1, 42);
    let splits = splits.ok_or_else(|| Unmeasured::too_few("rows of each class", truth.len(), 20))?;
    // Truth, score and calibrated score of every tested row.
    let mut tested: Vec<[f64; 3]> = Vec::new();
    let number = |row: usize| f64::from(u8::from(truth[row]));
    for split in splits {
        let x: Vec<f64> = split.train.iter().map(|row| score[*row]).collect();
        let y: Vec<f64> = split.train.iter().map(|row| number(*row)).collect();
        let map = Isotonic::fit(&x, &y, None)?;
        tested.extend(split.test.iter().map(|row| [number(*row), score[*row], map.value_at(score[*row])]));
    }
    Ok(calibration_error(&tested, 1) > calibration_error(&tested, 2))
}

/// The calibration error of the probability `column` of rows whose first number is the truth.
fn calibration_error(rows: &[[f64; 3]], column: usize) -> f64 {
    let probability: Vec<f64> = rows.iter().map(|row| row[column]).collect();
    let order = super::argsort::argsort(&probability);
    let n = rows.len();
    let bins = if n <= 20 { (n / 2).max(1) } else { 10 };
    let width = n / bins;
    (0..bins)
        .map(|bin| {
            let to = if bin + 1 == bins { n } else { (bin + 1) * width };
            let gap: f64 = order[bin * width..to].iter().map(|row| rows[*row][column] - rows[*row][0]).sum();
            gap.abs() / n as f64
        })
        .sum()
}

/// Its estimate of `metric`: a rate whose expected denominator is zero counts as 0 there.
pub fn estimated(metric: &str, expected: &crate::performance_estimation::Expected) -> MetricResult<f64> {
    let value = expected.value(metric);
    match metric {
        "f1" | "precision" | "recall" | "specificity" => value.or(Ok(0.0)),
        _ => value,
    }
}

/// Whether its realised `metric` has a value on a chunk with `truths` different labels and `decisions` different
/// predictions: some of them are left open on one class.
pub fn is_realized(metric: &str, truths: usize, decisions: usize) -> bool {
    match metric {
        "accuracy" | "average_precision" => true,
        "roc_auc" => truths > 1,
        "f1" | "precision" | "recall" => truths > 1 && decisions > 1,
        _ => true,
    }
}
