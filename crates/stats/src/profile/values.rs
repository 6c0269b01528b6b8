//! The values of one column on their way into a profile: numbers as they are, texts as a table of counts.

use crate::sketch;
use std::collections::HashMap;

/// Different texts that a column is counted by; rows of further ones are only counted.
pub const MOST_TEXTS: usize = 1_000_000;

/// One column.
#[derive(Debug, Clone)]
pub enum ColumnValues {
    /// Numbers, yes/no as 1 and 0, times in milliseconds; NaN is missing.
    Numbers {
        /// In the order of the rows.
        values: Vec<f64>,
        /// Whole numbers that a 64-bit float rounds (beyond 2^53).
        rounded: u64,
    },
    /// Texts.
    Texts(TextCounts),
}

/// Texts by how often each occurs. Bounded: past [`MOST_TEXTS`] different ones the rest is counted together.
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
        } else if self.table.len() < MOST_TEXTS {
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
pub(crate) fn runs(sorted: &[f64]) -> Vec<(f64, u64)> {
    let mut runs: Vec<(f64, u64)> = Vec::new();
    for value in sorted {
        match runs.last_mut() {
            Some((last, count)) if last == value => *count += 1,
            _ => runs.push((*value, 1)),
        }
    }
    runs
}

/// How many distinct values ascending numbers have.
pub(crate) fn distinct(sorted: &[f64]) -> u64 {
    let steps = sorted.windows(2).filter(|pair| pair[0] != pair[1]).count() as u64;
    if sorted.is_empty() { 0 } else { steps + 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_past_the_bound_are_counted_and_named_no_more() {
        let mut texts = TextCounts::default();
        (0..MOST_TEXTS + 5_000).for_each(|i| texts.add(&i.to_string(), 1));
        texts.add("0", 3);
        texts.add_missing(2);
        assert_eq!((texts.rows(), texts.missing(), texts.uncounted()), (MOST_TEXTS as u64 + 5_005, 2, 5_000));
        let (distinct, exact) = texts.distinct();
        assert!(!exact && (distinct as f64 / 1_005_000.0 - 1.0).abs() < 0.06, "{distinct}");
        assert_eq!(texts.by_count()[0], ("0", 4));
    }

    #[test]
    fn numbers_are_named_as_a_person_writes_them() {
        assert_eq!([1.0, -3.0, 0.5, 1e300, -0.0].map(number_label), ["1", "-3", "0.5", &1e300.to_string(), "0"]);
    }

    #[test]
    fn runs_are_counted() {
        assert_eq!(runs(&[1.0, 1.0, 2.0]), [(1.0, 2), (2.0, 1)]);
        assert_eq!((distinct(&[]), distinct(&[1.0]), distinct(&[1.0, 1.0, 2.0])), (0, 1, 2));
    }
}
