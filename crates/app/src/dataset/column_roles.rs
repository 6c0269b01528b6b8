//! What the columns of a dataset are for: event time, label, when the label becomes known, ids.
//!
//! Invariants: one reading of a dataset's clock for training, replay and monitors alike.
//! Out of scope: files. Tables are handed in.

use std::sync::Arc;

use kilter_domain::{
    table::{Column, Table, TableError},
    time::{Span, Timestamp},
};

/// Why the roles that the contract gives to columns do not fit a table.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant says what it is")]
pub enum RolesError {
    #[error("dataset `{dataset}`: {source}")]
    Column {
        dataset: String,
        #[source]
        source: TableError,
    },
    #[error(
        "dataset `{dataset}`: row {row} of time column `{column}` is `{value}`, not a time; use timestamps, dates like 2026-03-01, whole years, or whole numbers that count on (each a second)"
    )]
    NotATime { dataset: String, column: String, row: usize, value: String },
    #[error("dataset `{dataset}` names no time column; add `time = \"...\"` to [data.{dataset}]")]
    NoTime { dataset: String },
    #[error("dataset `{dataset}` names no label column; add `label = \"...\"` to [data.{dataset}]")]
    NoLabel { dataset: String },
}

/// The part that each special column of a dataset plays. Everything else may be a feature.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ColumnRoles {
    /// The name of the dataset, for errors.
    pub dataset: String,
    /// The column with the time of the event; without one, rows have no time.
    pub time: Option<String>,
    /// The column with the label; without one, nothing is known of the truth.
    pub label: Option<String>,
    /// The column that says when the label becomes known.
    pub label_time: Option<String>,
    /// How long after the event the label becomes known, when no column says it.
    pub label_delay: Option<Span>,
    /// The columns that identify a row together; empty: its number does.
    pub id: Vec<String>,
    /// The column with the weight of a row; without one, all rows weigh the same.
    pub weight: Option<String>,
    /// The columns whose groups are compared for fairness.
    pub sensitive: Vec<String>,
    /// The columns that are never features.
    pub ignore: Vec<String>,
    /// Columns that may tell the label alone: they are known when a prediction is made.
    pub not_leaking: Vec<String>,
    /// The class that counts as positive, as text.
    pub positive: Option<String>,
}

