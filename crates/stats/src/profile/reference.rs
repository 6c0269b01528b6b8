//! What later values of a column are compared with, and the counts of such values.

use super::values::{ColumnSample, Stored, TextCounts, number_label, runs};
use crate::drift::{
    CategoricalCounts, CategoricalReference, Distance, FormatError, Measure, NumericCounts, NumericReference, Sample,
    Scalar,
};
use crate::outcome::{MetricResult, Unmeasured};
use std::collections::HashMap;

/// What later values are compared with.
#[derive(Debug, Clone, PartialEq)]
pub enum ReferenceDistribution {
    /// Bins at the quantiles.
    Numeric(NumericReference),
    /// A table of values.
    Categorical(CategoricalReference),
}

/// Rows of a column, counted by a [`ReferenceDistribution`].
#[derive(Debug, Clone, PartialEq)]
pub enum ColumnCounts {
    /// By its bins.
    Numeric(NumericCounts),
    /// By its table.
    Categorical(CategoricalCounts),
}

impl ColumnCounts {
    /// Adds rows that the same reference counted.
    pub fn merge(&mut self, other: &ColumnCounts) -> MetricResult<()> {
        match (self, other) {
            (ColumnCounts::Numeric(a), ColumnCounts::Numeric(b)) => a.merge(b),
            (ColumnCounts::Categorical(a), ColumnCounts::Categorical(b)) => a.merge(b),
            _ => Err(Unmeasured::bad_input("window", "its counts belong to another reference")),
        }
    }

    /// Rows, with or without a value.
    pub fn rows(&self) -> u64 {
        match self {
            ColumnCounts::Numeric(counts) => counts.rows,
            ColumnCounts::Categorical(counts) => counts.rows,
        }
    }

    /// Rows without a value.
    pub fn missing(&self) -> u64 {
        match self {
            ColumnCounts::Numeric(counts) => counts.missing,
            ColumnCounts::Categorical(counts) => counts.missing,
        }
    }

    /// Adds rows without a value.
    pub fn add_missing(&mut self, more: u64) {
        let (rows, missing) = match self {
            ColumnCounts::Numeric(counts) => (&mut counts.rows, &mut counts.missing),
            ColumnCounts::Categorical(counts) => (&mut counts.rows, &mut counts.missing),
        };
        *rows += more;
        *missing += more;
    }
}

impl ReferenceDistribution {
    /// Empty counts.
    pub fn window(&self) -> ColumnCounts {
        match self {
            ReferenceDistribution::Numeric(reference) => ColumnCounts::Numeric(reference.window()),
            ReferenceDistribution::Categorical(reference) => ColumnCounts::Categorical(reference.window()),
        }
    }

    /// Counts that this reference made, as bytes; `None` for those of another kind.
    pub fn counts_to_bytes(&self, counts: &ColumnCounts) -> Option<Vec<u8>> {
        match (self, counts) {
            (ReferenceDistribution::Numeric(_), ColumnCounts::Numeric(counts)) => Some(counts.to_bytes()),
            (ReferenceDistribution::Categorical(reference), ColumnCounts::Categorical(counts)) => {
                Some(reference.counts_to_bytes(counts))
            }
            _ => None,
        }
    }

    /// Reads counts that this reference made; everything is checked.
    pub fn read_counts(&self, bytes: &[u8]) -> Result<ColumnCounts, FormatError> {
        Ok(match self {
            ReferenceDistribution::Numeric(reference) => ColumnCounts::Numeric(reference.read_counts(bytes)?),
            ReferenceDistribution::Categorical(reference) => ColumnCounts::Categorical(reference.read_counts(bytes)?),
        })
    }

    /// One measure of a window against this reference.
    pub fn distance(&self, window: &ColumnCounts, measure: Measure) -> MetricResult<Distance> {
        match (self, window) {
            (ReferenceDistribution::Numeric(reference), ColumnCounts::Numeric(window)) => {
                reference.distance(window, measure)
            }
            (ReferenceDistribution::Categorical(reference), ColumnCounts::Categorical(window)) => {
                reference.distance(window, measure)
            }
            _ => Err(Unmeasured::bad_input("window", "its counts belong to another reference")),
        }
    }

    /// The reference that other numbers make with the same bins or values; `None` without a finite one.
    pub(super) fn like_sample<T: Scalar>(
        &self,
        stored: Stored,
        sample: &Sample<T>,
    ) -> MetricResult<Option<ReferenceDistribution>> {
        if sample.values().is_empty() {
            return Ok(None);
        }
        Ok(Some(match self {
            ReferenceDistribution::Numeric(reference) => {
                ReferenceDistribution::Numeric(reference.like(reference.count_sample(sample))?)
            }
            ReferenceDistribution::Categorical(reference) => {
                let labelled = labels(stored, sample.values());
                let table: Vec<(&str, u64)> = labelled.iter().map(|(label, rows)| (label.as_str(), *rows)).collect();
                ReferenceDistribution::Categorical(reference.like(&table, sample.missing + sample.infinite)?)
            }
        }))
    }

