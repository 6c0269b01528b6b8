//! What a column looks like in numbers: for the profile in `kilter.lock`, for `kilter init`, for a person.

use std::{collections::HashMap, hash::Hash, sync::Arc};

use kilter_domain::{
    table::{Column, ColumnType, Table},
    time::Timestamp,
};

/// Different values are counted up to here; a column with more is no set of categories.
pub const MAX_DISTINCT: usize = 100_000;
/// How many of the most frequent values a summary names.
pub const TOP_VALUES: usize = 10;

/// One column in numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct ColumnSummary {
    /// Its name.
    pub name: String,
    /// The type of its values.
    pub column_type: ColumnType,
    /// Rows of the column.
    pub count: usize,
    /// Rows without a value.
    pub missing: usize,
    /// How many different values it has.
    pub distinct: Distinct,
    /// Least and greatest value, mean and standard deviation of numbers and times (in milliseconds).
    /// Yes/no counts as 1 and 0. `None` for texts, and where no value is finite.
    pub numbers: Option<NumberSummary>,
    /// The most frequent values and how often each occurs: by count, equals by value. Exact, except that values which
    /// occur first behind [`MAX_DISTINCT`] other ones are not counted.
    pub top: Vec<(Arc<str>, usize)>,
}

/// How many different values a column has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Distinct {
    /// As counted.
    Exactly(usize),
    /// More than were counted.
    MoreThan(usize),
}

/// Finite numbers in short.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NumberSummary {
    /// The least.
    pub min: f64,
    /// The greatest.
    pub max: f64,
    /// The least and the greatest with all of their digits, where a float would round one of them.
    pub wholes: Option<(i64, i64)>,
    /// The mean.
    pub mean: f64,
    /// Of the sample (divided by n - 1); NaN for a single value.
    pub sd: f64,
    /// Values that are infinite: counted here and left out of the rest.
    pub infinite: usize,
}

/// Summarises every column of a table, in order.
pub fn summaries(table: &Table) -> Vec<ColumnSummary> {
    table.columns().map(|(name, column)| summarise(name, column)).collect()
}

fn summarise(name: &str, column: &Column) -> ColumnSummary {
    let (distinct, top) = match column {
        // Floats are counted by their bits; adding 0.0 makes both zeros one value.
        Column::Float(values) => {
            let present = values.iter().filter(|value| !value.is_nan()).map(|value| (value + 0.0).to_bits());
            count(present, |bits| f64::from_bits(*bits).to_string().into())
        }
        Column::Int(values) => count(values.iter().flatten().copied(), |value| value.to_string().into()),
        Column::Time(values) => count(values.iter().flatten().copied(), |value| Timestamp(*value).to_string().into()),
        Column::Bool(values) => count(values.iter().flatten().copied(), |value| value.to_string().into()),
        Column::Text(values) => count(values.iter().flatten(), |value| Arc::clone(value)),
    };
    ColumnSummary {
        name: name.to_owned(),
        column_type: column.column_type(),
        count: column.len(),
        missing: (0..column.len()).filter(|&row| column.is_missing(row)).count(),
        distinct,
        numbers: numbers(column),
        top,
    }
}

type Top = Vec<(Arc<str>, usize)>;

/// Counts values: how many there are, and the most frequent.
fn count<K: Eq + Hash + Ord>(values: impl Iterator<Item = K>, label: impl Fn(&K) -> Arc<str>) -> (Distinct, Top) {
    let mut counts: HashMap<K, usize> = HashMap::new();
    let mut overflowed = false;
    for value in values {
        if let Some(count) = counts.get_mut(&value) {
            *count += 1;
        } else if counts.len() < MAX_DISTINCT {
            counts.insert(value, 1);
        } else {
            overflowed = true;
        }
    }
    let distinct = if overflowed { Distinct::MoreThan(counts.len()) } else { Distinct::Exactly(counts.len()) };
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by(|(left, more), (right, less)| less.cmp(more).then_with(|| left.cmp(right)));
    (distinct, counts.iter().take(TOP_VALUES).map(|(value, count)| (label(value), *count)).collect())
}