impl ColumnRoles {
    fn column<'t>(&self, table: &'t Table, name: &str) -> Result<&'t Column, RolesError> {
        table.column(name).map_err(|source| RolesError::Column { dataset: self.dataset.clone(), source })
    }

    /// The label column.
    ///
    /// # Errors
    /// When the contract names no label column, or the table lacks it.
    pub fn label<'t>(&self, table: &'t Table) -> Result<&'t Column, RolesError> {
        let name = self.label.as_deref().ok_or_else(|| RolesError::NoLabel { dataset: self.dataset.clone() })?;
        self.column(table, name)
    }

    /// When each row happened. Texts are dates or times. Whole numbers are years where they may be (nearly all from 1000 to
    /// 2200) and the column is not called like a counter; else they count seconds since 1970, so that a number of the row keeps its
    /// order, `every = "500s"` is a window of 500 rows, and seconds of Unix are what they are.
    ///
    /// # Errors
    /// When the contract names no time column, the table lacks it, or a value of it is no time.
    pub fn event_times(&self, table: &Table) -> Result<Vec<Timestamp>, RolesError> {
        let name = self.time.as_deref().ok_or_else(|| RolesError::NoTime { dataset: self.dataset.clone() })?;
        self.times(table, name)
    }

    /// When the label of each row becomes known: the column that says so, else the event plus the delay. A row without a
    /// label need not say when it becomes known, and its event stands for that.
    ///
    /// # Errors
    /// When the table lacks the column, or a value of it is no time; only a row without a label may leave it empty.
    pub fn label_known_times(&self, table: &Table, events: &[Timestamp]) -> Result<Vec<Timestamp>, RolesError> {
        match (&self.label_time, self.label_delay) {
            (Some(column), _) => self.known_times(table, column, events),
            (None, Some(delay)) => Ok(events.iter().map(|event| event.after(delay)).collect()),
            (None, None) => Ok(events.to_vec()),
        }
    }

    fn times(&self, table: &Table, name: &str) -> Result<Vec<Timestamp>, RolesError> {
        let column = self.column(table, name)?;
        let numbers = Numbers::of(name, column);
        (0..column.len()).map(|row| self.time(column, name, row, numbers)).collect()
    }

    fn known_times(&self, table: &Table, name: &str, events: &[Timestamp]) -> Result<Vec<Timestamp>, RolesError> {
        let column = self.column(table, name)?;
        let label = self.label.as_deref().and_then(|label| table.column(label).ok());
        let is_awaited = |row| label.is_some_and(|label| label.label(row).is_none()) && column.label(row).is_none();
        let numbers = Numbers::of(name, column);
        let known = |row| if is_awaited(row) { Ok(events[row]) } else { self.time(column, name, row, numbers) };
        (0..column.len()).map(known).collect()
    }

    fn time(&self, column: &Column, name: &str, row: usize, numbers: Numbers) -> Result<Timestamp, RolesError> {
        time_of(column, row, numbers).ok_or_else(|| RolesError::NotATime {
            dataset: self.dataset.clone(),
            column: name.to_owned(),
            row,
            value: column.label(row).map_or_else(|| "missing".to_owned(), |text| text.to_string()),
        })
    }

    /// The id of each row: its id columns joined by `|`, or its number when the contract names none.
    ///
    /// # Errors
    /// When the table lacks an id column.
    pub fn row_ids(&self, table: &Table) -> Result<Vec<Arc<str>>, RolesError> {
        if self.id.is_empty() {
            return Ok((0..table.rows()).map(|row| Arc::from(format!("row-{row}"))).collect());
        }
        let columns = self.id.iter().map(|name| self.column(table, name)).collect::<Result<Vec<_>, _>>()?;
        let id = |row| {
            let parts: Vec<_> = columns.iter().map(|column| column.label(row).unwrap_or_default()).collect();
            Arc::from(parts.join("|"))
        };
        Ok((0..table.rows()).map(id).collect())
    }

    /// Columns that must never reach a model: they hold, or follow from, the outcome.
    pub fn leaking(&self) -> impl Iterator<Item = &str> {
        self.label.iter().chain(&self.label_time).map(String::as_str)
    }

    /// Whether a column may be used as a feature.
    pub fn is_feature(&self, name: &str) -> bool {
        let special = [&self.time, &self.label, &self.label_time, &self.weight];
        !special.iter().any(|column| column.as_deref() == Some(name))
            && !self.id.iter().chain(&self.ignore).any(|column| column == name)
    }
}

/// What whole numbers of a time column are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Numbers {
    Years,
    /// A count that goes on, one second each.
    Seconds,
}

/// Names of columns that count rows or steps.
const COUNTERS: &[&str] = &[
    "row",
    "rows",
    "index",
    "idx",
    "step",
    "steps",
    "seq",
    "sequence",
    "counter",
    "tick",
    "cycle",
    "iteration",
    "record",
    "instant",
    "number",
    "nr",
    "no",
    "rownum",
    "unix",
];
/// The last year that whole numbers are usually taken for.
const LAST_YEAR: f64 = 2200.0;
/// The last second of the year 9999.
const LAST_SECOND: u64 = 253_402_300_799;

