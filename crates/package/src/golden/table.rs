//! Golden requests as a table: the columns that the model reads, and its answers beside them.

use std::sync::Arc;

use kilter_domain::table::{Column, Table, TableError};
use kilter_serving::endpoint::ModelOutput;

use crate::golden::requests::GoldenRequests;

const SCORE: &str = "__score";
const LABEL: &str = "__label";
/// Followed by the number of the class.
const PROBABILITY: &str = "__probability_";

impl GoldenRequests {
    /// As a table to be stored: the columns of the requests, and the answers in columns that begin with `__`.
    ///
    /// # Errors
    /// If a column of the requests has the name of an answer.
    pub fn to_table(&self) -> Result<Table, TableError> {
        let mut table = self.requests.clone();
        table.push(SCORE, Column::Float(self.answers.scores.clone()))?;
        if let Some(labels) = &self.answers.labels {
            table.push(LABEL, Column::Text(labels.iter().cloned().map(Some).collect()))?;
        }
        let values = self.answers.probabilities.as_deref().unwrap_or_default();
        let width = values.len() / self.rows().max(1);
        for class in 0..width {
            let of_class = values.iter().skip(class).step_by(width).copied().map(f64::from);
            table.push(format!("{PROBABILITY}{class}"), Column::Float(of_class.collect()))?;
        }
        Ok(table)
    }

    /// Reads them back; a 32-bit float is a 64-bit float and back again without a loss.
    ///
    /// # Errors
    /// If the table has no scores.
    pub fn from_table(table: &Table) -> Result<Self, TableError> {
        let requests = table.select(|name| !name.starts_with("__"));
        let numbers = |name: &str| Ok::<_, TableError>(table.column(name)?.numbers().unwrap_or_default());
        let scores = numbers(SCORE)?;
        let text = |column: &Column| (0..column.len()).map(|row| column.label(row).unwrap_or_default()).collect();
        let labels: Option<Vec<Arc<str>>> = table.get(LABEL).map(text);
        let width = table.names().iter().filter(|name| name.starts_with(PROBABILITY)).count();
        let mut values = vec![f32::NAN; width * scores.len()];
        for class in 0..width {
            for (row, value) in numbers(&format!("{PROBABILITY}{class}"))?.into_iter().enumerate() {
                values[row * width + class] = value as f32;
            }
        }
        let probabilities = (width > 0).then_some(values);
        Ok(Self { requests, answers: ModelOutput { scores, labels, probabilities } })
    }
}
