//! Which column is the time, the label, the id: guessed from names, types and values.

use super::input::{ColumnSummary, InitFrom, Question};
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

/// Numbers with more values than these are no classes.
const MAX_CLASSES: u64 = 10;
/// Rows below which a column of other values in each row says nothing.
const MIN_IDS: u64 = 40;
/// Words in the mean from which texts are prose, and not names.
const PROSE_WORDS: usize = 3;

/// The parts that columns seem to play.
pub(super) struct InferredRoles<'c> {
    pub time: Option<&'c ColumnSummary>,
    pub label: Option<&'c ColumnSummary>,
    pub label_time: Option<&'c ColumnSummary>,
    pub id: Vec<&'c ColumnSummary>,
    /// Columns that alone tell the label.
    pub telling: Vec<&'c ColumnSummary>,
    /// Columns that are called nothing like an id and have another value in each row.
    pub like_ids: Vec<&'c ColumnSummary>,
    /// Columns of texts of several words.
    pub prose: Vec<&'c ColumnSummary>,
}

impl<'c> InferredRoles<'c> {
    /// Guesses what is not stated.
    pub(super) fn of(from: &InitFrom<'c>) -> Self {
        let (rows, columns, stated) = (from.rows, from.columns, from.label);
        // No command line holds the end of a text.
        let is_sayable = |name: &str| !name.is_empty() && !name.contains('\0');
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
        let label_time = label.and(label_time);
        let has_role = |column: &ColumnSummary| {
            [time, label, label_time].contains(&Some(column)) || id.iter().any(|id| id.name == column.name)
        };
        let others = || columns().filter(|column| !has_role(column));
        let tells = |column: &&ColumnSummary| from.telling.iter().any(|(name, _)| *name == column.name);
        let telling: Vec<_> = others().filter(tells).collect();
        let like_ids: Vec<_> = others().filter(|column| !tells(column) && is_like_id(column, rows)).collect();
        let prose = others().filter(|column| !tells(column) && is_prose(column, rows)).collect();
        Self { time, label, label_time, id, telling, like_ids, prose }
    }

    /// The columns that a model must not read.
    pub(super) fn not_features(&self) -> Vec<&'c str> {
        let roles = self.time.iter().chain(&self.id).chain(&self.label_time);
        roles.chain(&self.telling).chain(&self.like_ids).map(|column| column.name.as_str()).collect()
    }

    /// Whether a label that is learned as a number may as well be a class.
    pub(super) fn has_few_numbers(&self, label: &ColumnSummary) -> bool {
        self.question(label) == Question::Regression && label.distinct <= MAX_CLASSES
    }

    /// What `kilter train` takes the label for, if its command does not say.
    pub(super) fn question(&self, label: &ColumnSummary) -> Question {
        match (label.distinct, label.column_type) {
            (..=2, _) | (_, ColumnType::Bool) => Question::Binary,
            (_, ColumnType::Text) => Question::Multiclass,
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

/// Another value in each row: texts that are no prose and no times, or whole numbers without a gap.
fn is_like_id(column: &ColumnSummary, rows: u64) -> bool {
    if rows < MIN_IDS || column.missing > 0 || column.distinct < rows {
        return false;
    }
    let whole = |end: &Option<String>| end.as_deref().and_then(|end| end.parse::<i64>().ok());
    match column.column_type {
        ColumnType::Text => !is_prose(column, rows) && !is_time(column),
        ColumnType::Int => {
            matches!((whole(&column.min), whole(&column.max)), (Some(min), Some(max)) if max.checked_sub(min) == i64::try_from(rows - 1).ok())
        }
        ColumnType::Float | ColumnType::Bool | ColumnType::Time => false,
    }
}

/// Mostly different texts of several words.
fn is_prose(column: &ColumnSummary, rows: u64) -> bool {
    let words: usize = column.samples.iter().map(|text| text.split_whitespace().count()).sum();
    column.column_type == ColumnType::Text
        && column.distinct > 20
        && 2 * column.distinct > rows.saturating_sub(column.missing)
        && !column.samples.is_empty()
        && words >= PROSE_WORDS * column.samples.len()
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
