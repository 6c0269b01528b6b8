//! What a first contract is written from: the columns of a table, and the question that the label asks.

use crate::table::ColumnType;

/// What is known of one column.
#[derive(Clone, Debug, PartialEq)]
pub struct ColumnSummary {
    /// Its name in the table.
    pub name: String,
    /// The type that its values were read as.
    pub column_type: ColumnType,
    /// Distinct values, missing ones aside.
    pub distinct: u64,
    /// Rows without a value.
    pub missing: u64,
    /// The smallest and the largest value, as [`Column::label`](crate::table::Column::label) writes them.
    pub min: Option<String>,
    /// The largest value.
    pub max: Option<String>,
    /// Some of its values, in no order; a few suffice.
    pub samples: Vec<String>,
}

/// What a contract is written from.
#[derive(Clone, Debug)]
pub struct InitFrom<'a> {
    /// For the project's name: the folder's.
    pub name: &'a str,
    /// The file of the table, relative to the project.
    pub path: &'a str,
    /// Rows of the table.
    pub rows: u64,
    /// Its columns, in their order.
    pub columns: &'a [ColumnSummary],
    /// The column to predict, where it was said; `None`: it is guessed.
    pub label: Option<&'a str>,
    /// Columns that alone tell the label, each with a sentence about it. See [`label_of`].
    pub telling: &'a [(String, String)],
}

/// What the label asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Question {
    Binary,
    Multiclass,
    Regression,
}
