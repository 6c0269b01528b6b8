//! What `kilter explain` found, as its document tells it.

use std::path::{Path, PathBuf};

use kilter_domain::table::Table;
use kilter_evaluation::explain::{Background, Influence, Permuted, Sampled, Unit};
use kilter_inference::{Attributions, Model, Prediction, Task};
use kilter_stats::Unmeasured;
use serde::Serialize;

use crate::ui::estimate::EstimateValue;

/// What is explained.
pub(super) struct Subject {
    pub(super) path: PathBuf,
    pub(super) model: Model,
    pub(super) table: Table,
    /// The rows that are explained, of all.
    pub(super) sample: Sampled,
    pub(super) prediction: Prediction,
}

#[derive(Serialize)]
pub(super) struct ExplainResult {
    pub model: PathBuf,
    pub data: PathBuf,
    pub rows: usize,
    /// Rows that were looked at: every so manieth of a large table.
    pub explained: usize,
    pub task: Task,
    /// What the score is measured in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<&'static str>,
    /// What attributions start from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub background: Option<String>,
    /// By score: one for two classes and for numbers, one a class for more.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub outputs: Vec<Output>,
    #[serde(rename = "rows_explained", skip_serializing_if = "Vec::is_empty")]
    pub locals: Vec<Local>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub against: Option<Change>,
    /// In place of all this, for a model that cannot be explained exactly.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub permutation: Option<Importance>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub html: Option<PathBuf>,
}

/// What the columns do to one score.
#[derive(Serialize)]
pub(super) struct Output {
    /// The class (or column) that the score speaks for.
    pub output: String,
    /// The mean score that every row starts from.
    pub base: f64,
    pub mean_score: f64,
    /// The largest first.
    pub columns: Vec<Column>,
}

#[derive(Serialize)]
pub(super) struct Column {
    pub column: String,
    pub mean_absolute: f64,
    /// Of all columns together.
    pub share: f64,
    pub mean: f64,
    /// Rank correlation of value and attribution: 1 where larger values always raise the score.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trend: Option<f64>,
    /// By value, or by tenth of a number with many.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<Value>,
}

#[derive(Serialize)]
pub(super) struct Value {
    pub value: String,
    pub rows: usize,
    pub mean: f64,
}

/// One row: `base` and its parts add up to `score`.
#[derive(Serialize)]
pub(super) struct Local {
    pub row: usize,
    /// The score that is explained: of more than two classes that of the answer.
    pub output: String,
    /// The probability of that class, or the value.
    pub answer: f64,
    pub base: f64,
    pub score: f64,
    /// What moved the score most first.
    pub parts: Vec<Part>,
}

#[derive(Serialize)]
pub(super) struct Part {
    pub column: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    pub part: f64,
}

/// What moved the mean score from another table to this one.
#[derive(Serialize)]
pub(super) struct Change {
    pub data: PathBuf,
    pub rows: usize,
    pub outputs: Vec<Shift>,
}

#[derive(Serialize)]
pub(super) struct Shift {
    pub output: String,
    pub before: f64,
    pub now: f64,
    /// The sum of the columns' parts.
    pub change: f64,
    pub columns: Vec<ColumnPart>,
}

#[derive(Serialize)]
pub(super) struct ColumnPart {
    pub column: String,
    #[serde(flatten)]
    pub measured: EstimateValue,
}

/// Permutation importance.
#[derive(Serialize)]
pub(super) struct Importance {
    /// Why the model cannot be explained exactly.
    pub reason: String,
    pub metric: &'static str,
    pub rows: usize,
    /// By how much the metric got worse (`score_change`: by how much the score moved). The largest first.
    pub columns: Vec<ColumnPart>,
}

impl ExplainResult {
    pub fn of(subject: &Subject, data: &Path, html: Option<PathBuf>) -> Self {
        Self {
            model: subject.path.clone(),
            data: data.to_owned(),
            rows: subject.table.rows(),
            explained: subject.sample.rows.len(),
            task: subject.prediction.task(),
            unit: None,
            background: None,
            outputs: Vec::new(),
            locals: Vec::new(),
            against: None,
            permutation: None,
            html,
        }
    }
}

