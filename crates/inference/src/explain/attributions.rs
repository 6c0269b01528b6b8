//! The attributions of rows, and what their means say about drift.

use kilter_stats::{Estimate, Unmeasured, explain::Attribution, root_cause::split_prediction_drift};

/// Raw scores of rows, each split between the columns that the model reads.
///
/// A score is in the unit that the model adds up in, before it becomes an answer: log-odds of the positive class (binary
/// models by `kilter train`), log-odds up to a constant by class (multiclass), the value itself (regression).
/// Invariants: `base + sum of a row's attributions = its score`, to rounding in double precision.
#[derive(Clone, Debug, PartialEq)]
pub struct Attributions {
    columns: Vec<String>,
    outputs: Vec<String>,
    base: Vec<f64>,
    /// Rows x outputs.
    scores: Vec<f64>,
    /// Rows x outputs x columns.
    values: Vec<f64>,
}

/// How much of a prediction drift is one column's.
#[derive(Clone, Debug, PartialEq)]
pub struct ColumnShift {
    /// Its name.
    pub column: String,
    /// Mean attribution on current rows minus that on reference rows, in the unit of the score, with the interval of its
    /// sampling error.
    pub shift: Estimate,
}

impl Attributions {
    pub(super) fn new(columns: Vec<String>, outputs: Vec<String>, base: Vec<f64>) -> Self {
        Self { columns, outputs, base, scores: Vec::new(), values: Vec::new() }
    }

    /// A new last row, to which parts are added.
    pub(super) fn add_row(&mut self, scores: impl Iterator<Item = f64>) -> LastRow<'_> {
        self.scores.extend(scores);
        let start = self.values.len();
        self.values.resize(start + self.outputs.len() * self.columns.len(), 0.0);
        LastRow { values: &mut self.values[start..], columns: self.columns.len() }
    }

    /// The columns of the table, in the order of the model's signature.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// What the scores speak for: the positive class, every class, or the target.
    pub fn outputs(&self) -> &[String] {
        &self.outputs
    }

    /// The mean score from which every row starts, by output.
    pub fn base(&self) -> &[f64] {
        &self.base
    }

    /// How many rows were explained.
    pub fn rows(&self) -> usize {
        self.scores.len() / self.outputs.len().max(1)
    }

    /// The raw score of `row`; `None` out of bounds.
    pub fn score(&self, row: usize, output: usize) -> Option<f64> {
        (output < self.outputs.len()).then(|| self.scores.get(row * self.outputs.len() + output).copied())?
    }

    /// What each column adds to the score of `row`; empty out of bounds.
    pub fn of(&self, row: usize, output: usize) -> &[f64] {
        let (outputs, columns) = (self.outputs.len(), self.columns.len());
        if output >= outputs || row >= self.rows() {
            return &[];
        }
        &self.values[(row * outputs + output) * columns..][..columns]
    }

    /// The mean size of each column's attributions to `output`: its global importance. `None` without rows.
    pub fn mean_absolute(&self, output: usize) -> Option<Vec<f64>> {
        self.means(output, f64::abs)
    }

    /// The mean of each column's attributions to `output`. `None` without rows.
    pub fn mean(&self, output: usize) -> Option<Vec<f64>> {
        self.means(output, |value| value)
    }

    fn means(&self, output: usize, of: impl Fn(f64) -> f64) -> Option<Vec<f64>> {
        if output >= self.outputs.len() || self.rows() == 0 {
            return None;
        }
        let mut sums = vec![0.0; self.columns.len()];
        for row in 0..self.rows() {
            sums.iter_mut().zip(self.of(row, output)).for_each(|(sum, value)| *sum += of(*value));
        }
        Some(sums.into_iter().map(|sum| sum / self.rows() as f64).collect())
    }

    /// One output as [`kilter_stats`] takes it.
    pub fn output(&self, output: usize) -> Option<Attribution> {
        let base = *self.base.get(output)?;
        let values = (0..self.rows()).flat_map(|row| self.of(row, output)).copied().collect();
        Some(Attribution { base, values, features: self.columns.len() })
    }

    /// The exact split of the drift of a mean score: current rows (`self`) minus `reference` rows, largest first. The
    /// parts add up to the whole. Both must come from one explainer.
    pub fn shift_from(
        &self,
        reference: &Attributions,
        output: usize,
        level: f64,
    ) -> Result<Vec<ColumnShift>, Unmeasured> {
        let (Some(before), Some(now)) = (reference.output(output), self.output(output)) else {
            return Err(Unmeasured::bad_input("prediction drift", format!("there is no output {output}")));
        };
        if self.columns != reference.columns || self.outputs != reference.outputs {
            return Err(Unmeasured::bad_input("prediction drift", "the attributions are of different models"));
        }
        let split = split_prediction_drift(&before, &now, level)?;
        let named = self.columns.iter().cloned().zip(split.parts);
        let mut shifts: Vec<ColumnShift> = named.map(|(column, shift)| ColumnShift { column, shift }).collect();
        shifts.sort_by(|a, b| b.shift.value.abs().total_cmp(&a.shift.value.abs()));
        Ok(shifts)
    }
}

/// The row that was added last.
pub(super) struct LastRow<'a> {
    values: &'a mut [f64],
    columns: usize,
}

impl LastRow<'_> {
    pub fn add(&mut self, output: usize, column: usize, part: f64) {
        self.values[output * self.columns + column] += part;
    }
}
