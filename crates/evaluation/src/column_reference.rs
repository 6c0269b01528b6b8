//! The frozen distribution of one column, and a window of it that is counted by it.
//!
//! Invariants: a numeric column with at most twenty distinct values is compared by category; identifiers (texts that are
//! mostly unique) and times are not compared, because they always differ.

use std::sync::Arc;

use kilter_domain::table::Column;
use kilter_stats::{
    MetricResult,
    drift::{
        CategoricalCounts, CategoricalReference, Distance, DistributionRef, Measure, NumericCounts, NumericReference,
    },
    profile::ReferenceDistribution,
};
use serde::{Deserialize, Serialize};

use crate::labelled_predictions::class_name;

/// Distinct values up to which a number is a category.
const CATEGORY_VALUES: usize = 20;

/// The frozen reference of one column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ColumnReference {
    /// Of numbers and times: ranges and how many rows each holds.
    Numeric(NumericReference),
    /// Of texts, truth values and numbers with few values: categories and how many rows each holds.
    Categorical(CategoricalReference),
}

/// A window of a column, counted by its reference.
#[derive(Clone, Debug, PartialEq)]
pub enum ColumnCounts {
    /// Rows by the ranges of a numeric reference.
    Numeric(NumericCounts),
    /// Rows by the categories of a categorical reference.
    Categorical(CategoricalCounts),
}

impl ColumnReference {
    /// The reference of a column, or `None` when it cannot be compared.
    pub fn of(column: &Column) -> Option<Self> {
        match column {
            Column::Time(_) => None,
            Column::Text(values) => {
                let reference = CategoricalReference::of(values.iter().map(|value| value.as_deref())).ok()?;
                let known = values.iter().flatten().count();
                let is_identifier = known > 2 * CATEGORY_VALUES && 2 * distinct_up_to(column, known / 2 + 1) > known;
                (!is_identifier).then_some(Self::Categorical(reference))
            }
            _ if distinct_up_to(column, CATEGORY_VALUES + 1) <= CATEGORY_VALUES => {
                let labels = labels(column);
                CategoricalReference::of(labels.iter().map(Option::as_deref)).ok().map(Self::Categorical)
            }
            _ => numeric(column).map(Self::Numeric),
        }
    }

    /// Counts a window of the same column.
    pub fn count(&self, column: &Column) -> Option<ColumnCounts> {
        Some(match self {
            Self::Numeric(reference) => ColumnCounts::Numeric(match column {
                Column::Int(values) => reference.count_wholes(values),
                _ => reference.count(&column.numbers()?),
            }),
            Self::Categorical(reference) => {
                let labels = labels(column);
                ColumnCounts::Categorical(reference.count(labels.iter().map(Option::as_deref)))
            }
        })
    }

    /// The same for a profile.
    pub fn frozen(&self) -> ReferenceDistribution {
        match self {
            Self::Numeric(reference) => ReferenceDistribution::Numeric(reference.clone()),
            Self::Categorical(reference) => ReferenceDistribution::Categorical(reference.clone()),
        }
    }

    /// The distance of a window from this reference.
    ///
    /// # Errors
    /// When the window was counted by a reference of another kind, has no value, or `measure` is not of this kind.
    pub fn distance(&self, window: &ColumnCounts, measure: Measure) -> MetricResult<Distance> {
        match (self, window) {
            (Self::Numeric(reference), ColumnCounts::Numeric(window)) => reference.distance(window, measure),
            (Self::Categorical(reference), ColumnCounts::Categorical(window)) => reference.distance(window, measure),
            _ => Err(kilter_stats::Unmeasured::bad_input("column", "the window was counted by another reference")),
        }
    }

    /// The measure that leads for this kind of column.
    pub fn headline(&self) -> Measure {
        match self {
            Self::Numeric(_) => Measure::NUMERIC[0],
            Self::Categorical(_) => Measure::CATEGORICAL[0],
        }
    }

    /// Rows of the reference, with or without a value.
    pub fn rows(&self) -> u64 {
        match self {
            Self::Numeric(reference) => reference.counts().rows,
            Self::Categorical(reference) => reference.counts().rows,
        }
    }

    /// Share of the reference's rows without a value.
    pub fn missing_share(&self) -> f64 {
        let missing = match self {
            Self::Numeric(reference) => reference.counts().missing,
            Self::Categorical(reference) => reference.counts().missing,
        };
        if self.rows() == 0 { 0.0 } else { missing as f64 / self.rows() as f64 }
    }

