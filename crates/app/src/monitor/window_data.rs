//! The rows of a window, and of the longer spans that end with it: read from the log once, and passed down.

use std::{cell::OnceCell, collections::BTreeSet, rc::Rc};

use kilter_domain::time::Interval;

use crate::prediction::{logged::LoggedPredictions, partition_index::PartitionColumns};

/// What one version answered in a window and before it, as far as its rules reach back.
pub(super) struct WindowData {
    pub window: Interval,
    /// What was read; it ends with the window.
    read: Interval,
    rows: Rc<LoggedPredictions>,
    /// The columns of each partition that was read, where rules take parts of it.
    columns: Vec<PartitionColumns>,
    /// The rows of the window alone, where more was read.
    of_window: OnceCell<Rc<LoggedPredictions>>,
}

impl WindowData {
    /// The rows of `read`, which ends with `window` and holds it, and the columns of each partition that they are of;
    /// without them every part has all columns.
    pub fn new(window: Interval, read: Interval, rows: LoggedPredictions, columns: Vec<PartitionColumns>) -> Self {
        Self { window, read, rows: Rc::new(rows), columns, of_window: OnceCell::new() }
    }

    /// The rows of the window.
    pub fn rows(&self) -> Rc<LoggedPredictions> {
        self.rows_of(self.window)
    }

    /// Whether an interval that ends with the window lies in what was read.
    pub fn covers(&self, interval: Interval) -> bool {
        self.read.start <= interval.start
    }

    /// The rows of an interval that ends with the window.
    pub fn rows_of(&self, interval: Interval) -> Rc<LoggedPredictions> {
        if interval.start <= self.read.start {
            return self.rows.clone();
        }
        if interval == self.window {
            return self.of_window.get_or_init(|| self.select(interval)).clone();
        }
        self.select(interval)
    }

    /// A column that only partitions before the interval have is no column of it: it is not there, and not missing.
    fn select(&self, interval: Interval) -> Rc<LoggedPredictions> {
        let mut rows = self.rows.filter(|row| interval.contains(self.rows.events[row]));
        let touches =
            |partition: &&PartitionColumns| partition.max_time >= interval.start && partition.min_time < interval.end;
        let names: BTreeSet<&str> =
            self.columns.iter().filter(touches).flat_map(|partition| &partition.names).map(String::as_str).collect();
        if !self.columns.is_empty() {
            rows.table = rows.table.select(|name| names.contains(name));
        }
        Rc::new(rows)
    }
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
        let events = |rows: Rc<LoggedPredictions>| rows.events.iter().map(|event| event.millis()).collect::<Vec<_>>();
        assert_eq!(events(data.rows()), [8, 9]);
        assert_eq!(events(data.rows_of(interval(7))), [7, 8, 9]);
        assert_eq!(data.rows().table.names(), ["kept"], "what only older partitions have is no column of the window");
        assert_eq!(data.rows_of(interval(4)).table.names(), ["kept", "old"]);
        assert!(Rc::ptr_eq(&data.rows(), &data.rows()), "the window is taken out once");
        assert!(Rc::ptr_eq(&data.rows_of(interval(0)), &data.rows_of(interval(-5))), "all of it is not copied");
    }
}
