//! What is to be said of rows that broke a rule and were answered.

use std::sync::Arc;

/// The rules that rows broke: for each row the rules that marked it, and those that put another value in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InputMarks {
    /// For each row the rules that mark it, separated by `, `; `None`: none. Empty: no row has one.
    pub flagged: Vec<Option<Arc<str>>>,
    /// For each row the rules that put another value in. Empty: no row has one.
    pub imputed: Vec<Option<Arc<str>>>,
    rows: usize,
    /// Each rule with the number of rows, in the order in which the rules were looked at.
    flags: Vec<(Arc<str>, usize)>,
    imputations: Vec<(Arc<str>, usize)>,
}

impl InputMarks {
    /// No row is marked yet.
    pub(super) fn of(rows: usize) -> Self {
        Self { rows, ..Self::default() }
    }

    pub(super) fn flagged(&mut self, rule: &str, rows: &[usize]) {
        self.flags.push((rule.into(), rows.len()));
        mark(&mut self.flagged, self.rows, rule, rows);
    }

    pub(super) fn imputed(&mut self, rule: &str, rows: &[usize]) {
        self.imputations.push((rule.into(), rows.len()));
        mark(&mut self.imputed, self.rows, rule, rows);
    }

    /// The rules that marked rows, with the number of rows of each.
    pub fn flags(&self) -> &[(Arc<str>, usize)] {
        &self.flags
    }

    /// The rules that put other values in, with the number of rows of each.
    pub fn imputations(&self) -> &[(Arc<str>, usize)] {
        &self.imputations
    }
}

fn mark(marks: &mut Vec<Option<Arc<str>>>, count: usize, rule: &str, rows: &[usize]) {
    marks.resize(count, None);
    // Rows of one rule share its text.
    let alone: Arc<str> = rule.into();
    for row in rows {
        let mark = &mut marks[*row];
        *mark = Some(match mark.take() {
            None => alone.clone(),
            Some(others) => format!("{others}, {rule}").into(),
        });
    }
}
