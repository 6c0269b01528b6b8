//! The values of one column on their way into a profile: numbers as they are, texts as a table of counts.

use crate::drift::{Sample, Scalar};
use crate::sketch;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// Different texts that a column is counted by; rows of further ones are only counted.
pub const MAX_TEXTS: usize = 1_000_000;

/// How the values are stored in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stored {
    /// Floating point.
    Float,
    /// Whole numbers.
    Int,
    /// Yes or no.
    Bool,
    /// Texts.
    Text,
    /// Moments in time, as milliseconds since the epoch.
    Time,
}

/// One column.
#[derive(Debug, Clone)]
pub enum ColumnValues {
    /// Numbers, yes/no as 1 and 0, times in milliseconds; NaN is missing.
    /// In the order of the rows.
    Numbers(Vec<f64>),
    /// Whole numbers of which some lie beyond 2^53, so that a double rounds them.
    Wholes(WholeValues),
    /// Texts.
    Texts(TextCounts),
}

impl ColumnValues {
    /// Adds rows of numbers.
    pub fn add_numbers(&mut self, more: &[f64]) {
        match self {
            ColumnValues::Numbers(values) => values.extend_from_slice(more),
            ColumnValues::Wholes(values) => more.iter().for_each(|value| values.add(whole(*value))),
            ColumnValues::Texts(_) => {}
        }
    }

    /// Adds rows of whole numbers, of which some lie beyond 2^53; `None` is missing. Rows before them were exact as doubles.
    pub fn add_wholes(&mut self, more: &[Option<i64>]) {
        if let ColumnValues::Numbers(values) = self {
            let mut wholes = WholeValues::default();
            values.iter().for_each(|value| wholes.add(whole(*value)));
            *self = ColumnValues::Wholes(wholes);
        }
        if let ColumnValues::Wholes(values) = self {
            more.iter().for_each(|value| values.add(*value));
        }
    }
}

fn whole(value: f64) -> Option<i64> {
    (!value.is_nan()).then_some(value as i64)
}

/// Whole numbers in the order of their rows, and the rows without one.
#[derive(Debug, Clone, Default)]
pub struct WholeValues {
    values: Vec<i64>,
    missing: u64,
}

impl WholeValues {
    /// Adds a row; `None` is missing.
    pub fn add(&mut self, value: Option<i64>) {
        match value {
            Some(value) => self.values.push(value),
            None => self.missing += 1,
        }
    }

    /// Whether they grow from row to row without a gap.
    pub(super) fn grow(&self) -> bool {
        self.missing == 0 && self.values.windows(2).all(|pair| pair[0] < pair[1])
    }

    /// The same, sorted.
    pub fn into_sample(self) -> Sample<i64> {
        Sample::of_wholes(self.values, self.missing)
    }
}

/// A sorted column of numbers, for exact distances.
#[derive(Debug, Clone)]
pub enum ColumnSample {
    /// Doubles.
    Numbers(Sample),
    /// Whole numbers that doubles would round.
    Wholes(Sample<i64>),
}

impl ColumnSample {
    /// Rows, with or without a value.
    pub fn rows(&self) -> u64 {
        let finite = match self {
            ColumnSample::Numbers(sample) => sample.rows(),
            ColumnSample::Wholes(sample) => sample.rows(),
        };
        finite + self.missing() + self.infinite()
    }

    /// Rows without a value.
    pub fn missing(&self) -> u64 {
        match self {
            ColumnSample::Numbers(sample) => sample.missing,
            ColumnSample::Wholes(sample) => sample.missing,
        }
    }

    /// Rows with an infinite number.
    pub fn infinite(&self) -> u64 {
        match self {
            ColumnSample::Numbers(sample) => sample.infinite,
            ColumnSample::Wholes(sample) => sample.infinite,
        }
    }
}

/// Texts by how often each occurs. Bounded: past [`MAX_TEXTS`] different ones the rest is counted together.
#[derive(Debug, Clone, Default)]
pub struct TextCounts {
    table: HashMap<Box<str>, u64>,
    rows: u64,
    missing: u64,
    uncounted: u64,
    characters: u64,
    /// Counts on when the table is full.
    distinct: Option<sketch::Distinct>,
}