    /// What codes mean.
    pub fn law(&self) -> DistributionRef<'_> {
        match self {
            Self::Numeric(reference) => DistributionRef::Numeric(reference),
            Self::Categorical(reference) => DistributionRef::Categorical(reference),
        }
    }

    /// A column as codes; `None` when it is of another type.
    pub fn codes(&self, column: &Column) -> Option<Vec<u32>> {
        Some(match self {
            Self::Numeric(reference) => match column {
                Column::Int(values) => values.iter().map(|value| reference.code_whole(*value)).collect(),
                _ => column.numbers()?.iter().map(|value| reference.code(*value)).collect(),
            },
            Self::Categorical(reference) => {
                labels(column).iter().map(|label| reference.code(label.as_deref())).collect()
            }
        })
    }
}

impl ColumnCounts {
    /// Rows of the window, with or without a value.
    pub fn rows(&self) -> u64 {
        match self {
            Self::Numeric(counts) => counts.rows,
            Self::Categorical(counts) => counts.rows,
        }
    }

    /// Rows of the window without a value.
    pub fn missing(&self) -> u64 {
        match self {
            Self::Numeric(counts) => counts.missing,
            Self::Categorical(counts) => counts.missing,
        }
    }

    /// Rows with a value that the reference never had: another category, or outside of its range.
    pub fn strange(&self) -> u64 {
        match self {
            Self::Numeric(counts) => counts.below + counts.above + counts.infinite,
            Self::Categorical(counts) => counts.unseen,
        }
    }
}

/// The reference of a column of numbers. Whole numbers of which some lie beyond 2^53 stay whole.
fn numeric(column: &Column) -> Option<NumericReference> {
    let reference = match column {
        Column::Int(values) if values.iter().flatten().any(|value| value.unsigned_abs() > 1 << 53) => {
            NumericReference::of_wholes(values, None)
        }
        _ => NumericReference::of(&column.numbers()?),
    };
    reference.ok()
}

pub(super) fn labels(column: &Column) -> Vec<Option<Arc<str>>> {
    (0..column.len()).map(|row| class_name(column, row)).collect()
}

/// The number of distinct values, counted no further than `limit`.
fn distinct_up_to(column: &Column, limit: usize) -> usize {
    let mut seen = std::collections::HashSet::new();
    for row in 0..column.len() {
        let is_new = match column {
            Column::Text(values) => values[row].as_deref().is_some_and(|text| seen.insert(hash(text.as_bytes()))),
            _ if column.is_missing(row) => false,
            Column::Int(values) => values[row].is_some_and(|value| seen.insert(value as u64)),
            _ => seen.insert(column.number(row).to_bits()),
        };
        if is_new && seen.len() >= limit {
            break;
        }
    }
    seen.len()
}

fn hash(bytes: &[u8]) -> u64 {
    use std::hash::{DefaultHasher, Hasher};
    let mut hasher = DefaultHasher::new();
    hasher.write(bytes);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ints(values: impl Iterator<Item = i64>) -> Column {
        Column::Int(values.map(Some).collect())
    }

    #[test]
    fn few_values_are_categories_many_are_numbers() {
        assert!(matches!(ColumnReference::of(&ints((0..100).map(|i| i % 5))), Some(ColumnReference::Categorical(_))));
        assert!(matches!(ColumnReference::of(&ints(0..100)), Some(ColumnReference::Numeric(_))));
        let ids = Column::Text((0..100).map(|i| Some(Arc::from(format!("id{i}")))).collect());
        assert!(ColumnReference::of(&ids).is_none());
        assert!(ColumnReference::of(&Column::Float(vec![f64::NAN])).is_none());
    }

    #[test]
    fn a_shifted_window_is_far_and_strange() {
        let reference = ColumnReference::of(&ints(0..1000)).unwrap();
        let window = reference.count(&ints(500..1500)).unwrap();
        assert!(reference.distance(&window, Measure::Psi).unwrap().value > 0.25);
        assert_eq!(window.strange(), 500);
        let same = reference.count(&ints(0..1000)).unwrap();
        assert!(reference.distance(&same, Measure::Psi).unwrap().effect < 0.01);
    }
}
