//! What is counted on every row of a window of which a part is held: rows, labels, and what is missing or new in each column.
//!
//! Invariants: rows come some at a time and none is kept, so it takes the memory of a few numbers per column; each number is the
//! one that the whole window in memory would give ([`super::column_stats`], [`ColumnReference`]). Out of scope: what needs several
//! rows at once (distinct values, medians, distances), which is measured on the rows that are held.

use std::collections::BTreeMap;

use kilter_domain::{
    rule::{Function, Measurement},
    table::{Column, Table},
    time::Timestamp,
};

use super::{
    column_reference::ColumnReference,
    column_stats::{exact, exact_whole},
    reference::{Reference, SCORE},
};

/// Beyond this, doubles round whole numbers.
const MAX_EXACT: u64 = 1 << 53;

/// What was counted on all rows of a window.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CountedRows {
    /// All rows.
    pub rows: u64,
    /// Those whose label is known.
    pub labelled: u64,
    /// Those of the labelled rows that are held.
    pub labelled_held: u64,
    /// The columns, by name.
    pub columns: BTreeMap<String, CountedColumn>,
}

impl CountedRows {
    /// Counts the columns of some more rows.
    pub fn add(&mut self, rows: &Table, reference: &Reference) {
        for (name, column) in rows.columns() {
            let reference = reference.columns.get(name).filter(|_| name != SCORE);
            match self.columns.get_mut(name) {
                Some(counted) => counted.add(column, reference),
                None => {
                    let mut counted = CountedColumn::default();
                    counted.add(column, reference);
                    self.columns.insert(name.to_owned(), counted);
                }
            }
        }
    }

    /// The share of the rows whose label is known and can be judged, of which `judged` are among those that are held.
    pub fn labelled_share(&self, judged: usize) -> f64 {
        let fits = judged as f64 / self.labelled_held.max(1) as f64;
        fits * self.labelled as f64 / self.rows.max(1) as f64
    }
}

/// What was counted of one column.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CountedColumn {
    rows: u64,
    missing: u64,
    /// Rows with a value that the reference never had; `None` without a reference that can count the column.
    unseen: Option<u64>,
    numbers: Numbers,
}

/// The numbers of a column. Whole ones have their own sums, with all digits.
#[derive(Clone, Debug, Default, PartialEq)]
struct Numbers {
    present: u64,
    extremes: Option<(f64, f64)>,
    sum: f64,
    /// What was rounded away from `sum`.
    rest: f64,
    wholes: Option<(i64, i64, i128)>,
}

impl CountedColumn {
    fn add(&mut self, column: &Column, reference: Option<&ColumnReference>) {
        let rows = column.len() as u64;
        self.missing += (0..column.len()).filter(|row| column.is_missing(*row)).count() as u64;
        if let Some(counts) = reference.and_then(|reference| reference.count(column)) {
            self.unseen = Some(self.unseen.unwrap_or(0) + counts.strange());
        }
        self.rows += rows;
        self.numbers.add(column);
    }

    /// Rows with a value that the reference never had, of all rows; `None` without a reference that can count the column.
    pub fn unseen(&self) -> Option<Measurement> {
        self.unseen.map(|unseen| exact(unseen as f64, self.count()))
    }

    /// What a function says of all rows; `None` if it needs more than counts, or no row has a value.
    pub fn measure(&self, function: Function, now: Timestamp) -> Option<Measurement> {
        let (rows, present) = (self.rows as f64, self.rows - self.missing);
        let share = |part: u64| (self.rows > 0).then(|| exact(part as f64 / rows, self.count()));
        let number = |value: f64| exact(value, self.count());
        let (low, high) = self.numbers.extremes.unzip();
        let whole = |value: i64| match value.unsigned_abs() > MAX_EXACT {
            true => exact_whole(value, self.count()),
            false => number(value as f64),
        };
        match (function, self.numbers.wholes) {
            (Function::Null, _) => Some(number(self.missing as f64)),
            (Function::Missing, _) => share(self.missing),
            (Function::Share, _) => share(present),
            (Function::Min, Some((min, ..))) => Some(whole(min)),
            (Function::Max, Some((_, max, _))) => Some(whole(max)),
            (Function::Sum, Some((.., sum))) => Some(i64::try_from(sum).map_or_else(|_| number(sum as f64), whole)),
            (Function::Min, None) => low.map(number),
            (Function::Max, None) => high.map(number),
            (Function::Sum, None) => low.map(|_| number(self.numbers.sum())),
            (Function::Mean, Some((.., sum))) => Some(number(sum as f64 / self.numbers.present as f64)),
            (Function::Mean, None) => low.map(|_| number(self.numbers.sum() / self.numbers.present as f64)),
            (Function::Age, _) => high.map(|newest| number(now.millis() as f64 - newest)),
            _ => None,
        }
    }

