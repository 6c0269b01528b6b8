//! A table in memory: named columns of one length. The common currency between the lake (files), the
//! trainers, the inference executor and the gates, so that none of them must know another's format.
//!
//! Invariants: every column has the same number of rows; names are unique.

use std::{collections::HashSet, sync::Arc};

use serde::{Deserialize, Serialize};

/// One column. A missing value is `None`, in a float column NaN (infinities are values).
#[derive(Clone, Debug, PartialEq)]
pub enum Column {
    /// Floating point; NaN is missing.
    Float(Vec<f64>),
    /// Whole numbers of 64 bits.
    Int(Vec<Option<i64>>),
    /// Truth values.
    Bool(Vec<Option<bool>>),
    /// UTF-8 text; equal values may share one allocation.
    Text(Vec<Option<Arc<str>>>),
    /// Milliseconds since the epoch, UTC.
    Time(Vec<Option<i64>>),
}

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ColumnType {
    /// See [`Column::Float`].
    Float,
    /// See [`Column::Int`].
    Int,
    /// See [`Column::Bool`].
    Bool,
    /// See [`Column::Text`].
    Text,
    /// See [`Column::Time`].
    Time,
}

impl Column {
    /// Rows, those without a value included.
    pub fn len(&self) -> usize {
        match self {
            Self::Float(values) => values.len(),
            Self::Int(values) | Self::Time(values) => values.len(),
            Self::Bool(values) => values.len(),
            Self::Text(values) => values.len(),
        }
    }

    /// Whether it has no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The type of all its values.
    pub fn column_type(&self) -> ColumnType {
        match self {
            Self::Float(_) => ColumnType::Float,
            Self::Int(_) => ColumnType::Int,
            Self::Bool(_) => ColumnType::Bool,
            Self::Text(_) => ColumnType::Text,
            Self::Time(_) => ColumnType::Time,
        }
    }

    /// Whether a row has no value.
    ///
    /// # Panics
    /// When the row is out of bounds.
    pub fn is_missing(&self, row: usize) -> bool {
        match self {
            Self::Float(values) => values[row].is_nan(),
            Self::Int(values) | Self::Time(values) => values[row].is_none(),
            Self::Bool(values) => values[row].is_none(),
            Self::Text(values) => values[row].is_none(),
        }
    }

    /// The value of a row as a number; NaN where it is missing or a text.
    pub fn number(&self, row: usize) -> f64 {
        match self {
            Self::Float(values) => values[row],
            Self::Int(values) | Self::Time(values) => values[row].map_or(f64::NAN, |v| v as f64),
            Self::Bool(values) => values[row].map_or(f64::NAN, f64::from),
            Self::Text(_) => f64::NAN,
        }
    }

    /// All values as numbers (see [`Column::number`]); `None` for a text column.
    pub fn numbers(&self) -> Option<Vec<f64>> {
        match self {
            Self::Text(_) => None,
            Self::Float(values) => Some(values.clone()),
            _ => Some((0..self.len()).map(|row| self.number(row)).collect()),
        }
    }

    /// All values as numbers in whose order and differences nothing is lost: whole numbers of which some lie beyond 2^53
    /// are less the one in their middle; `None` for a text column.
    pub fn centred_numbers(&self) -> Option<Vec<f64>> {
        const EXACT: u64 = 1 << 53;
        match self {
            Self::Int(values) if values.iter().flatten().any(|value| value.unsigned_abs() > EXACT) => {
                let mut present: Vec<i64> = values.iter().flatten().copied().collect();
                let middle = present.len() / 2;
                let middle = i128::from(*present.select_nth_unstable(middle).1);
                let less = |value: i64| (i128::from(value) - middle) as f64;
                Some(values.iter().map(|value| value.map_or(f64::NAN, less)).collect())
            }
            _ => self.numbers(),
        }
    }

    /// The value of a row as a person would write it; `None` where it is missing.
    pub fn label(&self, row: usize) -> Option<Arc<str>> {
        match self {
            Self::Float(values) => (!values[row].is_nan()).then(|| values[row].to_string().into()),
            Self::Int(values) => values[row].map(|v| v.to_string().into()),
            Self::Bool(values) => values[row].map(|v| if v { "true" } else { "false" }.into()),
            Self::Text(values) => values[row].clone(),
            Self::Time(values) => values[row].map(|v| crate::time::Timestamp(v).to_string().into()),
        }
    }

    /// The rows at `rows`, in that order.
    ///
    /// # Panics
    /// When a row is out of bounds.
    pub fn take(&self, rows: &[usize]) -> Self {
        fn pick<T: Clone>(values: &[T], rows: &[usize]) -> Vec<T> {
            rows.iter().map(|&row| values[row].clone()).collect()
        }
        match self {
            Self::Float(values) => Self::Float(pick(values, rows)),
            Self::Int(values) => Self::Int(pick(values, rows)),
            Self::Bool(values) => Self::Bool(pick(values, rows)),
            Self::Text(values) => Self::Text(pick(values, rows)),
            Self::Time(values) => Self::Time(pick(values, rows)),
        }
    }
}

