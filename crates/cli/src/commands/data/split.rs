//! `kilter data split`: parts a table into rows to train on and rows to test with, always the same way.

use std::path::PathBuf;

use clap::Args;
use kilter_api::{Code, Problem};
use kilter_domain::{
    digest::Digest,
    plural::counted,
    table::{Column, Table},
    time::Timestamp,
};
use kilter_lake::{ReadOptions, read_table, write_table};
use serde::Serialize;

use kilter_app::{dataset::ColumnRoles, training::newest_share};

use crate::{
    input::column_list::{ColumnList, named},
    ui::{
        error::{CliError, usage},
        unread::Unread,
        view::{Answer, Page, Status},
    },
};

/// Split a table into training rows and test rows.
///
/// With --time the newest rows are the test rows; among rows of the same time as the cut, --seed decides. Without it
/// all rows are drawn at random; with --by, rows with equal values in these columns stay together.
#[derive(Debug, Args)]
pub(super) struct Split {
    /// The table to split.
    data: PathBuf,
    /// The file for the training rows.
    train: PathBuf,
    /// The file for the test rows.
    test: PathBuf,
    /// The column with the time of a row: times, dates as text, whole years, or row numbers.
    #[arg(long, value_name = "COLUMN", conflicts_with = "by")]
    time: Option<String>,
    /// The share of test rows.
    #[arg(long, default_value_t = 0.25)]
    share: f64,
    /// The random seed.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Columns whose equal values stay on one side, like a customer id.
    #[arg(long, value_name = "COLUMNS")]
    by: Vec<ColumnList>,
}

#[derive(Serialize)]
struct Parted {
    train: Side,
    test: Side,
    /// The first time of the test, where rows were parted by time.
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<Timestamp>,
}

#[derive(Serialize)]
struct Side {
    path: PathBuf,
    rows: usize,
}

impl Split {
    pub(super) fn run(self) -> Result<Answer, CliError> {
        if !(self.share > 0.0 && self.share < 1.0) {
            return Err(usage(format!("`--share {}` must lie between 0 and 1", self.share)));
        }
        let table = read_table(&self.data, &ReadOptions::default())?;
        let (train, test) = match &self.time {
            Some(column) => by_time(&table, column, self.share, self.seed)?,
            None if self.by.is_empty() => by_draw(table.rows(), self.share, self.seed),
            None => by_group(&table, &named(&self.by, table.names()), self.share, self.seed)?,
        };
        if train.is_empty() || test.is_empty() {
            return Err(unparted(&table, &self.data.display().to_string()).into());
        }
        let from = self.time.as_ref().and_then(|column| first_time(&table, column, &test));
        write_table(&self.train, &table.take(&train))?;
        write_table(&self.test, &table.take(&test))?;
        let when = from.map_or_else(String::new, |from| format!(", from {from} on"));
        let page = Page::new().marked(
            Status::Ok,
            format!("{} to train on, {} to test with{when}", counted(train.len(), "row"), test.len()),
        );
        let unread = Unread::of_file(&self.data)?;
        let parted = Parted {
            train: Side { path: self.train, rows: train.len() },
            test: Side { path: self.test, rows: test.len() },
            from,
        };
        Ok(Answer::done(&parted, page).left_out(&unread))
    }
}

fn unparted(table: &Table, data: &str) -> Problem {
    Problem::new(
        Code::FileInvalid,
        format!("the {} of `{data}` cannot be parted: one side would be empty", counted(table.rows(), "row")),
    )
    .hint("bring more rows, or choose another --share, --time or --by")
}

fn column<'a>(table: &'a Table, name: &str) -> Result<&'a Column, CliError> {
    table.column(name).map_err(|error| Problem::of(Code::ColumnUnknown, &error).into())
}

/// Which rows go where, in the order of the table.
type Rows = (Vec<usize>, Vec<usize>);

/// The newest share of the rows is the test; of the time at which the cut falls, rows are drawn.
fn by_time(table: &Table, name: &str, share: f64, seed: u64) -> Result<Rows, CliError> {
    column(table, name)?;
    newest_share(table, &timed(name), share, seed)
        .map_err(|error| Problem::of(Code::FileInvalid, &error).hint("leave rows without a time out first").into())
}

fn timed(name: &str) -> ColumnRoles {
    ColumnRoles { dataset: "data".to_owned(), time: Some(name.to_owned()), ..ColumnRoles::default() }
}

