//! What rules ask of a table itself: counts, means, missing values, keys.
//!
//! Invariants: one reading of `null`, `unique`, `mean`, ... for data checks, gates and monitors.

use std::collections::HashSet;

use kilter_domain::{
    rule::{Arg, Condition, ConditionError, Function, Measured, Measurement, NotMeasured, Part, Quantity},
    table::{Column, Table},
    time::Timestamp,
};

/// Distinct values that `values(column)` lists at most.
const MAX_VALUES: usize = 1_000;

/// A quantity that needs nothing but a table and the time; `None` when it needs more (labels, a model, a reference).
pub fn column_quantity(table: &Table, now: Timestamp, quantity: &Quantity) -> Option<Measured> {
    match quantity {
        Quantity::Metric { name, slice: None } if name == "rows" => {
            Some(Measured::Value(exact(table.rows() as f64, table.rows())))
        }
        Quantity::Metric { .. } => None,
        Quantity::Call { function, args, condition } => {
            let measure = || call(table, now, *function, args, condition.as_ref());
            is_of_columns(*function).then(|| measure().unwrap_or_else(Measured::Nothing))
        }
    }
}

/// The rows for which a condition holds, in order; all rows without one.
///
/// # Errors
/// When the condition names a column that the table does not have, or compares it with another type.
pub fn rows_where(table: &Table, condition: Option<&Condition>) -> Result<Vec<usize>, ConditionError> {
    match condition {
        None => Ok((0..table.rows()).collect()),
        Some(condition) => {
            let holds = condition.rows(table)?;
            Ok((0..table.rows()).filter(|&row| holds[row]).collect())
        }
    }
}

/// A value without an interval: it was counted, not sampled.
pub fn exact(value: f64, count: usize) -> Measurement {
    Measurement { value, whole: None, interval: None, count: count as u64, estimated: false, note: None }
}

/// The same of a whole number, with all of its digits.
pub fn exact_whole(whole: i64, count: usize) -> Measurement {
    Measurement { whole: Some(whole), ..exact(whole as f64, count) }
}

/// Why something was not measured.
pub fn nothing(missing: impl Into<String>, how: impl Into<String>) -> NotMeasured {
    NotMeasured { missing: missing.into(), how: how.into() }
}

fn is_of_columns(function: Function) -> bool {
    use Function::{Age, Distinct, Max, Mean, Median, Min, Missing, Null, Sd, Share, Sum, Unique, Values};
    matches!(function, Mean | Min | Max | Sum | Median | Sd | Distinct | Values | Age | Null | Missing | Unique | Share)
}

fn call(
    table: &Table,
    now: Timestamp,
    function: Function,
    args: &[Arg],
    condition: Option<&Condition>,
) -> Result<Measured, NotMeasured> {
    let unknown = |error: kilter_domain::table::TableError| {
        nothing(error.to_string(), "correct the column in the rule, or send the column")
    };
    let rows = rows_where(table, condition)
        .map_err(|error| nothing(error.to_string(), "correct the condition of the rule, or send the column"))?;
    if function == Function::Unique {
        let columns = args.iter().map(|arg| table.column(name_of(arg))).collect::<Result<Vec<_>, _>>();
        return Ok(Measured::Value(exact(repeated(&columns.map_err(unknown)?, &rows) as f64, rows.len())));
    }
    if args.contains(&Arg::Every) {
        let parts = table.columns().map(|(name, column)| {
            one(column, &rows, now, function).map(|measurement| Part { name: name.to_owned(), measurement })
        });
        return Ok(Measured::Each(parts.collect::<Result<_, _>>()?));
    }
    let name = args.first().map_or("", name_of);
    let column = table.column(name).map_err(unknown)?;
    match function {
        Function::Values => Ok(Measured::Values(values(column, &rows)?)),
        _ => one(column, &rows, now, function).map(Measured::Value),
    }
}

fn name_of(arg: &Arg) -> &str {
    match arg {
        Arg::Every => "*",
        Arg::Name(name) => name,
    }
}

fn one(column: &Column, rows: &[usize], now: Timestamp, function: Function) -> Result<Measurement, NotMeasured> {
    if let Some(whole) = whole_summary(function, column, rows) {
        return Ok(exact_whole(whole, rows.len()));
    }
    let missing = rows.iter().filter(|&&row| column.is_missing(row)).count();
    let share = |part: usize| if rows.is_empty() { None } else { Some(part as f64 / rows.len() as f64) };
    let value = match function {
        Function::Null => Some(missing as f64),
        Function::Missing => share(missing),
        Function::Share => share(rows.len() - missing),
        Function::Distinct => {
            Some(rows.iter().filter_map(|&row| column.label(row)).collect::<HashSet<_>>().len() as f64)
        }
        Function::Age => numbers(column, rows).into_iter().reduce(f64::max).map(|newest| now.millis() as f64 - newest),
        _ => summary(function, column, rows),
    };
    let without = || nothing("no row has a value", "check the condition of the rule and the column");
    Ok(exact(value.ok_or_else(without)?, rows.len()))
}

