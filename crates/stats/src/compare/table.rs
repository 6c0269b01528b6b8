//! All columns of two tables, corrected for their number and sorted by attention.

use super::column::ColumnDrift;
use super::{Level, benjamini_hochberg};
use crate::profile::{Stored, stored_alike};
use serde::{Deserialize, Serialize};

/// A column that is not in both tables as it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum SchemaChange {
    /// The current table lacks it.
    Removed {
        /// The column.
        column: String,
    },
    /// The reference lacks it.
    Added {
        /// The column.
        column: String,
    },
    /// It holds another type.
    Retyped {
        /// The column.
        column: String,
        /// In the reference.
        from: Stored,
        /// In the current table.
        to: Stored,
    },
}

impl SchemaChange {
    /// What became of the type of a column; whole and other numbers are one.
    pub fn of_type(column: &str, from: Stored, to: Stored) -> Option<Self> {
        (!stored_alike(from, to)).then(|| SchemaChange::Retyped { column: column.to_owned(), from, to })
    }

    /// How much it matters: what a model reads is gone, or is there and nothing reads it.
    pub fn level(&self) -> Level {
        match self {
            SchemaChange::Removed { .. } | SchemaChange::Retyped { .. } => Level::Alert,
            SchemaChange::Added { .. } => Level::Info,
        }
    }

    /// The column.
    pub fn column(&self) -> &str {
        match self {
            SchemaChange::Removed { column }
            | SchemaChange::Added { column }
            | SchemaChange::Retyped { column, .. } => column,
        }
    }
}

/// Two tables beside each other.
#[derive(Debug, Clone, PartialEq)]
pub struct TableDrift {
    /// Rows of the reference.
    pub reference_rows: u64,
    /// Rows of the current table.
    pub current_rows: u64,
    /// Columns that are not in both as they were.
    pub schema: Vec<SchemaChange>,
    /// Columns that are in both, by attention: highest level first, then the largest effect, then by name.
    pub columns: Vec<ColumnDrift>,
}

impl TableDrift {
    /// Corrects the columns' evidence for their number, gives them their levels, and sorts them.
    pub fn new(rows: (u64, u64), schema: Vec<SchemaChange>, mut columns: Vec<ColumnDrift>) -> Self {
        let tested: Vec<usize> = (0..columns.len()).filter(|at| columns[*at].p.is_some()).collect();
        let p: Vec<f64> = tested.iter().filter_map(|at| columns[*at].p).collect();
        for (at, adjusted) in tested.into_iter().zip(benjamini_hochberg(&p)) {
            columns[at].p_adjusted = Some(adjusted);
        }
        columns.iter_mut().for_each(ColumnDrift::set_level);
        columns.sort_by(|a, b| b.level.cmp(&a.level).then(b.weight().total_cmp(&a.weight())).then(a.name.cmp(&b.name)));
        TableDrift { reference_rows: rows.0, current_rows: rows.1, schema, columns }
    }

    /// The highest level of all.
    pub fn level(&self) -> Level {
        let schema = self.schema.iter().map(SchemaChange::level);
        self.columns.iter().map(|column| column.level).chain(schema).max().unwrap_or(Level::Calm)
    }

    /// Columns (and schema changes) of a level.
    pub fn count(&self, level: Level) -> usize {
        let schema = self.schema.iter().filter(|change| change.level() == level).count();
        schema + self.columns.iter().filter(|column| column.level == level).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::{CurrentColumn, ReadingKind, RowCounts};
    use crate::profile::{ColumnProfile, ColumnSample};
    use crate::random::Random;

    fn compared(name: &str, old: &[f64], new: &[f64]) -> ColumnDrift {
        let numbers = |values: &[f64]| {
            let (profile, sample) = ColumnProfile::of_numbers(name, Stored::Float, values.to_vec());
            (profile, ColumnSample::Numbers(sample))
        };
        let ((reference, a), (current, b)) = (numbers(old), numbers(new));
        let counts = reference.reference.as_ref().map(|frozen| frozen.count_sample(Stored::Float, &b));
        let side = RowCounts { rows: current.rows, missing: current.missing, infinite: current.infinite };
        ColumnDrift::of(&reference, &CurrentColumn { stored: Stored::Float, side, counts, exact: Some((&a, &b)) })
    }

    fn normals(random: &mut Random, rows: usize, shift: f64) -> Vec<f64> {
        (0..rows).map(|_| random.normal() + shift).collect()
    }

    #[test]
    fn fifty_columns_without_drift_are_calm_and_the_shifted_one_leads() {
        let mut random = Random::seeded(11);
        let mut alarms = 0;
        for round in 0..20 {
            let columns = (0..50)
                .map(|at| {
                    let shift = if at == 33 { 0.4 } else { 0.0 };
                    compared(&format!("x{at}"), &normals(&mut random, 2000, 0.0), &normals(&mut random, 800, shift))
                })
                .collect();
            let drift = TableDrift::new((2000, 800), Vec::new(), columns);
            assert_eq!((drift.columns[0].name.as_str(), drift.columns[0].level), ("x33", Level::Alert), "{round}");
            alarms += drift.columns.iter().skip(1).filter(|column| column.level > Level::Info).count();
        }
        assert!(alarms <= 2, "{alarms} of 980 calm columns");
    }

    #[test]
    fn what_is_missing_infinite_or_out_of_range_is_read_beside_the_distance() {
        let old: Vec<f64> = (0..1000).map(f64::from).collect();
        let mut new = old.clone();
        new[..60].fill(f64::NAN);
        new[60..90].fill(f64::INFINITY);
        new[90..140].fill(1e9);
        let drift = compared("x", &old, &new);
        let kinds: Vec<_> = drift.readings.iter().map(|reading| (reading.kind, reading.rows, reading.level)).collect();
        assert_eq!(
            kinds,
            [
                (ReadingKind::Missing, 60, Level::Alert),
                (ReadingKind::Infinite, 30, Level::Alert),
                (ReadingKind::OutOfRange, 50, Level::Alert)
            ]
        );
    }

    #[test]
    fn too_few_values_are_thin_and_never_calm() {
        let few: Vec<f64> = (0..40).map(f64::from).collect();
        let drift = TableDrift::new((40, 40), Vec::new(), vec![compared("x", &few, &few)]);
        assert_eq!((drift.columns[0].level, drift.columns[0].distances.len()), (Level::TooFew, 0));
    }

    #[test]
    fn a_removed_column_is_worth_acting_on_and_an_added_one_a_note() {
        let change = |text: &str| text.to_owned();
        let schema = vec![SchemaChange::Removed { column: change("a") }, SchemaChange::Added { column: change("b") }];
        let drift = TableDrift::new((1, 1), schema, Vec::new());
        assert_eq!((drift.level(), drift.count(Level::Alert), drift.count(Level::Info)), (Level::Alert, 1, 1));
        assert_eq!(SchemaChange::of_type("a", Stored::Int, Stored::Float), None);
        assert!(SchemaChange::of_type("a", Stored::Int, Stored::Text).is_some());
    }
}
