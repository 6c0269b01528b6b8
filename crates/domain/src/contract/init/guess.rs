//! Which column is the time, the label, the id: guessed from names, types and values.

use super::{ColumnSummary, Question};
use crate::{table::ColumnType, time::Timestamp};

/// Names that a label often has, the likeliest first.
const LABELS: &[&str] = &[
    "label",
    "target",
    "y",
    "class",
    "outcome",
    "churn",
    "churned",
    "fraud",
    "is_fraud",
    "default",
    "defaulted",
    "died",
    "survived",
    "converted",
    "clicked",
    "response",
    "sold",
    "price",
    "amount",
    "demand",
    "sales",
    "load",
    "count",
];

/// Parts of the name of a column that says when a label became known.
const LABEL_TIMES: &[&str] = &["label_available", "label_time", "label_at", "labelled_at", "known_at", "outcome_at"];

/// Names of event times, the likeliest first.
const TIMES: &[&str] = &["event_time", "timestamp", "time", "datetime", "date", "ts", "at", "day", "month", "year"];

/// A label with more values than these is a number to predict, not a class.
const MAX_CLASSES: u64 = 50;

/// The parts that columns seem to play.
pub(super) struct Guess<'c> {
    pub time: Option<&'c ColumnSummary>,
    pub label: Option<&'c ColumnSummary>,
    pub label_time: Option<&'c ColumnSummary>,
    pub id: Vec<&'c ColumnSummary>,
}

impl<'c> Guess<'c> {
    /// Guesses what is not `stated`: the name of the label.
    pub(super) fn of(rows: u64, columns: &'c [ColumnSummary], stated: Option<&str>) -> Self {
        // A brace would read as a placeholder of the command.
        let is_sayable = |name: &str| !name.trim().is_empty() && !name.contains('{');
        let columns = || columns.iter().filter(|column| is_sayable(&column.name));
        let is_stated = |column: &ColumnSummary| Some(&*column.name) == stated;
        let label_time =
            columns().find(|column| is_time(column) && has_any(&column.name, LABEL_TIMES) && !is_stated(column));
        let is_free = |column: &&ColumnSummary| Some(*column) != label_time && !is_stated(column);
        let time =
            columns().filter(is_free).filter(|column| is_time(column)).min_by_key(|column| rank(&column.name, TIMES));
        let id: Vec<&ColumnSummary> = columns()
            .filter(|column| Some(*column) != time && is_free(column) && is_id(column, rows))
            .take(3)
            .collect();
        let may_be_label = |column: &&ColumnSummary| {
            Some(*column) != time && is_free(column) && !id.contains(column) && column.distinct >= 2
        };
        let named = columns().filter(may_be_label).filter(|column| rank(&column.name, LABELS) < LABELS.len());
        let guessed = || {
            // Without a telling name: the last column, when it is one of two.
            let last = || columns().rfind(may_be_label).filter(|column| column.distinct == 2);
            named.min_by_key(|column| rank(&column.name, LABELS)).or_else(last)
        };
        let label = columns().find(|column| is_stated(column)).or_else(guessed);
        Self { time, label, label_time: label.and(label_time), id }
    }

    /// The columns that a model must not read.
    pub(super) fn not_features(&self) -> Vec<&'c str> {
        self.time.iter().chain(&self.id).chain(&self.label_time).map(|column| column.name.as_str()).collect()
    }

    pub(super) fn question(&self, label: &ColumnSummary) -> Question {
        match (label.distinct, label.column_type) {
            (2, _) | (_, ColumnType::Bool) => Question::Binary,
            (_, ColumnType::Text) => Question::Multiclass,
            (distinct, ColumnType::Int) if distinct <= MAX_CLASSES.min(10) => Question::Multiclass,
            _ => Question::Regression,
        }
    }
}

/// The place of the first word that the name is, or ends in (`price_up` is `up`, not `price`); past the end for none.
fn rank(name: &str, words: &[&str]) -> usize {
    let name = name.to_lowercase();
    let fits = |word: &&str| {
        name == **word || name.strip_suffix(*word).is_some_and(|rest| rest.ends_with(['_', ' ', '-', '.']))
    };
    words.iter().position(fits).unwrap_or(words.len())
}

fn has_any(name: &str, words: &[&str]) -> bool {
    let name = name.to_lowercase();
    words.iter().any(|word| name.contains(word))
}

fn is_time(column: &ColumnSummary) -> bool {
    let year = |value: &Option<String>| value.as_deref().and_then(|value| value.parse::<i64>().ok());
    match column.column_type {
        ColumnType::Time => true,
        ColumnType::Text => {
            !column.samples.is_empty() && column.samples.iter().all(|value| value.parse::<Timestamp>().is_ok())
        }
        ColumnType::Int => {
            has_any(&column.name, &["year"])
                && matches!((year(&column.min), year(&column.max)), (Some(min), Some(max)) if min >= 1800 && max <= 2200)
        }
        ColumnType::Float | ColumnType::Bool => false,
    }
}

/// A name that says so, and values that differ: in one row of ten at least.
fn is_id(column: &ColumnSummary, rows: u64) -> bool {
    let name = column.name.to_lowercase();
    let says_so = name == "id" || ["_id", " id", "-id", ".id", "uuid", "_key"].iter().any(|end| name.ends_with(end));
    let says_so = says_so || column.name.ends_with("Id") || column.name.ends_with("ID");
    says_so
        && matches!(column.column_type, ColumnType::Int | ColumnType::Text)
        && column.missing == 0
        && column.distinct >= (rows / 10).max(1)
}
