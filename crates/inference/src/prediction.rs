//! What a model answered.

use std::sync::Arc;

use crate::signature::Task;

/// What an [`Executor`](crate::Executor) answered.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// The value of each row.
    Values(Vec<f64>),
    /// Probabilities (or scores, of which the highest decides), row-major `rows x classes`.
    Classes(Vec<f64>),
}

/// The answers to the rows of one table, in their order.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction {
    pub(crate) task: Task,
    pub(crate) scores: Vec<f64>,
    /// Row-major rows x classes; empty for regression.
    pub(crate) probabilities: Vec<f32>,
    /// The predicted class of each row; empty for regression.
    pub(crate) predicted: Vec<u32>,
    pub(crate) classes: Arc<[Arc<str>]>,
}

impl Prediction {
    pub(crate) fn empty(task: Task, classes: Arc<[Arc<str>]>, rows: usize) -> Self {
        let width = if task == Task::Regression { 0 } else { classes.len() };
        Self {
            task,
            scores: Vec::with_capacity(rows),
            probabilities: Vec::with_capacity(rows.saturating_mul(width)),
            predicted: Vec::with_capacity(if width == 0 { 0 } else { rows }),
            classes,
        }
    }

    /// Adds what an executor answered to `rows` rows.
    pub(crate) fn push_outcome(&mut self, outcome: Outcome, rows: usize) -> Result<(), String> {
        match outcome {
            Outcome::Values(values) if self.task == Task::Regression => self.push_values(&values, rows),
            Outcome::Classes(values) if self.task != Task::Regression => self.push_scored(&values, rows),
            Outcome::Values(_) => Err("the model answered values where its signature has classes".to_owned()),
            Outcome::Classes(_) => Err("the model answered classes where its signature has values".to_owned()),
        }
    }

    /// Adds `rows` values of a regressor.
    pub(crate) fn push_values(&mut self, values: &[f64], rows: usize) -> Result<(), String> {
        if values.len() != rows {
            let reason = "a model of several values per row is not served; export a model per value";
            return Err(format!("the model answered {} values for {rows} rows: {reason}", values.len()));
        }
        self.scores.extend_from_slice(values);
        Ok(())
    }

    /// Adds the probabilities of `rows` rows; without `picked` the most probable class is the answer.
    pub(crate) fn push_classes(
        &mut self,
        probabilities: &[f32],
        picked: Option<Vec<u32>>,
        rows: usize,
    ) -> Result<(), String> {
        let classes = self.classes.len();
        if probabilities.len() != rows * classes || picked.as_ref().is_some_and(|picked| picked.len() != rows) {
            return Err(format!(
                "the model answered {} numbers for {rows} rows of {classes} classes",
                probabilities.len()
            ));
        }
        let likeliest =
            |row: &[f32]| (1..classes).fold(0, |best, at| if row[at] > row[best] { at } else { best }) as u32;
        let picked = picked.unwrap_or_else(|| probabilities.chunks_exact(classes).map(likeliest).collect());
        for (row, &class) in probabilities.chunks_exact(classes).zip(&picked) {
            let column = if self.task == Task::Binary { 1 } else { class as usize };
            self.scores.push(f64::from(row[column]));
        }
        self.probabilities.extend_from_slice(probabilities);
        self.predicted.extend(picked);
        Ok(())
    }

    /// Adds the scores of `rows` rows by class, of which the highest decides, the first of equal ones.
    pub(crate) fn push_scored(&mut self, scores: &[f64], rows: usize) -> Result<(), String> {
        let classes = self.classes.len();
        if scores.len() != rows * classes {
            return Err(format!("the model answered {} numbers for {rows} rows of {classes} classes", scores.len()));
        }
        for row in scores.chunks_exact(classes) {
            let class = (1..classes).fold(0, |best, at| if row[at] > row[best] { at } else { best });
            self.scores.push(row[if self.task == Task::Binary { 1 } else { class }]);
            self.predicted.push(class as u32);
        }
        self.probabilities.extend(scores.iter().map(|&score| score as f32));
        Ok(())
    }

    /// How many rows were answered.
    pub fn rows(&self) -> usize {
        self.scores.len()
    }

    /// What was asked.
    pub fn task(&self) -> Task {
        self.task
    }

    /// One number a row. Binary: the probability of the second class; regression: the value; multiclass: the
    /// probability of the predicted class.
    pub fn scores(&self) -> &[f64] {
        &self.scores
    }

    /// Row-major `rows x classes`, in the order of [`crate::Signature::classes`]; `None` for regression.
    pub fn probabilities(&self) -> Option<&[f32]> {
        (self.task != Task::Regression).then_some(&self.probabilities[..])
    }

    /// Whether the scores of a binary model are margins: signed distances from its own border, which lies at zero. Then the
    /// other class has the opposite score, where probabilities of two classes add up to one. Known of one row already.
    pub fn is_margin(&self) -> bool {
        let pairs = self.probabilities.chunks_exact(2);
        self.task == Task::Binary && pairs.len() > 0 && pairs.into_iter().all(|pair| pair[0] == -pair[1])
    }

    /// The predicted class of each row; `None` for regression.
    pub fn labels(&self) -> Option<Vec<Arc<str>>> {
        (self.task != Task::Regression)
            .then(|| self.predicted.iter().map(|&class| Arc::clone(&self.classes[class as usize])).collect())
    }

    /// The index of the predicted class of each row; `None` for regression.
    pub fn predicted(&self) -> Option<&[u32]> {
        (self.task != Task::Regression).then_some(&self.predicted[..])
    }
}