    /// Counts numbers in any order; many columns' worth of rows may be counted piece by piece and merged.
    pub fn count_numbers(&self, stored: Stored, values: &[f64]) -> ColumnCounts {
        match self {
            ReferenceDistribution::Numeric(reference) => ColumnCounts::Numeric(reference.count(values)),
            ReferenceDistribution::Categorical(reference) => {
                let mut counts: HashMap<u64, u64> = HashMap::new();
                for value in values {
                    // Both zeros are one value, and what is not finite is none.
                    let value = if value.is_finite() { value + 0.0 } else { f64::NAN };
                    *counts.entry(value.to_bits()).or_default() += 1;
                }
                let mut window = reference.window();
                for (bits, rows) in counts {
                    let value = f64::from_bits(bits);
                    let label = (!value.is_nan()).then(|| label(stored, value));
                    reference.add_many(&mut window, label.as_deref(), rows);
                }
                ColumnCounts::Categorical(window)
            }
        }
    }

    /// Counts whole numbers in any order; `None` is missing.
    pub fn count_wholes(&self, values: &[Option<i64>]) -> ColumnCounts {
        match self {
            ReferenceDistribution::Numeric(reference) => ColumnCounts::Numeric(reference.count_wholes(values)),
            ReferenceDistribution::Categorical(reference) => {
                let mut counts: HashMap<Option<i64>, u64> = HashMap::new();
                values.iter().for_each(|value| *counts.entry(*value).or_default() += 1);
                let mut counts: Vec<_> = counts.into_iter().collect();
                counts.sort_unstable();
                let mut window = reference.window();
                for (value, rows) in counts {
                    reference.add_many(&mut window, value.map(|value| value.to_string()).as_deref(), rows);
                }
                ColumnCounts::Categorical(window)
            }
        }
    }

    /// Counts a sorted sample of numbers.
    pub fn count_sample(&self, stored: Stored, sample: &ColumnSample) -> ColumnCounts {
        match sample {
            ColumnSample::Numbers(sample) => self.count_sorted(stored, sample),
            ColumnSample::Wholes(sample) => self.count_sorted(stored, sample),
        }
    }

    fn count_sorted<T: Scalar>(&self, stored: Stored, sample: &Sample<T>) -> ColumnCounts {
        match self {
            ReferenceDistribution::Numeric(reference) => ColumnCounts::Numeric(reference.count_sample(sample)),
            ReferenceDistribution::Categorical(reference) => {
                let mut window = reference.window();
                for (label, rows) in labels(stored, sample.values()) {
                    reference.add_many(&mut window, Some(&label), rows);
                }
                reference.add_many(&mut window, None, sample.missing + sample.infinite);
                ColumnCounts::Categorical(window)
            }
        }
    }

    /// Counts texts; `None` when the reference holds numbers.
    pub fn count_texts(&self, texts: &TextCounts) -> Option<ColumnCounts> {
        let ReferenceDistribution::Categorical(reference) = self else { return None };
        let mut window = reference.window();
        texts.by_count().into_iter().for_each(|(text, rows)| reference.add_many(&mut window, Some(text), rows));
        // Texts past the bound are of a kind that the reference cannot know either.
        window.rows += texts.uncounted();
        window.unseen += texts.uncounted();
        reference.add_many(&mut window, None, texts.missing());
        Some(ColumnCounts::Categorical(window))
    }
}

/// The categories of numbers or of yes and no.
pub(super) fn categories<T: Scalar>(stored: Stored, sample: &Sample<T>) -> MetricResult<CategoricalReference> {
    let labelled = labels(stored, sample.values());
    let mut table: Vec<(&str, u64)> = labelled.iter().map(|(label, rows)| (label.as_str(), *rows)).collect();
    table.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    // Infinite values are missing for comparisons.
    let missing = sample.missing + sample.infinite;
    CategoricalReference::of_table(&table, sample.rows() + missing, missing)
}

/// Ascending numbers as categories with their rows.
fn labels<T: Scalar>(stored: Stored, sorted: &[T]) -> Vec<(String, u64)> {
    runs(sorted).into_iter().map(|(value, rows)| (label(stored, value), rows)).collect()
}

fn label<T: Scalar>(stored: Stored, value: T) -> String {
    match stored {
        Stored::Bool => if value.number() != 0.0 { "true" } else { "false" }.to_owned(),
        _ if T::IS_WHOLE => T::wholes(&[value]).first().map_or_else(String::new, ToString::to_string),
        _ => number_label(value.number()),
    }
}
