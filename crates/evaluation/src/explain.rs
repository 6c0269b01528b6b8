//! Why a model answers as it does on a table: by column over all rows, and row by row.
//!
//! Invariants: contributions add up; a model that cannot be explained exactly is measured by permutation and called so;
//! of tables with more than [`MAX_ROWS`] rows every so manieth is taken, and how many were is known. Deliberately
//! absent: the Shapley values themselves (`kilter_inference`, `kilter_stats::explain`).

use std::{collections::BTreeMap, sync::Arc};

use kilter_domain::table::{Column, Table};
use kilter_inference::{Attributions, ExplainError, Explainer, Model, PredictError, Prediction, Task};
use kilter_stats::{
    Estimate, MetricResult, Unmeasured,
    association::spearman,
    explain::{Shuffles, permutation_importance},
};

use super::{gate_metrics::Predictions, range_names::range_names};
use crate::labelled_predictions::{headline, larger_is_better};

/// Rows that are explained at most.
pub const MAX_ROWS: usize = 200_000;
/// Rows of a background: the cost of trees grows with them, and the mean hardly moves any more.
pub const BACKGROUND_ROWS: usize = 200;
/// Rows that are shuffled at most, and how often each column is.
const SHUFFLED_ROWS: usize = 10_000;
const SHUFFLES: usize = 5;
/// Rows behind a rank correlation at most.
const RANKED_ROWS: usize = 5_000;
/// Distinct values up to which a column is listed value by value.
const MAX_VALUES: usize = 20;

/// Every so manieth row of a table, and which these are.
pub struct Sampled {
    /// The chosen rows as a table.
    pub table: Table,
    /// Where each of them stands in the table that they are from, ascending.
    pub rows: Vec<usize>,
}

impl Sampled {
    /// At most `most` rows, evenly from first to last.
    pub fn of(table: &Table, most: usize) -> Self {
        let step = table.rows().div_ceil(most.max(1)).max(1);
        let rows: Vec<usize> = (0..table.rows()).step_by(step).collect();
        Self { table: table.take(&rows), rows }
    }
}

/// What attributions start from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Background {
    /// The training rows, as the model file remembers them.
    Training,
    /// Rows of a table.
    Rows(usize),
}

/// The unit that a model adds up in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// The logarithm of the odds of the positive class.
    LogOdds,
    /// The probability of the positive class, 0 to 1.
    Probability,
    /// The value of a regression.
    Value,
    /// The natural logarithm of the value: a regression of counts, amounts or times with a log link.
    LogValue,
    /// A score of the model's own.
    Raw,
}

/// Makes a model ready to explain: against its training rows where the file knows them, against `background` otherwise.
///
/// # Errors
/// When the model is of a kind that cannot be explained, or does not answer the rows of `background`.
pub fn explainer<'m>(model: &'m Model, background: &Table) -> Result<(Explainer<'m>, Background), ExplainError> {
    match model.explainer() {
        Err(ExplainError::NoTraining(_)) => {
            let sample = Sampled::of(background, BACKGROUND_ROWS);
            Ok((model.explainer_against(&sample.table)?, Background::Rows(sample.rows.len())))
        }
        made => Ok((made?, Background::Training)),
    }
}

/// In which unit the raw scores of a model are, read off its answers to the same rows.
pub fn unit(attributions: &Attributions, prediction: &Prediction) -> Unit {
    let near = |answer: fn(f64) -> f64| {
        (0..prediction.rows().min(1000)).all(|row| {
            let score = prediction.scores()[row];
            let is_near = |raw: f64| (answer(raw) - score).abs() < 1e-4 * score.abs().max(1.0);
            attributions.score(row, 0).is_some_and(is_near)
        })
    };
    let logistic = |raw: f64| 1.0 / (1.0 + (-raw).exp());
    match prediction.task() {
        Task::Regression if near(|raw| raw) => Unit::Value,
        Task::Regression if near(f64::exp) => Unit::LogValue,
        Task::Regression if near(logistic) => Unit::LogOdds,
        Task::Regression => Unit::Raw,
        // Up to a constant a row, which no comparison of classes sees.
        Task::Multiclass => Unit::Raw,
        Task::Binary if near(logistic) => Unit::LogOdds,
        Task::Binary if near(|raw| raw) && !prediction.is_margin() => Unit::Probability,
        Task::Binary => Unit::Raw,
    }
}

/// A value, its rows, and the mean attribution there.
pub type ByValue = (Arc<str>, usize, f64);

/// What a column does to a score over all rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Influence {
    /// The name of the column.
    pub column: String,
    /// The mean size of its attributions.
    pub mean_absolute: f64,
    /// The mean of its attributions, with their signs.
    pub mean: f64,
    /// Spearman's rank correlation of its values and its attributions; `None` for texts and constant columns.
    pub trend: Option<f64>,
    /// By value, or by tenth of a number with many: rows, and the mean attribution.
    pub values: Vec<ByValue>,
}

