//! A dataset as production would have seen it: rows in the order of their events, labels when they became known.
//!
//! Invariants: nothing before time `t` reads a row or a label that was not known at `t`.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use kilter_domain::{
    table::Table,
    time::{Span, Timestamp},
};

use crate::dataset::column_roles::{ColumnRoles, RolesError};

/// One dataset with the clock of its events and of its labels.
pub struct History {
    /// The rows, in the order of the file.
    pub table: Table,
    /// What its columns are for.
    pub roles: ColumnRoles,
    /// When each row happened, by row.
    pub events: Vec<Timestamp>,
    /// When the label of each row became known, by row.
    pub known: Vec<Timestamp>,
    /// A unique id of each row, by row.
    pub ids: Vec<Arc<str>>,
    /// How many rows have the id of an earlier one, and got a number behind it.
    pub renamed: usize,
    /// Rows in the order of their events; rows of one instant keep the order of the file.
    pub order: Vec<usize>,
}

impl History {
    /// Reads the clocks of a table. Rows that share an id get a number behind it.
    ///
    /// # Errors
    /// When the table lacks the label, the time or an id column, or one of its times is none.
    pub fn new(table: Table, roles: ColumnRoles) -> Result<Self, RolesError> {
        roles.label(&table)?;
        let events = roles.event_times(&table)?;
        let known = roles.label_known_times(&table, &events)?;
        let (ids, renamed) = unique(roles.row_ids(&table)?);
        let mut order: Vec<usize> = (0..table.rows()).collect();
        order.sort_by_key(|&row| events[row]);
        Ok(Self { table, roles, events, known, ids, renamed, order })
    }

    /// First and last event; `None` for an empty table.
    pub fn span(&self) -> Option<(Timestamp, Timestamp)> {
        Some((self.events[*self.order.first()?], self.events[*self.order.last()?]))
    }

    /// The rows whose label is known at `at`, in the order of their events; with `window` only the newest part of them.
    ///
    /// The window reaches back from the newest labelled event, so that a long label delay does not empty it.
    pub fn labelled_at(&self, at: Timestamp, window: Option<Span>) -> Vec<usize> {
        let rows: Vec<usize> =
            self.order.iter().copied().filter(|&row| self.events[row] < at && self.known[row] <= at).collect();
        match (window, rows.last()) {
            (Some(window), Some(&newest)) => {
                let from = self.events[newest].before(window);
                rows.into_iter().filter(|&row| self.events[row] > from).collect()
            }
            _ => rows,
        }
    }

    /// Rows that happened in `start..end`, in the order of their events.
    pub fn happened(&self, start: Timestamp, end: Timestamp) -> &[usize] {
        let from = self.order.partition_point(|&row| self.events[row] < start);
        let to = self.order.partition_point(|&row| self.events[row] < end);
        &self.order[from..to.max(from)]
    }
}

/// The ids with a number behind those that came before, and how many those are.
fn unique(mut ids: Vec<Arc<str>>) -> (Vec<Arc<str>>, usize) {
    let mut count: HashMap<Arc<str>, u32> = HashMap::with_capacity(ids.len());
    ids.iter().for_each(|id| *count.entry(id.clone()).or_insert(0) += 1);
    let taken: HashSet<Arc<str>> = count.keys().cloned().collect();
    let (mut seen, mut renamed) = (HashMap::new(), 0);
    for id in ids.iter_mut().filter(|id| count[&**id] > 1) {
        let last: &mut u32 = seen.entry(id.clone()).or_insert(0);
        *last += 1;
        if *last > 1 {
            // `a#2` may be somebody's own id.
            let free = |number: &u32| !taken.contains(&*format!("{id}#{number}"));
            *last = (*last..).find(free).unwrap_or(*last);
            *id = Arc::from(format!("{id}#{last}"));
            renamed += 1;
        }
    }
    (ids, renamed)
}

#[cfg(test)]
mod tests {
    use kilter_domain::table::Column;

    use super::*;

    fn day(n: i8) -> Timestamp {
        Timestamp::from_date(2020, 1, n).unwrap()
    }

    /// Rows on the given days of January, out of order, labels two days later.
    fn history(days: &[i8]) -> History {
        let time = Column::Time(days.iter().map(|&n| Some(day(n).millis())).collect());
        let label = Column::Int(days.iter().map(|_| Some(1)).collect());
        let table = Table::new(vec![("at".into(), time), ("y".into(), label)]).unwrap();
        let roles = ColumnRoles {
            dataset: "d".into(),
            time: Some("at".into()),
            label: Some("y".into()),
            label_delay: Some(Span::days(2)),
            ..ColumnRoles::default()
        };
        History::new(table, roles).unwrap()
    }

    #[test]
    fn a_label_is_not_read_before_it_is_known() {
        let history = history(&[3, 1, 2]);
        assert_eq!(history.labelled_at(day(3), None), vec![1]);
        assert_eq!(history.labelled_at(day(5), None), vec![1, 2, 0]);
        assert_eq!(history.labelled_at(day(5), Some(Span::days(1))), vec![0]);
    }

    #[test]
    fn rows_are_served_in_the_order_of_their_events() {
        let history = history(&[3, 1, 2, 1]);
        assert_eq!(history.happened(day(1), day(3)), [1, 3, 2]);
        assert!(history.happened(day(4), day(9)).is_empty());
    }

    #[test]
    fn rows_that_share_an_id_stay_apart() {
        let renamed = |ids: &[&str]| {
            let (ids, renamed) = unique(ids.iter().map(|&id| Arc::from(id)).collect());
            (ids.join(" "), renamed)
        };
        assert_eq!(renamed(&["a", "b", "a"]), ("a b a#2".to_owned(), 1));
        assert_eq!(renamed(&["a", "a#2", "a", "a"]), ("a a#2 a#3 a#4".to_owned(), 2));
    }
}
