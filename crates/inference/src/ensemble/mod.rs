//! A model of a boosting library: columns of a table go straight into the kernel of trees, without a graph between.
//!
//! Invariants: columns are read as the library reads them (float32 for XGBoost, double precision for LightGBM, codes for
//! categories); scores are added and turned into answers in the library's precision.

mod columns;
mod link;

use std::ops::Range;

use kilter_domain::table::Table;

use crate::{
    error::PredictError,
    prediction::Prediction,
    signature::{Input, Task},
    trees::{Aggregate, Forest, Rows},
};
use columns::Columns;
pub(crate) use columns::{Categories, FeatureColumn};
pub(crate) use link::Link;

/// Numbers of a block of rows: what is read and answered at once stays small however wide the model is.
const BLOCK_NUMBERS: usize = 1 << 20;
/// Rows of a block at most.
const BLOCK_ROWS: usize = 8_192;

/// LightGBM reads a number as zero up to here.
const ZERO: f64 = 1e-35_f32 as f64;

/// The precision in which a library compares and adds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Precision {
    Single,
    Double,
}

/// What makes the raw scores.
#[derive(Debug)]
pub(crate) enum Scorer {
    Forest(Box<Forest>),
    /// Row-major columns x outputs. A missing value adds nothing.
    Linear {
        weights: Vec<f64>,
    },
}

/// An ensemble of one of the libraries, ready to run.
#[derive(Debug)]
pub(crate) struct Ensemble {
    columns: Columns,
    pub precision: Precision,
    pub scorer: Scorer,
    /// Where scores start, by output.
    pub base: Vec<f64>,
    /// Sums are divided by this: the number of trees where trees are averaged.
    pub divisor: f64,
    pub link: Link,
}

/// What a reader knows of an ensemble.
#[derive(Debug)]
pub(crate) struct EnsembleParts {
    pub columns: Vec<FeatureColumn>,
    pub precision: Precision,
    pub scorer: Scorer,
    pub base: Vec<f64>,
    pub divisor: f64,
    pub link: Link,
}

impl Ensemble {
    /// An ensemble of checked parts.
    ///
    /// # Errors
    /// If the trees read more columns than there are, or there is not a weight for each column and score.
    pub fn new(parts: EnsembleParts) -> Result<Self, String> {
        let EnsembleParts { columns, precision, scorer, base, divisor, link } = parts;
        match &scorer {
            Scorer::Forest(forest) if forest.width() > columns.len() => {
                return Err(format!("its trees read feature {} of {}", forest.width() - 1, columns.len()));
            }
            Scorer::Forest(forest) if forest.outputs() != base.len() => {
                return Err(format!("there are {} base scores for {} outputs", base.len(), forest.outputs()));
            }
            Scorer::Linear { weights } if weights.len() != columns.len() * base.len() => {
                return Err(format!(
                    "{} weights are not one for each of {} features and {} scores",
                    weights.len(),
                    columns.len(),
                    base.len()
                ));
            }
            Scorer::Forest(_) | Scorer::Linear { .. } => {}
        }
        Ok(Self { columns: Columns::new(columns), precision, scorer, base, divisor, link })
    }

    /// The memory that it takes, in bytes.
    pub fn memory_bytes(&self) -> usize {
        match &self.scorer {
            Scorer::Forest(forest) => forest.memory_bytes(),
            Scorer::Linear { weights } => weights.capacity() * size_of::<f64>(),
        }
    }

    /// How many columns it reads.
    pub fn width(&self) -> usize {
        self.columns.len()
    }

    /// How many rows run at once.
    pub fn block_rows(&self) -> usize {
        (BLOCK_NUMBERS / self.width().max(self.base.len()).max(1)).clamp(1, BLOCK_ROWS)
    }

    /// What the rows `rows` of `table` are to the model: rows x columns. Where a linear model sees nothing there is zero.
    pub fn values(&self, inputs: &[Input], table: &Table, rows: Range<usize>) -> Result<Vec<f64>, PredictError> {
        let mut values = self.columns.read(inputs, table, rows)?;
        match self.precision {
            Precision::Single => values.iter_mut().for_each(|value| *value = f64::from(*value as f32)),
            Precision::Double => values.iter_mut().filter(|value| value.abs() <= ZERO).for_each(|value| *value = 0.0),
        }
        if matches!(self.scorer, Scorer::Linear { .. }) {
            values.iter_mut().filter(|value| value.is_nan()).for_each(|value| *value = 0.0);
        }
        Ok(values)
    }

    /// Adds the answers to the rows `rows` of `table`.
    pub fn predict(
        &self,
        inputs: &[Input],
        table: &Table,
        rows: Range<usize>,
        answer: &mut Prediction,
    ) -> Result<(), PredictError> {
        let count = rows.len();
        let values = self.values(inputs, table, rows)?;
        let wrong = |reason: String| PredictError::Node { node: "the ensemble".into(), reason };
        let mut scores = self.scores(&values, count).map_err(wrong)?;
        scores.chunks_exact_mut(self.base.len()).for_each(|row| self.link.apply(row));
        if self.precision == Precision::Single {
            scores.iter_mut().for_each(|score| *score = f64::from(*score as f32));
        }
        match (answer.task(), self.link.second_class()) {
            (Task::Regression, _) => answer.push_values(&scores, count).map_err(wrong),
            (Task::Binary, other) if self.base.len() == 1 => {
                let pairs: Vec<f64> = scores.iter().flat_map(|&score| [other(score), score]).collect();
                answer.push_scored(&pairs, count).map_err(wrong)
            }
            _ => answer.push_scored(&scores, count).map_err(wrong),
        }
    }

    /// Raw scores, rows x outputs.
    fn scores(&self, values: &[f64], rows: usize) -> Result<Vec<f64>, String> {
        let shape = (rows, self.width());
        match (&self.scorer, self.precision) {
            (Scorer::Forest(forest), Precision::Single) => {
                let narrow: Vec<f32> = values.iter().map(|&value| value as f32).collect();
                forest.answer(Rows::Single(&narrow), shape, Aggregate::SumSingle, &self.base)
            }
            (Scorer::Forest(forest), Precision::Double) => {
                let mut scores = forest.answer(Rows::Double(values), shape, Aggregate::Sum, &self.base)?;
                if self.divisor != 1.0 {
                    scores.iter_mut().for_each(|score| *score /= self.divisor);
                }
                Ok(scores)
            }
            (Scorer::Linear { weights }, _) => Ok(self.products(weights, values, rows)),
        }
    }

    fn products(&self, weights: &[f64], values: &[f64], rows: usize) -> Vec<f64> {
        let outputs = self.base.len();
        let mut scores = self.base.repeat(rows);
        if self.width() > 0 {
            for (row, scores) in values.chunks_exact(self.width()).zip(scores.chunks_exact_mut(outputs)) {
                for (value, weights) in row.iter().zip(weights.chunks_exact(outputs)) {
                    scores.iter_mut().zip(weights).for_each(|(score, weight)| *score += weight * value);
                }
            }
        }
        scores
    }
}