/// The influence of every column on one output, the largest first. `None` without rows.
pub fn influences(attributions: &Attributions, table: &Table, output: usize) -> Option<Vec<Influence>> {
    let (sizes, means) = (attributions.mean_absolute(output)?, attributions.mean(output)?);
    let mut all: Vec<Influence> = attributions
        .columns()
        .iter()
        .enumerate()
        .map(|(at, name)| {
            let part = |row: usize| attributions.of(row, output)[at];
            let column = table.get(name);
            Influence {
                column: name.clone(),
                mean_absolute: sizes[at],
                mean: means[at],
                trend: column.and_then(|column| trend(column, attributions.rows(), part)),
                values: column.map_or_else(Vec::new, |column| by_value(column, attributions.rows(), part)),
            }
        })
        .collect();
    all.sort_by(|a, b| b.mean_absolute.total_cmp(&a.mean_absolute));
    Some(all)
}

fn trend(column: &Column, rows: usize, part: impl Fn(usize) -> f64) -> Option<f64> {
    let step = rows.div_ceil(RANKED_ROWS).max(1);
    let (values, parts): (Vec<f64>, Vec<f64>) = (0..rows)
        .step_by(step)
        .map(|row| (column.number(row), part(row)))
        .filter(|(value, part)| value.is_finite() && part.is_finite())
        .unzip();
    spearman(&values, &parts).ok()
}

/// The mean attribution by value, or by tenth of a number with many values. Numbers stand in their order, texts by what
/// they do.
fn by_value(column: &Column, rows: usize, part: impl Fn(usize) -> f64) -> Vec<ByValue> {
    let rows = rows.min(column.len());
    let edges = tenths(column, rows).map(|edges| (range_names(&edges), edges));
    let mut sums: BTreeMap<Arc<str>, (f64, usize, f64)> = BTreeMap::new();
    for row in 0..rows {
        let (place, name) = match (&edges, column.number(row)) {
            (Some((names, edges)), value) if value.is_finite() => tenth_of(edges, names, value),
            (_, value) => (value, column.label(row).unwrap_or_else(|| Arc::from("(missing)"))),
        };
        let sum = sums.entry(name).or_insert((place, 0, 0.0));
        *sum = (sum.0, sum.1 + 1, sum.2 + part(row));
        if sums.len() > MAX_VALUES {
            return Vec::new();
        }
    }
    let mean = |(value, (place, rows, sum)): (Arc<str>, (f64, usize, f64))| (place, (value, rows, sum / rows as f64));
    let mut values: Vec<(f64, ByValue)> = sums.into_iter().map(mean).collect();
    match column {
        Column::Text(_) => values.sort_by(|a, b| b.1.2.total_cmp(&a.1.2)),
        _ => values.sort_by(|a, b| a.0.total_cmp(&b.0)),
    }
    values.into_iter().map(|value| value.1).collect()
}

/// The edges between the tenths of a column of numbers with many values.
fn tenths(column: &Column, rows: usize) -> Option<Vec<f64>> {
    if matches!(column, Column::Text(_) | Column::Bool(_) | Column::Time(_)) {
        return None;
    }
    let mut values: Vec<f64> = (0..rows).map(|row| column.number(row)).filter(|value| value.is_finite()).collect();
    values.sort_by(f64::total_cmp);
    let mut distinct = values.clone();
    distinct.dedup();
    let mut edges: Vec<f64> =
        (0..=10).map(|at| values.get(values.len().saturating_sub(1) * at / 10).copied()).collect::<Option<_>>()?;
    edges.dedup();
    (distinct.len() > MAX_VALUES && edges.len() > 2).then_some(edges)
}

/// Where the tenth of a value stands among the others, and its name (`names` as [`range_names`] has them).
fn tenth_of(edges: &[f64], names: &[Arc<str>], value: f64) -> (f64, Arc<str>) {
    let above = edges.iter().skip(1).position(|edge| value <= *edge).unwrap_or(edges.len() - 2);
    (edges[above], names[above + 1].clone())
}

/// Rows from the lowest score to the highest, evenly: the lowest, the highest, and those between.
pub fn spread_rows(attributions: &Attributions, count: usize) -> Vec<usize> {
    let score = |row: usize| attributions.score(row, 0).unwrap_or(0.0);
    let mut order: Vec<usize> = (0..attributions.rows()).collect();
    order.sort_by(|&a, &b| score(a).total_cmp(&score(b)));
    let (count, last) = (count.min(order.len()), order.len().saturating_sub(1));
    match count {
        0 => Vec::new(),
        1 => vec![order[last / 2]],
        _ => (0..count).map(|at| order[at * last / (count - 1)]).collect(),
    }
}

/// How important columns are to a model whose inside is not used.
pub struct Permuted {
    /// What got worse: a metric where there are labels, `score_change` otherwise.
    pub metric: &'static str,
    /// Rows that were shuffled.
    pub rows: usize,
    /// By column: by how much the metric got worse, or the score moved; the largest first.
    pub columns: Vec<(String, Estimate)>,
}

