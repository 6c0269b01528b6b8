//! Columns cut into a few bins by their reference: what causes, slices and reweighting count by.

use kilter_domain::table::Column;
use kilter_stats::drift::NumericReference;

use crate::column_reference::ColumnReference;
use crate::labelled_predictions::class_name;

/// Bins of a number, by equal mass of the reference.
const NUMBER_BINS: usize = 10;
/// Values of a category that have a bin of their own.
const NAMED_VALUES: usize = 20;

/// How a column is cut.
#[derive(Clone, Debug, PartialEq)]
pub enum Bins {
    /// Up to and with each cut; behind them what is above, and what is missing.
    Numbers(Vec<f64>),
    /// The same of whole numbers that doubles would round.
    Wholes(Vec<i64>),
    /// Each value; behind them all others, and what is missing.
    Values(Vec<String>),
}

impl Bins {
    /// The bins of a column.
    pub fn of(reference: &ColumnReference) -> Self {
        match reference {
            ColumnReference::Numeric(reference) => match reference.whole_edges() {
                [] => Self::Numbers(cuts(reference, reference.edges())),
                edges => Self::Wholes(cuts(reference, edges)),
            },
            ColumnReference::Categorical(reference) => {
                Self::Values(reference.values().iter().take(NAMED_VALUES).cloned().collect())
            }
        }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        2 + match self {
            Self::Numbers(cuts) => cuts.len(),
            Self::Wholes(cuts) => cuts.len(),
            Self::Values(values) => values.len(),
        }
    }

    /// The bin of each row; `None` when the column is of another kind.
    pub fn place(&self, column: &Column) -> Option<Vec<u16>> {
        let missing = self.count() - 1;
        let place = |row: usize| match self {
            Self::Numbers(cuts) => match column.number(row) {
                value if value.is_nan() => missing,
                value => cuts.partition_point(|cut| *cut < value),
            },
            Self::Wholes(cuts) => match whole(column, row) {
                None => missing,
                Some(value) => cuts.partition_point(|cut| *cut < value),
            },
            Self::Values(values) => match class_name(column, row) {
                None => missing,
                Some(name) => values.iter().position(|value| **value == *name).unwrap_or(missing - 1),
            },
        };
        if matches!(self, Self::Numbers(_) | Self::Wholes(_)) && matches!(column, Column::Text(_)) {
            return None;
        }
        Some((0..column.len()).map(|row| u16::try_from(place(row)).unwrap_or(u16::MAX)).collect())
    }

    /// What a bin of the column `name` holds, for a person: `age > 51`, `region = north`.
    pub fn describe(&self, name: &str, bin: u16) -> String {
        let bin = usize::from(bin);
        if bin + 1 >= self.count() {
            return format!("{name} missing");
        }
        match self {
            Self::Values(values) => match values.get(bin) {
                Some(value) => format!("{name} = {value}"),
                None => format!("{name} any other value"),
            },
            Self::Numbers(cuts) => between(name, bin, cuts),
            Self::Wholes(cuts) => between(name, bin, cuts),
        }
    }
}

fn between(name: &str, bin: usize, cuts: &[impl std::fmt::Display]) -> String {
    match (bin.checked_sub(1).map(|below| &cuts[below]), cuts.get(bin)) {
        (None, None) => format!("{name} known"),
        (None, Some(high)) => format!("{name} <= {high}"),
        (Some(low), None) => format!("{name} > {low}"),
        (Some(low), Some(high)) => format!("{low} < {name} <= {high}"),
    }
}

fn whole(column: &Column, row: usize) -> Option<i64> {
    match column {
        Column::Int(values) => values[row],
        _ => Some(column.number(row)).filter(|value| !value.is_nan()).map(|value| value.round() as i64),
    }
}

/// The places that cut the reference into parts of nearly equal mass.
fn cuts<T: Copy>(reference: &NumericReference, edges: &[T]) -> Vec<T> {
    let bins = reference.counts().bins();
    let total: u64 = bins.iter().sum();
    let (mut below, mut cuts) = (0u64, Vec::new());
    for (edge, count) in edges.iter().zip(bins) {
        below += count;
        let next = (cuts.len() as u64 + 1) * total;
        if below * NUMBER_BINS as u64 >= next && cuts.len() + 1 < NUMBER_BINS && below < total {
            cuts.push(*edge);
        }
    }
    cuts
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn bins(column: &Column) -> Bins {
        Bins::of(&ColumnReference::of(column).unwrap())
    }

    #[test]
    fn numbers_are_cut_by_equal_mass_and_named_by_their_ends() {
        let column = Column::Int((0..1000).map(Some).collect());
        let bins = bins(&column);
        let placed = bins.place(&column).unwrap();
        for bin in 0..10u16 {
            let rows = placed.iter().filter(|place| **place == bin).count();
            assert!((90..=112).contains(&rows), "bin {bin} holds {rows}");
        }
        let strange = bins.place(&Column::Float(vec![f64::NAN, -5.0, 5e9])).unwrap();
        assert_eq!(strange, [10, 0, 9]);
        assert_eq!(bins.describe("age", 10), "age missing");
        assert!(bins.describe("age", 0).starts_with("age <= ") && bins.describe("age", 9).starts_with("age > "));
    }

    #[test]
    fn values_have_a_bin_each_and_one_for_all_others() {
        let text = |values: &[Option<&str>]| Column::Text(values.iter().map(|v| v.map(Arc::from)).collect());
        let bins = bins(&text(&[Some("n"), Some("n"), Some("s")]));
        let placed = bins.place(&text(&[Some("s"), Some("n"), Some("x"), None])).unwrap();
        assert_eq!(placed, [1, 0, 2, 3]);
        let named: Vec<String> = placed.iter().map(|bin| bins.describe("region", *bin)).collect();
        assert_eq!(named, ["region = s", "region = n", "region any other value", "region missing"]);
    }

    #[test]
    fn a_column_of_another_kind_has_no_bins() {
        let bins = bins(&Column::Int((0..1000).map(Some).collect()));
        assert_eq!(bins.place(&Column::Text(vec![Some("many".into())])), None);
    }
}