/// What stands for "missing" in a cell of a text file, in a column of numbers, yes/no or times. In a text column only an empty
/// cell is missing: `NA` may be Namibia there.
const MISSING_CELLS: [&str; 10] = ["", "NA", "N/A", "NaN", "nan", "null", "NULL", "None", "?", "<NA>"];

/// Whether a cell of a text file stands for a missing value, in a column of anything but texts.
pub fn is_missing_cell(cell: &str) -> bool {
    cell.len() <= 4 && MISSING_CELLS.contains(&cell)
}

/// Why columns do not make a table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant says what it is")]
pub enum TableError {
    #[error("column `{name}` has {rows} rows, the table has {expected}")]
    RaggedColumn { name: String, rows: usize, expected: usize },
    #[error("there are {columns} columns for {names} names")]
    OtherCount { columns: usize, names: usize },
    #[error("column `{0}` stands twice in the table")]
    DuplicateColumn(String),
    #[error("there is no column `{name}`; the table has {}", .present.join(", "))]
    UnknownColumn { name: String, present: Vec<String> },
}

/// Names of columns, each once. Cloning is cheap: tables that are made again and again share them.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct ColumnNames(Arc<Vec<String>>);

impl ColumnNames {
    /// These names, in this order.
    ///
    /// # Errors
    /// When a name stands twice.
    pub fn new(names: Vec<String>) -> Result<Self, TableError> {
        let mut seen = HashSet::with_capacity(names.len());
        match names.iter().find(|name| !seen.insert(name.as_str())) {
            Some(name) => Err(TableError::DuplicateColumn(name.clone())),
            None => Ok(Self(Arc::new(names))),
        }
    }

    /// All of them, in their order.
    pub fn as_slice(&self) -> &[String] {
        &self.0
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Named columns of one length.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Table {
    names: ColumnNames,
    columns: Vec<Column>,
    rows: usize,
}

impl Table {
    /// A table of these columns, in this order; without columns it has no rows.
    ///
    /// # Errors
    /// When a column has another length than the first one, or a name stands twice.
    pub fn new(columns: Vec<(String, Column)>) -> Result<Self, TableError> {
        let rows = columns.first().map_or(0, |(_, column)| column.len());
        let mut table = Self { names: ColumnNames::default(), columns: Vec::new(), rows };
        for (name, column) in columns {
            table.push(name, column)?;
        }
        Ok(table)
    }

    /// A table of columns whose names are known: nothing is searched or copied.
    ///
    /// # Errors
    /// When a column has another length than the first one, or there are not as many as names.
    pub fn with_names(names: ColumnNames, columns: Vec<Column>) -> Result<Self, TableError> {
        let rows = columns.first().map_or(0, Column::len);
        if names.len() != columns.len() {
            return Err(TableError::OtherCount { columns: columns.len(), names: names.len() });
        }
        match columns.iter().position(|column| column.len() != rows) {
            Some(at) => {
                let (name, found) = (names.0[at].clone(), columns[at].len());
                Err(TableError::RaggedColumn { name, rows: found, expected: rows })
            }
            None => Ok(Self { names, columns, rows }),
        }
    }

    /// Adds a column at the end.
    pub fn push(&mut self, name: impl Into<String>, column: Column) -> Result<(), TableError> {
        let name = name.into();
        if self.columns.is_empty() {
            self.rows = column.len();
        }
        if column.len() != self.rows {
            return Err(TableError::RaggedColumn { name, rows: column.len(), expected: self.rows });
        }
        if self.names().contains(&name) {
            return Err(TableError::DuplicateColumn(name));
        }
        Arc::make_mut(&mut self.names.0).push(name);
        self.columns.push(column);
        Ok(())
    }

    /// The names and the columns, in their order.
    pub fn into_parts(self) -> (ColumnNames, Vec<Column>) {
        (self.names, self.columns)
    }

    /// Rows of each column.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The names of the columns, in their order.
    pub fn names(&self) -> &[String] {
        &self.names.0
    }

    /// Name and values of each column, in their order.
    pub fn columns(&self) -> impl Iterator<Item = (&str, &Column)> {
        self.names().iter().map(String::as_str).zip(&self.columns)
    }

    /// The column of this name; `None`: there is none.
    pub fn get(&self, name: &str) -> Option<&Column> {
        self.names().iter().position(|n| n == name).map(|at| &self.columns[at])
    }

    /// Finds columns that are asked for one after the other, mostly in the order in which they stand.
    pub fn finder(&self) -> ColumnFinder<'_> {
        ColumnFinder { table: self, next: 0 }
    }

    /// Which column has this name; `None`: none has.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.names().iter().position(|found| found == name)
    }

    /// The name and the values of the column at `at`, from 0 on; `None` behind the last one.
    pub fn column_at(&self, at: usize) -> Option<(&str, &Column)> {
        Some((self.names().get(at)?, self.columns.get(at)?))
    }

    /// The column, or an error that names the ones there are.
    pub fn column(&self, name: &str) -> Result<&Column, TableError> {
        self.get(name)
            .ok_or_else(|| TableError::UnknownColumn { name: name.to_owned(), present: self.names().to_vec() })
    }