fn numbers(column: &Column, rows: &[usize]) -> Vec<f64> {
    rows.iter().map(|&row| column.number(row)).filter(|value| !value.is_nan()).collect()
}

/// The smallest, the largest and the sum of whole numbers, where doubles would round them.
fn whole_summary(function: Function, column: &Column, rows: &[usize]) -> Option<i64> {
    let Column::Int(values) = column else { return None };
    let present = || rows.iter().filter_map(|&row| values[row]);
    let whole = match function {
        Function::Min => present().min().map(i128::from),
        Function::Max => present().max().map(i128::from),
        Function::Sum => Some(present().map(i128::from).sum()).filter(|_| present().next().is_some()),
        _ => None,
    };
    whole.and_then(|whole| i64::try_from(whole).ok()).filter(|whole| whole.unsigned_abs() > 1 << 53)
}

/// Sums of powers are taken of values less one of them, so that large numbers keep their small differences.
fn summary(function: Function, column: &Column, rows: &[usize]) -> Option<f64> {
    let origin = match column {
        Column::Int(values) => rows.iter().find_map(|&row| values[row]).unwrap_or(0),
        _ => 0,
    };
    let mut values = match column {
        Column::Int(values) => {
            let less = |value: i64| (i128::from(value) - i128::from(origin)) as f64;
            rows.iter().filter_map(|&row| values[row]).map(less).collect()
        }
        _ => numbers(column, rows),
    };
    let count = values.len();
    if count == 0 {
        return None;
    }
    let (mean, origin) = (values.iter().sum::<f64>() / count as f64, origin as f64);
    match function {
        Function::Mean => Some(mean + origin),
        Function::Sum => Some(values.iter().sum::<f64>() + origin * count as f64),
        Function::Min => values.into_iter().reduce(f64::min).map(|value| value + origin),
        Function::Max => values.into_iter().reduce(f64::max).map(|value| value + origin),
        Function::Median => {
            values.sort_by(f64::total_cmp);
            Some((values[(count - 1) / 2] + values[count / 2]) / 2.0 + origin)
        }
        Function::Sd if count > 1 => {
            Some((values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (count - 1) as f64).sqrt())
        }
        _ => None,
    }
}

/// Rows whose key stood in an earlier row.
fn repeated(columns: &[&Column], rows: &[usize]) -> usize {
    let key = |row: usize| columns.iter().map(|column| column.label(row)).collect::<Vec<_>>();
    let distinct: HashSet<_> = rows.iter().map(|&row| key(row)).collect();
    rows.len() - distinct.len()
}

fn values(column: &Column, rows: &[usize]) -> Result<Vec<String>, NotMeasured> {
    let distinct: HashSet<_> = rows.iter().filter_map(|&row| column.label(row)).collect();
    if distinct.len() > MAX_VALUES {
        let missing = format!("the column has {} distinct values, and at most {MAX_VALUES} are listed", distinct.len());
        return Err(nothing(missing, "bound the column with min, max or distinct instead"));
    }
    let mut values: Vec<String> = distinct.into_iter().map(|value| value.to_string()).collect();
    values.sort();
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let id = Column::Int(vec![Some(1), Some(2), Some(2)]);
        let income = Column::Float(vec![10.0, f64::NAN, 30.0]);
        Table::new(vec![("id".into(), id), ("income".into(), income)]).unwrap()
    }

    fn value(function: Function, column: &str) -> Option<f64> {
        let quantity = Quantity::Call { function, args: vec![Arg::Name(column.into())], condition: None };
        match column_quantity(&table(), Timestamp(0), &quantity)? {
            Measured::Value(measurement) => Some(measurement.value),
            _ => None,
        }
    }

    #[test]
    fn missing_values_are_counted_and_left_out_of_means() {
        assert_eq!(value(Function::Null, "income"), Some(1.0));
        assert_eq!(value(Function::Mean, "income"), Some(20.0));
        assert_eq!(value(Function::Unique, "id"), Some(1.0));
    }

    #[test]
    fn an_unknown_column_is_not_measured() {
        assert_eq!(value(Function::Mean, "salary"), None);
        assert_eq!(value(Function::Psi, "income"), None, "drift needs a reference");
    }
}
