//! Which rows of a table meet a condition of the rule language.

use kilter_domain::{
    rule::{Condition, Literal, Op},
    table::{Column, Table, TableError},
    time::Timestamp,
};

/// The rows for which `condition` holds, in order; all rows without one.
pub fn rows_where(table: &Table, condition: Option<&Condition>) -> Result<Vec<usize>, TableError> {
    match condition {
        None => Ok((0..table.rows()).collect()),
        Some(condition) => {
            let holds = mask(table, condition)?;
            Ok((0..table.rows()).filter(|&row| holds[row]).collect())
        }
    }
}

fn mask(table: &Table, condition: &Condition) -> Result<Vec<bool>, TableError> {
    match condition {
        Condition::Compare { column, op, literal } => {
            let column = table.column(column)?;
            Ok((0..table.rows()).map(|row| !column.is_missing(row) && compare(column, row, *op, literal)).collect())
        }
        Condition::OneOf { column, values } => {
            let column = table.column(column)?;
            let is_one = |row| column.label(row).is_some_and(|label| values.iter().any(|value| **value == *label));
            Ok((0..table.rows()).map(is_one).collect())
        }
        Condition::All(parts) => combine(table, parts, |a, b| a && b),
        Condition::Any(parts) => combine(table, parts, |a, b| a || b),
    }
}

fn combine(table: &Table, parts: &[Condition], join: fn(bool, bool) -> bool) -> Result<Vec<bool>, TableError> {
    let masks = parts.iter().map(|part| mask(table, part)).collect::<Result<Vec<_>, _>>()?;
    let joined = |row| masks.iter().map(|mask| mask[row]).reduce(join).unwrap_or(true);
    Ok((0..table.rows()).map(joined).collect())
}

fn compare(column: &Column, row: usize, op: Op, literal: &Literal) -> bool {
    match (literal, column) {
        (Literal::Number(number), _) => holds(op, column.number(row).partial_cmp(&number.value())),
        (Literal::Text(text), Column::Time(values)) => {
            let written = text.parse::<Timestamp>().ok();
            holds(op, values[row].zip(written).map(|(value, written)| value.cmp(&written.millis())))
        }
        (Literal::Text(text), _) => holds(op, column.label(row).map(|label| (*label).cmp(text))),
    }
}

fn holds(op: Op, order: Option<std::cmp::Ordering>) -> bool {
    order.is_some_and(|order| match op {
        Op::Less => order.is_lt(),
        Op::AtMost => order.is_le(),
        Op::More => order.is_gt(),
        Op::AtLeast => order.is_ge(),
        Op::Equal => order.is_eq(),
        Op::Unequal => order.is_ne(),
    })
}

#[cfg(test)]
mod tests {
    use kilter_domain::rule::Number;

    use super::*;

    #[test]
    fn a_missing_value_meets_no_comparison() {
        let table = Table::new(vec![("x".into(), Column::Int(vec![Some(1), None, Some(3)]))]).unwrap();
        let unlike =
            Condition::Compare { column: "x".into(), op: Op::Unequal, literal: Literal::Number(Number::plain(1.0)) };
        assert_eq!(rows_where(&table, Some(&unlike)).unwrap(), vec![2]);
        let both = Condition::Any(vec![unlike, Condition::OneOf { column: "x".into(), values: vec!["1".into()] }]);
        assert_eq!(rows_where(&table, Some(&both)).unwrap(), vec![0, 2]);
    }
}