impl Numbers {
    fn of(name: &str, column: &Column) -> Self {
        let (mut rows, mut usual, mut others) = (0, 0, 0);
        for value in (0..column.len()).map(|row| column.number(row)).filter(|value| !value.is_nan()) {
            rows += 1;
            usual += usize::from((1000.0..=LAST_YEAR).contains(&value));
            others += usize::from(!(1000.0..=9999.0).contains(&value));
        }
        // A single year 9999 is a mistake among years, and no other way to count.
        let all_years = others == 0 && usual * 10 >= rows * 9;
        let lower = name.to_lowercase();
        let last_word = lower.rsplit(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
        if all_years && !COUNTERS.contains(&last_word) { Self::Years } else { Self::Seconds }
    }

    fn time(self, value: i64) -> Option<Timestamp> {
        match self {
            Self::Years => year(value),
            Self::Seconds => (value.unsigned_abs() <= LAST_SECOND).then(|| Timestamp(value * 1000)),
        }
    }
}

fn time_of(column: &Column, row: usize, numbers: Numbers) -> Option<Timestamp> {
    match column {
        Column::Time(values) => values[row].map(Timestamp),
        Column::Int(values) => values[row].and_then(|value| numbers.time(value)),
        Column::Float(values) if values[row].fract() == 0.0 && values[row].abs() < 1e12 => {
            numbers.time(values[row] as i64)
        }
        Column::Text(values) => values[row].as_deref()?.parse().ok(),
        Column::Float(_) | Column::Bool(_) => None,
    }
}

fn year(value: i64) -> Option<Timestamp> {
    let year = i16::try_from(value).ok().filter(|year| (1000..=9999).contains(year))?;
    Timestamp::from_date(year, 1, 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn roles() -> ColumnRoles {
        ColumnRoles {
            dataset: "people".into(),
            time: Some("when".into()),
            label: Some("y".into()),
            ..ColumnRoles::default()
        }
    }

    #[test]
    fn years_dates_and_timestamps_are_all_times() {
        let day = Timestamp::from_date(2015, 1, 1).unwrap();
        for column in [
            Column::Int(vec![Some(2015)]),
            Column::Float(vec![2015.0]),
            Column::Text(vec![Some("2015-01-01".into())]),
            Column::Time(vec![Some(day.millis())]),
        ] {
            let table = Table::new(vec![("when".into(), column)]).unwrap();
            assert_eq!(roles().event_times(&table).unwrap(), vec![day]);
        }
    }

    #[test]
    fn a_counter_is_a_time_in_its_own_order_in_any_part_of_the_table() {
        let times = |name: &str, values: std::ops::Range<i64>| {
            let table = Table::new(vec![(name.into(), Column::Int(values.map(Some).collect()))]).unwrap();
            ColumnRoles { time: Some(name.into()), ..roles() }
                .event_times(&table)
                .map(|times| times.last().map(|time| time.millis()))
        };
        assert_eq!(times("row", 0..500).unwrap(), Some(499_000));
        assert_eq!(times("row", 1500..1550).unwrap(), Some(1_549_000), "a part of a counter does not turn into years");
        assert_eq!(times("t", 1..5000).unwrap(), Some(4_999_000));
        assert_eq!(times("unix", 1_700_000_000..1_700_000_010).unwrap(), Some(1_700_000_009_000));
        assert_eq!(
            times("year", 1990..2020).unwrap(),
            Timestamp::from_date(2019, 1, 1).map(|day| Some(day.millis())).unwrap()
        );
        let error = times("row", 1_790_000_000_000_000_000..1_790_000_000_000_000_002).unwrap_err().to_string();
        assert!(error.contains("row 0") && error.contains("count on"), "{error}");
    }

    #[test]
    fn a_row_without_a_time_is_named() {
        let table = Table::new(vec![("when".into(), Column::Text(vec![Some("soon".into())]))]).unwrap();
        let error = roles().event_times(&table).unwrap_err().to_string();
        assert!(error.contains("row 0") && error.contains("`soon`"), "{error}");
    }

    #[test]
    fn a_label_is_known_after_its_delay() {
        let day = Timestamp::from_date(2015, 1, 1).unwrap();
        let roles = ColumnRoles { label_delay: Some(Span::days(60)), ..roles() };
        let table = Table::new(vec![("when".into(), Column::Int(vec![Some(2015)]))]).unwrap();
        assert_eq!(roles.label_known_times(&table, &[day]).unwrap(), vec![day.after(Span::days(60))]);
    }
}