/// Permutation importance: by how much the leading metric gets worse when one column is shuffled; without a label, by how
/// much the score moves in the mean.
///
/// # Errors
/// When the model does not answer the rows, or the metric cannot be measured on them.
pub fn permuted(model: &Model, table: &Table, target: Option<&str>, seed: u64) -> Result<Permuted, PermuteError> {
    let sample = Sampled::of(table, SHUFFLED_ROWS);
    let names: Vec<String> = model.signature().inputs.iter().map(|input| input.name.clone()).collect();
    let plain = Predictions::by_itself(model, &sample.table)?;
    let truth = target.and_then(|name| sample.table.get(name));
    let has_label = truth.is_some_and(|truth| !plain.outcomes(truth, None).is_empty());
    let metric = if has_label { headline(plain.task) } else { "score_change" };
    let task = truth.map(|truth| plain.outcomes(truth, None).metric_task());
    let is_better = task.filter(|_| has_label).is_some_and(|task| larger_is_better(metric, task));
    let measure = |shuffled: Option<(usize, &[usize])>| -> MetricResult<f64> {
        let scored = match shuffled {
            None => None,
            Some((column, order)) => {
                let mixed = with_shuffled(&sample.table, &names[column], order);
                let failed = |why: PredictError| Unmeasured::bad_input("the shuffled rows", why.to_string());
                Some(Predictions::by(model, &mixed, plain.threshold).map_err(failed)?)
            }
        };
        let scored = scored.as_ref().unwrap_or(&plain);
        match truth.filter(|_| has_label) {
            Some(truth) => scored.outcomes(truth, None).metric(metric).map(|found| found.value),
            None => Ok(mean_change(&plain.scores, &scored.scores)),
        }
    };
    let shuffles = Shuffles { count: SHUFFLES, seed };
    let found = permutation_importance(names.len(), sample.rows.len(), shuffles, is_better, measure)?;
    let mut columns: Vec<(String, Estimate)> = names.iter().cloned().zip(found).collect();
    columns.sort_by(|a, b| b.1.value.total_cmp(&a.1.value));
    Ok(Permuted { metric, rows: sample.rows.len(), columns })
}

/// Why columns could not be shuffled.
#[derive(Debug, thiserror::Error)]
pub enum PermuteError {
    /// The model does not answer the rows.
    #[error(transparent)]
    Predict(#[from] PredictError),
    /// The metric, or its change, could not be measured.
    #[error("permutation importance was not measured: {0}")]
    Unmeasured(#[from] Unmeasured),
}

fn with_shuffled(table: &Table, column: &str, order: &[usize]) -> Table {
    let columns = table.columns().map(|(name, kept)| {
        let moved = if name == column { kept.take(order) } else { kept.clone() };
        (name.to_owned(), moved)
    });
    Table::new(columns.collect()).unwrap_or_default()
}

fn mean_change(before: &[f64], after: &[f64]) -> f64 {
    let sum: f64 = before.iter().zip(after).map(|(a, b)| (a - b).abs()).filter(|change| change.is_finite()).sum();
    sum / before.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trend_leaves_out_what_is_missing_and_a_constant_has_none() {
        let column = Column::Float(vec![1.0, 4.0, f64::NAN, 9.0]);
        let up = trend(&column, 4, |row| [0.1, 0.2, -5.0, 0.9][row]);
        assert!(up.is_some_and(|up| (up - 1.0).abs() < 1e-12), "{up:?}");
        assert_eq!(trend(&Column::Float(vec![2.0; 4]), 4, |row| row as f64), None);
        assert_eq!(trend(&Column::Text(vec![None; 4]), 4, |row| row as f64), None);
    }

    #[test]
    fn few_values_are_told_one_by_one_missing_ones_too() {
        let column = Column::Int(vec![Some(1), None, Some(1), Some(2)]);
        let values = by_value(&column, 4, |row| row as f64);
        let found: Vec<(&str, usize, f64)> =
            values.iter().map(|(value, rows, mean)| (&**value, *rows, *mean)).collect();
        assert_eq!(found, [("1", 2, 1.0), ("2", 1, 3.0), ("(missing)", 1, 1.0)]);
        let many = by_value(&Column::Int((0..=100).map(Some).collect()), 101, |row| row as f64);
        assert_eq!((many.len(), &*many[0].0, many[0].1, many[0].2), (10, "0..10", 11, 5.0));
        assert_eq!(many.iter().map(|value| value.1).sum::<usize>(), 101);
        let texts = Column::Text((0..30).map(|at| Some(Arc::from(format!("t{at}")))).collect());
        assert!(by_value(&texts, 30, |_| 0.0).is_empty());
    }

    #[test]
    fn a_sample_is_even_and_never_larger_than_asked() {
        let table = Table::new(vec![("x".into(), Column::Int((0..10).map(Some).collect()))]).unwrap();
        assert_eq!(Sampled::of(&table, 4).rows, [0, 3, 6, 9]);
        assert_eq!(Sampled::of(&table, 10).rows.len(), 10);
        assert!(Sampled::of(&table.take(&[]), 4).rows.is_empty());
    }
}
