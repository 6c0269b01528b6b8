//! What a table looks like, column by column: for a person, and frozen as the reference of later comparisons.
//!
//! Invariants: a profile needs no raw row afterwards; it merges with the counts of other rows by addition; as bytes it is
//! versioned, checked when it is read, and about 2.5 kB for a column. Columns that always differ (identifiers, free
//! texts, times) are described and never compared by their values. Out of scope: files, and what a column means.
//!
//! ```
//! use kilter_stats::profile::{ColumnProfile, ColumnValues, ValueKind, Stored, TableProfile};
//! let ages = ColumnValues::Numbers((0..500).map(|i| f64::from(i % 60)).collect());
//! let table = TableProfile::new(500, vec![ColumnProfile::of("age", Stored::Int, ages)]);
//! assert_eq!(table.column("age").map(|age| age.kind), Some(ValueKind::Number));
//! assert_eq!(TableProfile::from_bytes(&table.to_bytes()).unwrap().rows, 500);
//! ```

mod column;
mod format;
mod limits;
mod reference;
mod values;
mod warning;

pub(crate) use column::stored_alike;
pub use column::{ColumnProfile, Distinct, QUANTILES, ValueKind, WholeRange};
pub use reference::{ColumnCounts, ReferenceDistribution};
pub use values::{ColumnSample, ColumnValues, MAX_TEXTS, Stored, TextCounts, WholeValues, number_label};
pub use warning::Warning;

pub use self::limits::CATEGORY_VALUES;
use crate::outcome::{MetricResult, Unmeasured};

/// Every column of a table.
#[derive(Debug, Clone, PartialEq)]
pub struct TableProfile {
    /// Rows of the table.
    pub rows: u64,
    /// In the table's order; names are unique.
    pub columns: Vec<ColumnProfile>,
}

impl TableProfile {
    /// The columns of a table of `rows` rows.
    pub fn new(rows: u64, columns: Vec<ColumnProfile>) -> Self {
        TableProfile { rows, columns }
    }

    /// The column called `name`.
    pub fn column(&self, name: &str) -> Option<&ColumnProfile> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// Adds the rows of another profile, which must have been counted by the bins of this one.
    ///
    /// # Errors
    /// When a column is missing in one of them, or was counted by other bins.
    pub fn merge(&mut self, other: &TableProfile) -> MetricResult<()> {
        let strange = other.columns.iter().find(|column| self.column(&column.name).is_none());
        if let Some(column) = strange {
            return Err(Unmeasured::bad_input(&column.name, "the profile to add to has no such column"));
        }
        let mut merged = self.columns.clone();
        for column in &mut merged {
            let Some(more) = other.column(&column.name) else {
                return Err(Unmeasured::bad_input(&column.name, "the profile to add has no such column"));
            };
            column.merge(more)?;
        }
        self.columns = merged;
        self.rows += other.rows;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