impl TextCounts {
    /// Adds `rows` rows of one text.
    pub fn add(&mut self, text: &str, rows: u64) {
        self.rows += rows;
        self.characters += rows * text.chars().count() as u64;
        if let Some(count) = self.table.get_mut(text) {
            *count += rows;
        } else if self.table.len() < MAX_TEXTS {
            self.table.insert(text.into(), rows);
        } else {
            self.uncounted += rows;
            let table = &self.table;
            let sketch = self.distinct.get_or_insert_with(|| {
                let mut sketch = sketch::Distinct::default();
                table.keys().for_each(|known| sketch.add(known.as_bytes()));
                sketch
            });
            sketch.add(text.as_bytes());
        }
    }

    /// Adds rows without a text.
    pub fn add_missing(&mut self, rows: u64) {
        self.rows += rows;
        self.missing += rows;
    }

    /// Rows, with or without a text.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Rows without a text.
    pub fn missing(&self) -> u64 {
        self.missing
    }

    /// Different texts, and whether that is exact.
    pub fn distinct(&self) -> (u64, bool) {
        match &self.distinct {
            None => (self.table.len() as u64, true),
            Some(sketch) => ((sketch.estimate().round() as u64).max(self.table.len() as u64 + 1), false),
        }
    }

    /// Mean length in characters; `None` without texts.
    pub fn mean_length(&self) -> Option<f64> {
        let texts = self.rows - self.missing;
        (texts > 0).then(|| self.characters as f64 / texts as f64)
    }

    /// Texts with their counts, most frequent first, ties by text.
    pub fn by_count(&self) -> Vec<(&str, u64)> {
        let mut table: Vec<(&str, u64)> = self.table.iter().map(|(text, rows)| (&**text, *rows)).collect();
        table.sort_unstable_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
        table
    }

    /// Rows whose text did not fit into the table any more.
    pub fn uncounted(&self) -> u64 {
        self.uncounted
    }
}

/// A number as the name of a category: whole ones without a fraction.
pub fn number_label(value: f64) -> String {
    if value.fract() == 0.0 && value.abs() < 1e15 { (value as i64).to_string() } else { value.to_string() }
}

/// The distinct values of ascending numbers with their counts, in their order.
pub(crate) fn runs<T: Scalar>(sorted: &[T]) -> Vec<(T, u64)> {
    let mut runs: Vec<(T, u64)> = Vec::new();
    for value in sorted {
        match runs.last_mut() {
            Some((last, count)) if *last == *value => *count += 1,
            _ => runs.push((*value, 1)),
        }
    }
    runs
}

/// How many distinct values ascending numbers have.
pub(crate) fn distinct<T: Scalar>(sorted: &[T]) -> u64 {
    let steps = sorted.windows(2).filter(|pair| pair[0] != pair[1]).count() as u64;
    if sorted.is_empty() { 0 } else { steps + 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_past_the_bound_are_counted_and_named_no_more() {
        let mut texts = TextCounts::default();
        (0..MAX_TEXTS + 5_000).for_each(|i| texts.add(&i.to_string(), 1));
        texts.add("0", 3);
        texts.add_missing(2);
        assert_eq!((texts.rows(), texts.missing(), texts.uncounted()), (MAX_TEXTS as u64 + 5_005, 2, 5_000));
        let (distinct, exact) = texts.distinct();
        assert!(!exact && (distinct as f64 / 1_005_000.0 - 1.0).abs() < 0.06, "{distinct}");
        assert_eq!(texts.by_count()[0], ("0", 4));
    }

    #[test]
    fn numbers_are_named_as_a_person_writes_them() {
        assert_eq!([1.0, -3.0, 0.5, 1e300, -0.0].map(number_label), ["1", "-3", "0.5", &1e300.to_string(), "0"]);
    }

    #[test]
    fn whole_numbers_behind_small_ones_stay_what_they_are() {
        let mut values = ColumnValues::Numbers(Vec::new());
        values.add_numbers(&[7.0, f64::NAN]);
        values.add_wholes(&[Some(i64::MAX), None, Some(i64::MAX - 1)]);
        values.add_numbers(&[-3.0]);
        let ColumnValues::Wholes(values) = values else { panic!("{values:?}") };
        let sample = values.into_sample();
        assert_eq!((sample.values(), sample.missing), ([-3, 7, i64::MAX - 1, i64::MAX].as_slice(), 2));
    }

    #[test]
    fn runs_are_counted() {
        assert_eq!(runs(&[1.0, 1.0, 2.0]), [(1.0, 2), (2.0, 1)]);
        assert_eq!((distinct::<f64>(&[]), distinct(&[1.0]), distinct(&[1.0, 1.0, 2.0])), (0, 1, 2));
    }
}
