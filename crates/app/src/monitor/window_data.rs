//! The rows of a window, and of the longer spans that end with it: read from the log once, and passed down.
//!
//! Invariant: what is more than may be held at once is read for each span by itself, so that each has as many rows as may be.

use std::{cell::OnceCell, collections::BTreeSet, rc::Rc};

use kilter_domain::time::Interval;

use crate::{
    causes::StorageError,
    prediction::{logged::LoggedPredictions, partition_index::PartitionColumns, window_sample::WindowSample},
};

/// Reads the rows of an interval, within the bound.
pub(super) type ReadInterval<'a> = Box<dyn Fn(Interval) -> Result<WindowSample, StorageError> + 'a>;

/// What one version answered in a window and before it, as far as its rules reach back.
pub(super) struct WindowData<'a> {
    pub window: Interval,
    /// What was read, or may be; it ends with the window.
    read: Interval,
    source: Source<'a>,
    /// The rows of the window alone, where more was read.
    of_window: OnceCell<WindowSample>,
}

/// Where rows are taken from.
enum Source<'a> {
    /// All rows of `read`, and the columns of each partition that was read, where rules take parts of it.
    Rows(Rc<LoggedPredictions>, Vec<PartitionColumns>),
    /// The log, for each interval by itself.
    Log(ReadInterval<'a>),
}

impl<'a> WindowData<'a> {
    /// The rows of `read`, which ends with `window` and holds it, and the columns of each partition that they are of;
    /// without them every part has all columns.
    pub fn new(window: Interval, read: Interval, rows: LoggedPredictions, columns: Vec<PartitionColumns>) -> Self {
        Self { window, read, source: Source::Rows(Rc::new(rows), columns), of_window: OnceCell::new() }
    }

    /// Rows that are read when they are asked for; those of the window are read at once.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn of_log(window: Interval, read: Interval, log: ReadInterval<'a>) -> Result<Self, StorageError> {
        let of_window = OnceCell::from(log(window)?);
        Ok(Self { window, read, source: Source::Log(log), of_window })
    }

    /// The rows of the window.
    pub fn rows(&self) -> WindowSample {
        match &self.source {
            Source::Rows(rows, _) if self.window.start <= self.read.start => WindowSample::whole(rows.clone()),
            Source::Rows(rows, columns) => {
                self.of_window.get_or_init(|| WindowSample::whole(select(rows, columns, self.window))).clone()
            }
            Source::Log(_) => self.of_window.get().cloned().unwrap_or_else(|| WindowSample::whole(Rc::default())),
        }
    }

    /// Whether an interval that ends with the window lies in what was read.
    pub fn covers(&self, interval: Interval) -> bool {
        self.read.start <= interval.start
    }

    /// The rows of an interval that ends with the window.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn rows_of(&self, interval: Interval) -> Result<WindowSample, StorageError> {
        match &self.source {
            _ if interval == self.window => Ok(self.rows()),
            Source::Rows(rows, _) if interval.start <= self.read.start => Ok(WindowSample::whole(rows.clone())),
            Source::Rows(rows, columns) => Ok(WindowSample::whole(select(rows, columns, interval))),
            Source::Log(read) => read(interval),
        }
    }
}

/// A column that only partitions before the interval have is no column of it: it is not there, and not missing.
fn select(all: &LoggedPredictions, columns: &[PartitionColumns], interval: Interval) -> Rc<LoggedPredictions> {
    let mut rows = all.filter(|row| interval.contains(all.events[row]));
    let touches =
        |partition: &&PartitionColumns| partition.max_time >= interval.start && partition.min_time < interval.end;
    let names: BTreeSet<&str> =
        columns.iter().filter(touches).flat_map(|partition| &partition.names).map(String::as_str).collect();
    if !columns.is_empty() {
        rows.table = rows.table.select(|name| names.contains(name));
    }
    Rc::new(rows)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use kilter_domain::{
        table::{Column, Table},
        time::Timestamp,
    };

    use super::*;

    #[test]
    fn a_window_and_the_spans_that_end_with_it_are_parts_of_what_was_read() {
        let column = || Column::Int((0..10).map(Some).collect());
        let table = Table::new(vec![("kept".to_owned(), column()), ("old".to_owned(), column())]).unwrap();
        let partition = |min: i64, names: &[&str]| PartitionColumns {
            min_time: Timestamp(min),
            max_time: Timestamp(min + 4),
            names: names.iter().map(|name| (*name).to_owned()).collect(),
        };
        let columns = vec![partition(0, &["kept", "old"]), partition(5, &["kept"])];
        let rows = LoggedPredictions {
            table,
            ids: (0..10).map(|row| Arc::from(row.to_string())).collect(),
            events: (0..10).map(Timestamp).collect(),
            versions: vec![1; 10],
            scores: vec![0.5; 10],
            predicted: vec![None; 10],
            labels: vec![None; 10],
            label_sequences: vec![None; 10],
            requests: vec![0; 10],
            consumers: vec![None; 10],
            latencies_us: vec![None; 10],
            sample_shares: vec![],
            draws: vec![],
        };
        let interval = |start: i64| Interval::new(Timestamp(start), Timestamp(10));
        let data = WindowData::new(interval(8), interval(0), rows, columns);
        let rows_of = |start: i64| data.rows_of(interval(start)).unwrap().rows;
        let events = |rows: Rc<LoggedPredictions>| rows.events.iter().map(|event| event.millis()).collect::<Vec<_>>();
        assert_eq!(events(data.rows().rows), [8, 9]);
        assert_eq!(events(rows_of(7)), [7, 8, 9]);
        assert_eq!(
            data.rows().rows.table.names(),
            ["kept"],
            "what only older partitions have is no column of the window"
        );
        assert_eq!(rows_of(4).table.names(), ["kept", "old"]);
        assert!(Rc::ptr_eq(&data.rows().rows, &data.rows().rows), "the window is taken out once");
        assert!(Rc::ptr_eq(&rows_of(0), &rows_of(-5)), "all of it is not copied");
    }
}
