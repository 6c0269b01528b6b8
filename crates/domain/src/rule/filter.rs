//! The rows for which a condition holds.

use super::{Condition, ExactNumber, Literal, Op};
use crate::{
    table::{Column, Table, TableError},
    time::Timestamp,
};

/// Why a condition cannot be asked of a table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant says what it is")]
pub enum ConditionError {
    #[error(transparent)]
    Table(#[from] TableError),
    #[error("column `{column}` holds times, and `{text}` is none: write a date like '2026-03-01' in single quotes")]
    NotATime { column: String, text: String },
    #[error("column `{column}` holds numbers, and `{text}` is none")]
    NotANumber { column: String, text: String },
}

impl Condition {
    /// Whether the condition holds, by row. A missing value matches nothing.
    pub fn rows(&self, table: &Table) -> Result<Vec<bool>, ConditionError> {
        match self {
            Self::Compare { column, op, literal } => compare(column, table.column(column)?, *op, literal),
            Self::OneOf { column, values } => {
                let cells = table.column(column)?;
                let is_one = |row| cells.label(row).is_some_and(|label| values.iter().any(|value| **value == *label));
                Ok((0..table.rows()).map(is_one).collect())
            }
            Self::All(parts) => joined(parts, table, |a, b| a && b),
            Self::Any(parts) => joined(parts, table, |a, b| a || b),
        }
    }

    /// The columns that it names, in the order of the text.
    pub fn columns(&self) -> Vec<&str> {
        match self {
            Self::Compare { column, .. } | Self::OneOf { column, .. } => vec![column],
            Self::All(parts) | Self::Any(parts) => parts.iter().flat_map(Self::columns).collect(),
        }
    }
}

fn joined(parts: &[Condition], table: &Table, join: fn(bool, bool) -> bool) -> Result<Vec<bool>, ConditionError> {
    let mut parts = parts.iter().map(|part| part.rows(table));
    let first = parts.next().unwrap_or_else(|| Ok(vec![true; table.rows()]))?;
    parts.try_fold(first, |rows, part| Ok(rows.into_iter().zip(part?).map(|(a, b)| join(a, b)).collect()))
}

fn compare(name: &str, column: &Column, op: Op, literal: &Literal) -> Result<Vec<bool>, ConditionError> {
    let rows = 0..column.len();
    match (column, literal) {
        (Column::Text(_) | Column::Bool(_), Literal::Text(text)) => {
            Ok(rows.map(|row| column.label(row).is_some_and(|label| op.holds(&*label, text.as_str()))).collect())
        }
        (Column::Time(cells), Literal::Text(text)) => {
            let not_a_time = |_| ConditionError::NotATime { column: name.to_owned(), text: text.clone() };
            let bound = text.parse::<Timestamp>().map_err(not_a_time)?.millis();
            Ok(cells.iter().map(|cell| cell.is_some_and(|cell| op.holds(&cell, &bound))).collect())
        }
        (Column::Float(_) | Column::Int(_), Literal::Text(text)) => {
            Err(ConditionError::NotANumber { column: name.to_owned(), text: text.clone() })
        }
        (Column::Text(cells), Literal::Number(number)) => {
            let bound = number.exact();
            let is_number = |cell: &str| read(cell.trim()).is_some_and(|cell| op.holds(&cell, &bound));
            Ok(cells.iter().map(|cell| cell.as_deref().is_some_and(is_number)).collect())
        }
        (Column::Int(cells), Literal::Number(number)) => {
            let bound = number.exact();
            let holds = |cell: i64| op.holds(&ExactNumber::from(i128::from(cell)), &bound);
            Ok(cells.iter().map(|cell| cell.is_some_and(holds)).collect())
        }
        (_, Literal::Number(number)) => {
            let bound = number.value();
            Ok(rows.map(|row| !column.is_missing(row) && op.holds(&column.number(row), &bound)).collect())
        }
    }
}

/// A text as the number that it writes, with all digits of a whole one.
fn read(cell: &str) -> Option<ExactNumber> {
    let whole = (cell.len() <= 30).then(|| cell.parse::<i128>().ok()).flatten();
    whole.map(ExactNumber::from).or_else(|| cell.parse::<f64>().ok().map(ExactNumber::from))
}

impl Op {
    /// Whether `left op right`.
    pub fn holds<T: PartialOrd + ?Sized>(self, left: &T, right: &T) -> bool {
        match self {
            Self::Less => left < right,
            Self::AtMost => left <= right,
            Self::More => left > right,
            Self::AtLeast => left >= right,
            Self::Equal => left == right,
            Self::Unequal => left != right,
        }
    }
}