pub(super) fn background_words(background: Background) -> String {
    match background {
        Background::Training => "the training rows, as the model file remembers them".to_owned(),
        Background::Rows(rows) => format!("{rows} of these rows: the model file does not remember its training rows"),
    }
}

pub(super) const fn unit_words(unit: Unit) -> &'static str {
    match unit {
        Unit::LogOdds => "log-odds",
        Unit::Probability => "probability",
        Unit::Value => "value",
        Unit::LogValue => "log of the value",
        Unit::Raw => "raw score",
    }
}

impl Output {
    pub fn of(attributions: &Attributions, output: usize, influences: Vec<Influence>) -> Self {
        let all: f64 = influences.iter().map(|found| found.mean_absolute).sum();
        let column = |found: Influence| Column {
            share: if all > 0.0 { found.mean_absolute / all } else { 0.0 },
            column: found.column,
            mean_absolute: found.mean_absolute,
            mean: found.mean,
            trend: found.trend,
            values: found
                .values
                .into_iter()
                .map(|(value, rows, mean)| Value { value: value.to_string(), rows, mean })
                .collect(),
        };
        Self {
            output: attributions.outputs()[output].clone(),
            base: attributions.base()[output],
            mean_score: mean_score(attributions, output),
            columns: influences.into_iter().map(column).collect(),
        }
    }
}

fn mean_score(attributions: &Attributions, output: usize) -> f64 {
    let scores = (0..attributions.rows()).filter_map(|row| attributions.score(row, output));
    scores.sum::<f64>() / attributions.rows().max(1) as f64
}

impl Local {
    /// The row that stands at `at` of `rows`.
    pub fn of(row: usize, at: usize, attributions: &Attributions, answers: &Prediction, rows: &Table) -> Self {
        let output = match answers.task() {
            Task::Multiclass => {
                answers.predicted().and_then(|classes| classes.get(at)).map_or(0, |class| *class as usize)
            }
            _ => 0,
        };
        let value =
            |column: &String| rows.get(column).and_then(|values| values.label(at)).map(|value| value.to_string());
        let part = |(column, part): (&String, &f64)| Part { column: column.clone(), value: value(column), part: *part };
        let mut parts: Vec<Part> = attributions.columns().iter().zip(attributions.of(at, output)).map(part).collect();
        parts.sort_by(|a, b| b.part.abs().total_cmp(&a.part.abs()));
        Self {
            row,
            output: attributions.outputs()[output].clone(),
            answer: answers.scores()[at],
            base: attributions.base()[output],
            score: attributions.score(at, output).unwrap_or_default(),
            parts,
        }
    }
}

impl Change {
    pub fn of(path: &Path, before: &Attributions, now: &Attributions) -> Result<Self, Unmeasured> {
        let shift = |output: usize| {
            let columns = now.shift_from(before, output, 0.95)?;
            Ok(Shift {
                output: now.outputs()[output].clone(),
                before: mean_score(before, output),
                now: mean_score(now, output),
                change: columns.iter().map(|column| column.shift.value).sum(),
                columns: columns
                    .into_iter()
                    .map(|column| ColumnPart { measured: EstimateValue::from(&column.shift), column: column.column })
                    .collect(),
            })
        };
        let outputs = (0..now.outputs().len()).map(shift).collect::<Result<_, Unmeasured>>()?;
        Ok(Self { data: path.to_owned(), rows: before.rows(), outputs })
    }
}

impl Importance {
    pub fn of(found: Permuted, reason: String) -> Self {
        let column = |(column, estimate): &(String, kilter_stats::Estimate)| ColumnPart {
            column: column.clone(),
            measured: EstimateValue::from(estimate),
        };
        Self { reason, metric: found.metric, rows: found.rows, columns: found.columns.iter().map(column).collect() }
    }
}