fn first_time(table: &Table, name: &str, rows: &[usize]) -> Option<Timestamp> {
    let times = timed(name).event_times(table).ok()?;
    rows.iter().map(|&row| times[row]).min()
}

/// A draw of exactly the share, rounded to a row.
fn by_draw(rows: usize, share: f64, seed: u64) -> Rows {
    let keys: Vec<Digest> = (0..rows).map(|row| lot(seed, &row.to_le_bytes())).collect();
    let mut order: Vec<usize> = (0..rows).collect();
    order.sort_unstable_by_key(|&row| keys[row]);
    let mut is_test = vec![false; rows];
    order.iter().take((share * rows as f64).round() as usize).for_each(|&row| is_test[row] = true);
    (0..rows).partition(|&row| !is_test[row])
}

/// Every group draws its side by itself, so that a row keeps its side when others come or go.
fn by_group(table: &Table, names: &[String], share: f64, seed: u64) -> Result<Rows, CliError> {
    let columns = names.iter().map(|name| column(table, name)).collect::<Result<Vec<_>, _>>()?;
    let is_test = |row: usize| {
        let mut key = Vec::new();
        for column in &columns {
            match column.label(row) {
                Some(text) => {
                    key.push(1);
                    key.extend_from_slice(&(text.len() as u64).to_le_bytes());
                    key.extend_from_slice(text.as_bytes());
                }
                None => key.push(0),
            }
        }
        let lot = lot(seed, &key);
        let [a, b, c, d, e, f, g, h, ..] = *lot.raw();
        (u64::from_be_bytes([a, b, c, d, e, f, g, h]) as f64) < share * u64::MAX as f64
    };
    Ok((0..table.rows()).partition(|&row| !is_test(row)))
}

fn lot(seed: u64, key: &[u8]) -> Digest {
    let mut bytes = seed.to_le_bytes().to_vec();
    bytes.extend_from_slice(key);
    Digest::of(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(times: &[Option<i64>]) -> Table {
        Table::new(vec![("at".into(), Column::Time(times.to_vec()))]).unwrap()
    }

    fn parted(times: &[i64], share: f64) -> Rows {
        by_time(&table(&times.iter().map(|&time| Some(time)).collect::<Vec<_>>()), "at", share, 0).unwrap()
    }

    #[test]
    fn the_newest_rows_are_the_test_and_one_time_is_drawn_from() {
        assert_eq!(parted(&[3, 1, 4, 2], 0.25), (vec![0, 1, 3], vec![2]));
        assert_eq!(parted(&[1, 1, 1, 2], 0.25), (vec![0, 1, 2], vec![3]));
        let (train, test) = parted(&[5; 100], 0.25);
        assert_eq!((train.len(), test.len()), (75, 25));
    }

    #[test]
    fn a_row_without_a_time_is_refused() {
        let missing = by_time(&table(&[Some(1), None]), "at", 0.5, 0);
        let Err(CliError::Problem(problem)) = missing else { panic!("it was parted") };
        assert_eq!(problem.code, "file_invalid");
        assert!(problem.detail.contains("row 1"), "{problem}");
    }

    #[test]
    fn a_draw_has_its_share_and_follows_its_seed() {
        let (train, test) = by_draw(1_000, 0.25, 7);
        assert_eq!((train.len(), test.len()), (750, 250));
        assert_eq!(by_draw(1_000, 0.25, 7), (train, test.clone()));
        assert_ne!(by_draw(1_000, 0.25, 8).1, test);
    }

    #[test]
    fn a_group_keeps_its_side_whatever_else_is_in_the_table() {
        let ids = |range: std::ops::Range<i64>| {
            let doubled: Vec<_> = range.clone().chain(range).map(Some).collect();
            Table::new(vec![("id".into(), Column::Int(doubled))]).unwrap()
        };
        let sides = |table: &Table| {
            let (_, test) = by_group(table, &["id".into()], 0.3, 1).unwrap();
            let mut ids: Vec<_> = test.iter().map(|&row| table.column("id").unwrap().number(row) as i64).collect();
            assert_eq!(ids.len() % 2, 0);
            ids.sort_unstable();
            ids.dedup();
            ids
        };
        let (few, many) = (sides(&ids(0..500)), sides(&ids(0..2_000)));
        assert_eq!(few, many.iter().copied().filter(|&id| id < 500).collect::<Vec<_>>());
        assert!((500..700).contains(&many.len()), "{}", many.len());
    }
}