/// Mean and spread by Welford's update, which does not lose the small differences of large numbers.
fn numbers(column: &Column) -> Option<NumberSummary> {
    if column.column_type() == ColumnType::Text {
        return None;
    }
    let (mut count, mut mean, mut squares) = (0.0, 0.0, 0.0);
    let (mut min, mut max, mut infinite) = (f64::INFINITY, f64::NEG_INFINITY, 0);
    let (origin, wholes) = whole_range(column);
    let value = |row: usize| match column {
        Column::Int(values) => values[row].map_or(f64::NAN, |value| (i128::from(value) - i128::from(origin)) as f64),
        _ => column.number(row),
    };
    for value in (0..column.len()).map(value).filter(|value| !value.is_nan()) {
        if value.is_infinite() {
            infinite += 1;
            continue;
        }
        (min, max) = (min.min(value), max.max(value));
        count += 1.0;
        let before = value - mean;
        mean += before / count;
        squares += before * (value - mean);
    }
    let sd = if count > 1.0 { (squares / (count - 1.0)).sqrt() } else { f64::NAN };
    let from = origin as f64;
    (count > 0.0).then_some(NumberSummary { min: min + from, max: max + from, wholes, mean: mean + from, sd, infinite })
}

/// The range of whole numbers of which some lie beyond 2^53, and where it begins; from zero for other columns.
fn whole_range(column: &Column) -> (i64, Option<(i64, i64)>) {
    let Column::Int(values) = column else { return (0, None) };
    let present = || values.iter().flatten().copied();
    match (present().min(), present().max()) {
        (Some(min), Some(max)) if min.unsigned_abs().max(max.unsigned_abs()) > 1 << 53 => (min, Some((min, max))),
        _ => (0, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(column: Column) -> ColumnSummary {
        summaries(&Table::new(vec![("a".into(), column)]).unwrap()).remove(0)
    }

    #[test]
    fn missing_and_infinite_values_are_counted_apart() {
        let summary = summary(Column::Float(vec![1.0, f64::NAN, 3.0, f64::INFINITY, 1.0]));
        assert_eq!((summary.count, summary.missing, summary.distinct), (5, 1, Distinct::Exactly(3)));
        let numbers = summary.numbers.unwrap();
        assert_eq!((numbers.min, numbers.max, numbers.infinite), (1.0, 3.0, 1));
        assert!((numbers.mean - 5.0 / 3.0).abs() < 1e-15);
        assert!((numbers.sd - (4.0_f64 / 3.0).sqrt()).abs() < 1e-15);
        assert_eq!(summary.top[0], ("1".into(), 2));
    }

    #[test]
    fn large_numbers_with_small_differences_keep_their_spread() {
        let summary = summary(Column::Int((0..1000).map(|i| Some(1_700_000_000_000_000 + i % 2)).collect()));
        assert!((summary.numbers.unwrap().sd - 0.500_25).abs() < 1e-4);
        let first = 1_790_000_000_000_000_001;
        let wide = self::summary(Column::Int((0..13).map(|i| Some(first + i)).collect())).numbers.unwrap();
        assert_eq!(wide.wholes, Some((first, first + 12)));
        assert!((wide.sd - 3.894_440_481_849_308).abs() < 1e-12, "{}", wide.sd);
    }

    #[test]
    fn both_zeros_are_one_value_and_ties_stand_in_order() {
        let zeros = summary(Column::Float(vec![0.0, -0.0]));
        assert_eq!(zeros.distinct, Distinct::Exactly(1));
        let ties = summary(Column::Text(["b", "a", "c"].map(|text| Some(text.into())).to_vec()));
        assert_eq!(ties.top.iter().map(|(value, _)| &**value).collect::<Vec<_>>(), ["a", "b", "c"]);
        assert_eq!(ties.numbers, None);
    }

    #[test]
    fn a_column_of_ids_is_not_counted_to_its_end() {
        let ids = (0..MAX_DISTINCT as i64 + 7).map(Some).collect();
        assert_eq!(summary(Column::Int(ids)).distinct, Distinct::MoreThan(MAX_DISTINCT));
    }

    #[test]
    fn a_column_without_a_value_has_no_numbers() {
        let summary = summary(Column::Float(vec![f64::NAN; 3]));
        assert_eq!((summary.missing, summary.numbers, summary.top.len()), (3, None, 0));
    }
}