    fn count(&self) -> usize {
        usize::try_from(self.rows).unwrap_or(usize::MAX)
    }
}

impl Numbers {
    fn add(&mut self, column: &Column) {
        if let Column::Int(values) = column {
            for value in values.iter().flatten() {
                let (min, max, sum) = self.wholes.unwrap_or((*value, *value, 0));
                self.wholes = Some((min.min(*value), max.max(*value), sum + i128::from(*value)));
            }
        }
        if matches!(column, Column::Text(_)) {
            return;
        }
        for value in (0..column.len()).map(|row| column.number(row)).filter(|value| !value.is_nan()) {
            let (min, max) = self.extremes.unwrap_or((value, value));
            self.extremes = Some((min.min(value), max.max(value)));
            self.present += 1;
            // Neumaier's sum: millions of values lose no digit to the order in which they come.
            let sum = self.sum + value;
            self.rest += match self.sum.abs() >= value.abs() {
                true => (self.sum - sum) + value,
                false => (value - sum) + self.sum,
            };
            self.sum = sum;
        }
    }

    fn sum(&self) -> f64 {
        // An infinite sum has no rest.
        if self.sum.is_finite() { self.sum + self.rest } else { self.sum }
    }
}

#[cfg(test)]
mod tests {
    use kilter_domain::rule::{Arg, Measured, Quantity};
    use proptest::prelude::*;

    use super::*;
    use crate::column_stats::column_quantity;

    fn table(numbers: &[Option<f64>], wholes: &[Option<i64>]) -> Table {
        let texts = wholes.iter().map(|value| value.map(|value| format!("v{}", value % 3).into())).collect();
        Table::new(vec![
            ("number".into(), Column::Float(numbers.iter().map(|value| value.unwrap_or(f64::NAN)).collect())),
            ("whole".into(), Column::Int(wholes.to_vec())),
            ("at".into(), Column::Time(wholes.to_vec())),
            ("text".into(), Column::Text(texts)),
        ])
        .unwrap()
    }

    proptest! {
        #[test]
        fn counts_of_parts_are_those_of_the_whole(
            cells in prop::collection::vec((prop::option::of(-1e6..1e6_f64), prop::option::of(any::<i32>())), 1..60),
            cut in 0_usize..60,
        ) {
            let numbers: Vec<_> = cells.iter().map(|cell| cell.0).collect();
            let wholes: Vec<_> = cells.iter().map(|cell| cell.1.map(|whole| i64::from(whole) << 24)).collect();
            let whole = table(&numbers, &wholes);
            let reference = Reference::of(&table(&[Some(0.0), Some(9.0), Some(4.0)], &[Some(1), Some(2), None]), |_| true);
            let cut = cut.min(cells.len());
            let mut counted = CountedRows::default();
            for part in [0..cut, cut..cells.len()] {
                counted.add(&whole.take(&part.collect::<Vec<_>>()), &reference);
            }
            let now = Timestamp(1 << 60);
            for (name, column) in whole.columns() {
                for function in [Function::Null, Function::Missing, Function::Share, Function::Min, Function::Max, Function::Sum, Function::Mean] {
                    let args = vec![Arg::Name(name.to_owned())];
                    let expected = column_quantity(&whole, now, &Quantity::Call { function, args, condition: None });
                    let found = counted.columns[name].measure(function, now);
                    match expected {
                        Some(Measured::Value(expected)) => {
                            let found = found.unwrap();
                            prop_assert!((found.value - expected.value).abs() <= 1e-9 * expected.value.abs().max(1.0), "{function} {name}");
                            prop_assert_eq!((found.count, found.whole), (expected.count, expected.whole), "{} {}", function, name);
                        }
                        _ => prop_assert_eq!(found, None, "{} {}", function, name),
                    }
                }
                let expected = reference.columns.get(name).and_then(|known| known.count(column)).map(|counts| counts.strange() as f64);
                prop_assert_eq!(counted.columns[name].unseen().map(|unseen| unseen.value), expected);
            }
        }
    }
}
