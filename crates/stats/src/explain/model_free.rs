//! Explanations that never look inside of a model: they only ask it again.
//!
//! The caller holds the rows, whatever their types, and answers two questions: what is the metric when one column is
//! shuffled, and what are the predictions when one column holds one value.

use crate::distributions::student_margin;
use crate::outcome::{Estimate, MetricResult, Unmeasured, all_finite};
use crate::random::Random;

/// Shuffles of one column.
const MAX_REPEATS: usize = 1000;

/// How a column is shuffled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shuffles {
    /// Shuffles of each column, from 2 to 1,000.
    pub count: usize,
    /// The same seed gives the same shuffles.
    pub seed: u64,
}

/// By how much a metric gets worse when a column is shuffled (Breiman 2001), in the unit of the metric: its mean over the
/// shuffles, with Student's interval of that mean (the luck of the shuffles, not of the rows). One entry a column.
///
/// `measure(None)` is the metric on the rows as they are; `measure(Some((column, order)))` with row i taking the column's
/// value from row `order[i]`. Fails when a metric cannot be measured, and with fewer than two rows or repeats.
pub fn permutation_importance(
    columns: usize,
    rows: usize,
    Shuffles { count: repeats, seed }: Shuffles,
    larger_is_better: bool,
    mut measure: impl FnMut(Option<(usize, &[usize])>) -> MetricResult<f64>,
) -> MetricResult<Vec<Estimate>> {
    if rows < 2 || !(2..=MAX_REPEATS).contains(&repeats) {
        let why = format!("{rows} rows, {repeats} repeats; at least two of each, and at most {MAX_REPEATS} repeats");
        return Err(Unmeasured::bad_input("permutation importance", why));
    }
    let sign = if larger_is_better { 1.0 } else { -1.0 };
    let plain = measure(None)?;
    let mut random = Random::seeded(seed);
    let mut order: Vec<usize> = (0..rows).collect();
    let mut one = |column: usize| {
        let mut drops = Vec::with_capacity(repeats);
        for _ in 0..repeats {
            random.shuffle(&mut order);
            drops.push(sign * (plain - measure(Some((column, &order)))?));
        }
        all_finite("metric", &drops)?;
        let n = repeats as f64;
        let mean = drops.iter().sum::<f64>() / n;
        let variance = drops.iter().map(|drop| (drop - mean).powi(2)).sum::<f64>() / (n - 1.0);
        let margin = student_margin(0.95, n - 1.0) * (variance / n).sqrt();
        Estimate::around(mean, margin, (f64::NEG_INFINITY, f64::INFINITY), 0.95, repeats as u64)
    };
    (0..columns).map(&mut one).collect()
}

/// How predictions move with one column: partial dependence (Friedman 2001) and each row's own curve (ICE, Goldstein et
/// al. 2015).
#[derive(Debug, Clone, PartialEq)]
pub struct Dependence {
    /// Values of the column.
    pub grid: Vec<f64>,
    /// Mean prediction over all rows at each of them.
    pub mean: Vec<f64>,
    /// By kept row, its prediction at each of them. Rows are kept evenly from first to last.
    pub individual: Vec<Vec<f64>>,
}

/// Predictions with the column set to each value of `grid` in turn: `predict(value)` answers all rows. At most `keep`
/// rows' own curves are kept.
pub fn dependence(
    grid: &[f64],
    keep: usize,
    mut predict: impl FnMut(f64) -> MetricResult<Vec<f64>>,
) -> MetricResult<Dependence> {
    all_finite("grid", grid)?;
    let mut made = Dependence { grid: grid.to_vec(), mean: Vec::with_capacity(grid.len()), individual: Vec::new() };
    let mut rows = None;
    for value in grid {
        let answers = predict(*value)?;
        all_finite("prediction", &answers)?;
        if answers.is_empty() || rows.is_some_and(|rows| rows != answers.len()) {
            let why = format!("{} rows were answered, before {rows:?}", answers.len());
            return Err(Unmeasured::bad_input("predictions", why));
        }
        let count = answers.len();
        let kept = keep.min(count);
        if rows.replace(count).is_none() {
            made.individual = vec![Vec::with_capacity(grid.len()); kept];
        }
        made.mean.push(answers.iter().sum::<f64>() / count as f64);
        for (at, curve) in made.individual.iter_mut().enumerate() {
            curve.push(answers[at * count / kept]);
        }
    }
    match rows {
        Some(_) => Ok(made),
        None => Err(Unmeasured::too_few("values of the grid", 0, 1)),
    }
}

/// Values at which to ask: all different ones of `values`, or, where there are more than `points`, evenly between their
/// 5 % and 95 % quantiles (scikit-learn's default grid). Missing and infinite values are left out.
pub fn dependence_grid(values: &[f64], points: usize) -> MetricResult<Vec<f64>> {
    let mut sorted: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    let mut different = sorted.clone();
    different.dedup();
    if different.is_empty() || points < 2 {
        return Err(Unmeasured::too_few("values of the column or points", different.len().min(points), 2));
    }
    if different.len() <= points {
        return Ok(different);
    }
    let n = sorted.len();
    // scipy.stats.mstats.mquantiles with its default plotting positions.
    let quantile = |p: f64| {
        let place = n as f64 * p + 0.4 + 0.2 * p;
        let below = place.floor().clamp(1.0, n as f64 - 1.0);
        let share = (place - below).clamp(0.0, 1.0);
        (1.0 - share) * sorted[below as usize - 1] + share * sorted[below as usize]
    };
    let (low, high) = (quantile(0.05), quantile(0.95));
    Ok((0..points).map(|at| low + (high - low) * at as f64 / (points - 1) as f64).collect())
}