    /// The rows at `rows`, in that order.
    ///
    /// # Panics
    /// When a row is out of bounds.
    pub fn take(&self, rows: &[usize]) -> Self {
        Self {
            names: self.names.clone(),
            columns: self.columns.iter().map(|column| column.take(rows)).collect(),
            rows: rows.len(),
        }
    }

    /// [`Table::take`] of a table that is not needed any more: when all rows are wanted in their order, nothing is copied.
    ///
    /// # Panics
    /// When a row is out of bounds.
    pub fn into_rows(self, rows: &[usize]) -> Self {
        let is_whole = rows.len() == self.rows && rows.iter().enumerate().all(|(at, row)| at == *row);
        if is_whole { self } else { self.take(rows) }
    }

    /// [`Table::select`] of a table that is not needed any more: no column is copied.
    pub fn into_columns(self, keep: impl Fn(&str) -> bool) -> Self {
        let named = self.names.0.iter().zip(self.columns);
        let (names, columns) =
            named.filter(|(name, _)| keep(name)).map(|(name, column)| (name.clone(), column)).unzip();
        Self { names: ColumnNames(Arc::new(names)), columns, rows: self.rows }
    }

    /// The columns for which `keep` says yes, in their order.
    pub fn select(&self, keep: impl Fn(&str) -> bool) -> Self {
        let (names, columns) = self
            .columns()
            .filter(|(name, _)| keep(name))
            .map(|(name, column)| (name.to_owned(), column.clone()))
            .unzip();
        Self { names: ColumnNames(Arc::new(names)), columns, rows: self.rows }
    }
}

/// Finds the columns of a table by name. See [`Table::finder`].
#[derive(Clone, Debug)]
pub struct ColumnFinder<'t> {
    table: &'t Table,
    /// Behind the column that was found last.
    next: usize,
}

impl<'t> ColumnFinder<'t> {
    /// The column of this name, looked for behind the last one first; `None`: there is none.
    pub fn find(&mut self, name: &str) -> Option<&'t Column> {
        let names = self.table.names();
        let (before, behind) = names.split_at(self.next.min(names.len()));
        let place = |names: &[String]| names.iter().position(|found| found == name);
        let at = place(behind).map(|at| before.len() + at).or_else(|| place(before))?;
        self.next = at + 1;
        self.table.columns.get(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ragged_and_duplicate_columns_are_refused() {
        let mut table = Table::new(vec![("a".into(), Column::Float(vec![1.0, f64::NAN]))]).unwrap();
        assert!(matches!(table.push("b", Column::Int(vec![None])), Err(TableError::RaggedColumn { .. })));
        assert!(matches!(table.push("a", Column::Int(vec![None, None])), Err(TableError::DuplicateColumn(_))));
        assert!(table.column("a").unwrap().is_missing(1));
    }

    #[test]
    fn a_table_of_known_names_is_one_of_its_columns_and_has_names_of_its_own_once_it_grows() {
        let names = ColumnNames::new(vec!["a".into(), "b".into()]).unwrap();
        let columns = |rows: [usize; 2]| rows.map(|rows| Column::Int(vec![Some(1); rows])).to_vec();
        let mut table = Table::with_names(names.clone(), columns([2, 2])).unwrap();
        let pushed = Table::new(["a".into(), "b".into()].into_iter().zip(columns([2, 2])).collect()).unwrap();
        assert_eq!(table, pushed);
        table.push("c", Column::Int(vec![None; 2])).unwrap();
        assert_eq!(
            (table.names().len(), Table::with_names(names.clone(), columns([0, 0])).unwrap().names().len()),
            (3, 2)
        );
        let ragged = Table::with_names(names.clone(), columns([2, 1])).unwrap_err().to_string();
        assert_eq!(ragged, "column `b` has 1 rows, the table has 2");
        assert!(matches!(Table::with_names(names, Vec::new()), Err(TableError::OtherCount { columns: 0, names: 2 })));
        let twice = ColumnNames::new(vec!["a".into(), "a".into()]);
        assert_eq!(twice, Err(TableError::DuplicateColumn("a".into())));
    }

    #[test]
    fn taking_rows_keeps_their_order() {
        let table = Table::new(vec![("a".into(), Column::Int(vec![Some(1), Some(2), None]))]).unwrap();
        assert_eq!(table.take(&[2, 0]).column("a").unwrap(), &Column::Int(vec![None, Some(1)]));
    }

    #[test]
    fn columns_are_found_in_any_order() {
        let names = ["a", "b", "c", "d"];
        let column = |at: usize| Column::Int(vec![Some(at as i64)]);
        let table =
            Table::new(names.iter().enumerate().map(|(at, name)| ((*name).into(), column(at))).collect()).unwrap();
        for asked in [&names[..], &["d", "c", "b", "a"], &["b", "b", "x", "d", "a", "c"], &["c", "d", "a"]] {
            let mut finder = table.finder();
            for name in asked {
                assert_eq!(finder.find(name), table.get(name), "{name} of {asked:?}");
            }
        }
        assert_eq!(Table::default().finder().find("a"), None);
    }
}
