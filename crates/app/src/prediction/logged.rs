//! What an endpoint answered, read back from the lake, joined with what turned out to be true.
//!
//! Invariants: a row stands once under its prediction id; the label that was recorded last wins; a label counts only
//! from the moment at which it was known; labels that belong to no prediction are counted, not lost. What was recorded last
//! is decided by the order of the log within a replica, whatever its clock said, and by the time of recording between replicas
//! ([`super::log_place`]); rows of several replicas are in the order of these times.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use kilter_domain::{
    ids::EndpointName,
    table::{Column, Table},
    time::Timestamp,
};
use kilter_evaluation::labelled_predictions::{ClassMatcher, LabelledPredictions, RawPredictions};
use kilter_inference::Task;
use kilter_lake::{LogKind, TIME_COLUMN};
use kilter_serving::{Role, prediction_log::column};

use crate::{
    app::App,
    causes::StorageError,
    clock_set_back,
    prediction::{
        log_place::{Place, is_of_one_replica, last_recorded, numbers, places, texts},
        log_scan, partition_index,
    },
};

/// What turned out to be true of one row, as it was sent.
#[derive(Clone, Debug, PartialEq)]
pub enum Label {
    /// A number: the truth of a regression, or a class that is written as one.
    Number(f64),
    /// A class, or whatever else was sent as a text.
    Text(Arc<str>),
}

impl Label {
    /// As a text, which names a class.
    pub fn text(&self) -> Arc<str> {
        match self {
            Self::Number(number) => number.to_string().into(),
            Self::Text(text) => text.clone(),
        }
    }

    /// As a number; NaN where it states none.
    pub fn number(&self) -> f64 {
        match self {
            Self::Number(number) => *number,
            Self::Text(text) => text.trim().parse().unwrap_or(f64::NAN),
        }
    }

    /// Whether a model of this task could answer it: it names one of its classes, or is a number.
    pub(crate) fn fits(&self, task: Task, classes: &ClassMatcher) -> bool {
        match task {
            Task::Regression => self.number().is_finite(),
            _ => classes.class_of(&self.text()).is_some(),
        }
    }
}

/// Rows of one window in the order of the log.
#[derive(Clone, Debug, Default)]
pub struct LoggedPredictions {
    /// Features and context, as they came.
    pub table: Table,
    /// The prediction id of each row.
    pub ids: Vec<Arc<str>>,
    /// When each row happened.
    pub events: Vec<Timestamp>,
    /// The version that scored each row.
    pub versions: Vec<u32>,
    /// The score of each row.
    pub scores: Vec<f64>,
    /// The predicted class; all missing for a regression.
    pub predicted: Vec<Option<Arc<str>>>,
    /// The truth, missing where it is not known yet.
    pub labels: Vec<Option<Label>>,
    /// The place of each label in the log: later labels have higher numbers.
    pub label_sequences: Vec<Option<i64>>,
    /// The request that each row came with: rows of one request share a number.
    pub requests: Vec<i64>,
    /// Who asked, where that is known.
    pub consumers: Vec<Option<Arc<str>>>,
    /// How long the version took for the row's request, in microseconds; missing where it was not recorded.
    pub latencies_us: Vec<Option<i64>>,
    /// The share of rows that was recorded when each row was, if it was not all: the row stands for `1 / share` rows.
    pub sample_shares: Vec<Option<f64>>,
    /// How each row was drawn; empty, or missing, where no two versions shared the traffic.
    pub draws: Vec<Option<LoggedDraw>>,
}

/// How a row was drawn while two versions shared the traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoggedDraw {
    /// The share of the entities that was the candidate's, in percent.
    pub percent: u8,
    /// The hash by which the entity was drawn.
    pub entity: i64,
    /// Whether the candidate was drawn, failed, and the live version answered.
    pub is_fallback: bool,
    /// When the request was answered, in milliseconds: both versions record the rows of one request at one time.
    pub recorded_at: i64,
}

/// Which rows of a log are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PredictionFilter {
    /// The answers that callers got of their traffic: what they asked of a version by its number is a test.
    Answers,
    /// What a version scored of the traffic, as an answer or in the shadow.
    Version(u32),
}

impl LoggedPredictions {
    /// How many rows these are.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// How many rows these stand for: more than they are if a share of the rows is recorded.
    pub fn represented(&self) -> f64 {
        (0..self.len()).map(|row| self.weight(row)).sum()
    }

    /// How many rows a row stands for.
    pub fn weight(&self, row: usize) -> f64 {
        self.sample_shares.get(row).copied().flatten().filter(|share| *share > 0.0).map_or(1.0, f64::recip)
    }

    /// The smallest share of rows that was recorded; `None`: all rows were.
    pub fn sample_share(&self) -> Option<f64> {
        self.sample_shares.iter().flatten().copied().reduce(f64::min)
    }

    /// Rows whose label is known.
    pub fn labelled(&self) -> usize {
        self.labels.iter().flatten().count()
    }

    /// Only the rows for which `keep` says yes.
    pub fn filter(&self, keep: impl Fn(usize) -> bool) -> Self {
        self.pick(&(0..self.len()).filter(|&row| keep(row)).collect::<Vec<_>>())
    }

    /// Only the rows of these versions; when all are, nothing is copied.
    pub fn of_versions(self, versions: &BTreeSet<u32>) -> Self {
        let rows: Vec<usize> = (0..self.len()).filter(|&row| versions.contains(&self.versions[row])).collect();
        if rows.len() == self.len() { self } else { self.pick(&rows) }
    }

    /// Gives a row its label.
    pub(super) fn set_label(&mut self, (row, sequence, value): RowLabel) {
        (self.label_sequences[row], self.labels[row]) = (Some(sequence), value);
    }

    fn pick(&self, rows: &[usize]) -> Self {
        fn pick<T: Clone>(values: &[T], rows: &[usize]) -> Vec<T> {
            rows.iter().map(|&row| values[row].clone()).collect()
        }
        Self {
            table: self.table.take(rows),
            ids: pick(&self.ids, rows),
            events: pick(&self.events, rows),
            versions: pick(&self.versions, rows),
            scores: pick(&self.scores, rows),
            predicted: pick(&self.predicted, rows),
            labels: pick(&self.labels, rows),
            label_sequences: pick(&self.label_sequences, rows),
            requests: pick(&self.requests, rows),
            consumers: pick(&self.consumers, rows),
            latencies_us: pick(&self.latencies_us, rows),
            sample_shares: if self.sample_shares.is_empty() { Vec::new() } else { pick(&self.sample_shares, rows) },
            draws: if self.draws.is_empty() { Vec::new() } else { pick(&self.draws, rows) },
        }
    }

    /// The labelled rows as `stats` measures them, decided by one threshold whatever held when they were answered.
    pub fn outcomes(&self, task: Task, classes: &[String], threshold: f64) -> LabelledPredictions {
        self.joined(task, classes, Some(threshold), &self.truth(task))
    }

    /// The labelled rows with the decisions that callers got.
    pub fn served(&self, task: Task, classes: &[String]) -> LabelledPredictions {
        self.joined(task, classes, None, &self.truth(task))
    }

    /// All rows as if each label were negative: for rates of decisions, which need no label.
    pub fn decisions(&self, task: Task, classes: &[String], threshold: f64) -> LabelledPredictions {
        let truth = match task {
            Task::Regression => Column::Float(vec![0.0; self.len()]),
            _ => Column::Text(vec![Some(Arc::from(classes.first().map_or("0", String::as_str))); self.len()]),
        };
        self.joined(task, classes, Some(threshold), &truth)
    }

    fn joined(&self, task: Task, classes: &[String], threshold: Option<f64>, truth: &Column) -> LabelledPredictions {
        let labels: Vec<Arc<str>> =
            self.predicted.iter().map(|label| label.clone().unwrap_or_else(|| Arc::from(""))).collect();
        let answers = RawPredictions {
            task,
            classes,
            scores: &self.scores,
            labels: Some(&labels),
            probabilities: None,
            threshold,
        };
        LabelledPredictions::new(answers, truth, None)
    }

    /// The labels as a task takes them: the numbers of a regression, else texts, which name classes. A text among the
    /// numbers makes all of them texts, so that what is no number is told by its word.
    pub(crate) fn truth(&self, task: Task) -> Column {
        let labels = self.labels.iter().map(Option::as_ref);
        let is_number = |label: &Label| matches!(label, Label::Number(_));
        if task == Task::Regression && labels.clone().flatten().all(is_number) {
            Column::Float(labels.map(|label| label.map_or(f64::NAN, Label::number)).collect())
        } else {
            Column::Text(labels.map(|label| label.map(Label::text)).collect())
        }
    }
}

/// What is read of the rows of labels: neither features nor answers.
const OF_LABELS: [&str; 5] = [column::ID, column::SEQUENCE, column::RECORDED_AT, column::VERSION, column::ROLE];

/// The rows of an endpoint with an event in `start..end`, labelled as far as was known at `as_of`.
///
/// # Errors
/// When the metadata or a partition cannot be read.
pub fn logged_predictions(
    app: &App,
    endpoint: &EndpointName,
    who: PredictionFilter,
    (start, end): (Timestamp, Timestamp),
    as_of: Timestamp,
) -> Result<LoggedPredictions, StorageError> {
    let table = partition_index::read_log(app, LogKind::Predictions, endpoint, start, end)?;
    join_labels(app, endpoint, table, who, start, as_of)
}

/// The same rows with their ids, events, versions and labels alone; the rest is missing. A tenth of the memory.
pub(crate) fn logged_labels(
    app: &App,
    endpoint: &EndpointName,
    who: PredictionFilter,
    span: (Timestamp, Timestamp),
    as_of: Timestamp,
) -> Result<LoggedPredictions, StorageError> {
    let columns = [&OF_LABELS[..], &[TIME_COLUMN]].concat();
    let table = partition_index::read_log_columns(app, LogKind::Predictions, endpoint, span, &columns)?;
    join_labels(app, endpoint, table, who, span.0, as_of)
}

/// The same rows without features and who asked: what two versions are compared by.
pub(crate) fn logged_answers(
    app: &App,
    endpoint: &EndpointName,
    who: PredictionFilter,
    span: (Timestamp, Timestamp),
    as_of: Timestamp,
) -> Result<LoggedPredictions, StorageError> {
    let partitions = partition_index::partition_columns(app, LogKind::Predictions, endpoint, span)?;
    let of_answers =
        [TIME_COLUMN, column::SCORE, column::PREDICTED, column::LATENCY_US, column::ENTITY, column::CANARY_PERCENT];
    let mut columns = [&OF_LABELS[..], &of_answers].concat();
    columns.retain(|name| partitions.iter().any(|partition| partition.names.contains(*name)));
    let table = partition_index::read_log_columns(app, LogKind::Predictions, endpoint, span, &columns)?;
    join_labels(app, endpoint, table, who, span.0, as_of)
}

/// The answers of a span of which it is known how they were drawn, with their ids, events, versions and draws alone.
pub(crate) fn logged_draws(
    app: &App,
    endpoint: &EndpointName,
    span: (Timestamp, Timestamp),
) -> Result<LoggedPredictions, StorageError> {
    let partitions = partition_index::partition_columns(app, LogKind::Predictions, endpoint, span)?;
    if !partitions.iter().any(|partition| partition.names.contains(column::ENTITY)) {
        return Ok(LoggedPredictions::default());
    }
    let columns = [&OF_LABELS[..], &[TIME_COLUMN, column::ENTITY, column::CANARY_PERCENT]].concat();
    let table = partition_index::read_log_columns(app, LogKind::Predictions, endpoint, span, &columns)?;
    let wanted = wanted(&table, PredictionFilter::Answers);
    Ok(split(latest(table.into_rows(&wanted))))
}

fn join_labels(
    app: &App,
    endpoint: &EndpointName,
    table: Table,
    who: PredictionFilter,
    start: Timestamp,
    as_of: Timestamp,
) -> Result<LoggedPredictions, StorageError> {
    let wanted = wanted(&table, who);
    let mut answered = split(latest(table.into_rows(&wanted)));
    label_rows(app, endpoint, &mut answered, start, as_of)?;
    Ok(answered)
}

/// Gives rows the labels known at `as_of`: those that became known at or after `from`, and of their ids those that were
/// known before: a label may be sent before its prediction, and say an earlier time.
fn label_rows(
    app: &App,
    endpoint: &EndpointName,
    rows: &mut LoggedPredictions,
    from: Timestamp,
    as_of: Timestamp,
) -> Result<(), StorageError> {
    if rows.is_empty() {
        return Ok(());
    }
    let until = Timestamp(clock_set_back::labels_known_until(app, as_of)?.millis().saturating_add(1));
    let found = log_scan::with_labels(app, endpoint, (from, until), |labels| {
        let mut found = FoundLabels::of(&rows.ids);
        let partitions = labels.that_may_hold(&rows.ids)?;
        labels.scan(&partitions, &COLUMNS_OF_LABELS, &mut |table| found.take(&table))?;
        Ok(found.last())
    })?;
    found.into_iter().for_each(|label| rows.set_label(label));
    Ok(())
}

/// What is read of a label.
pub(super) const COLUMNS_OF_LABELS: [&str; 4] = [column::ID, column::SEQUENCE, column::RECORDED_AT, column::LABEL];

/// The label of a row: its row, its place in the log, and its value.
pub(super) type RowLabel = (usize, i64, Option<Label>);

/// Labels of some rows, as they come.
pub(super) struct FoundLabels {
    row_of: HashMap<Arc<str>, usize>,
    rows: Vec<Option<usize>>,
    places: Vec<Place>,
    values: Vec<Option<Label>>,
}

impl FoundLabels {
    /// Nothing found yet for the rows with these ids.
    pub(super) fn of(ids: &[Arc<str>]) -> Self {
        let row_of = ids.iter().enumerate().map(|(row, id)| (id.clone(), row)).collect();
        Self { row_of, rows: vec![], places: vec![], values: vec![] }
    }

    /// Takes those of a table that are of the rows.
    pub(super) fn take(&mut self, table: &Table) {
        let ids = texts(table, column::ID);
        for ((id, value), place) in ids.iter().zip(labels(table)).zip(places(table)) {
            let Some(&row) = id.as_deref().and_then(|id| self.row_of.get(id)) else { continue };
            self.rows.push(Some(row));
            self.places.push(place);
            self.values.push(value);
        }
    }

    /// Of each row the label that was recorded last.
    pub(super) fn last(mut self) -> Vec<RowLabel> {
        let last = last_recorded(self.rows.iter().copied(), &self.places);
        let label = |at: usize| Some((self.rows[at]?, self.places[at].sequence, self.values[at].take()));
        last.into_iter().filter_map(label).collect()
    }
}

/// The labels of a table; all missing where there are none.
pub(super) fn labels(table: &Table) -> Vec<Option<Label>> {
    match table.get(column::LABEL) {
        Some(Column::Float(values)) => values.iter().map(|value| known_number(*value)).collect(),
        _ => texts(table, column::LABEL).into_iter().map(|text| text.map(Label::Text)).collect(),
    }
}

fn known_number(value: f64) -> Option<Label> {
    (!value.is_nan()).then_some(Label::Number(value))
}

/// The rows that a filter asks for, in order.
pub(super) fn wanted(table: &Table, who: PredictionFilter) -> Vec<usize> {
    let versions = numbers(table, column::VERSION);
    let roles = texts(table, column::ROLE);
    let has_role = |row: usize, role: Role| roles[row].as_deref() == Some(role.as_str());
    let is_wanted = |row: &usize| match who {
        _ if has_role(*row, Role::Pinned) => false,
        PredictionFilter::Answers => !has_role(*row, Role::Shadow),
        PredictionFilter::Version(number) => versions[*row] == i64::from(number),
    };
    (0..table.rows()).filter(is_wanted).collect()
}

/// Each prediction id once: a request that was sent again keeps its last answer.
pub(super) fn latest(table: Table) -> Table {
    let (ids, places): (_, Vec<Place>) = (texts(&table, column::ID), places(&table).collect());
    let mut rows = last_recorded(ids.iter().map(Option::as_deref), &places);
    match is_of_one_replica(&places) {
        true => rows.sort_unstable(),
        // Partitions follow each other by replica, and what happened at the same time belongs together.
        false => rows.sort_unstable_by_key(|row| (places[*row].recorded_at, places[*row].sequence, *row)),
    }
    table.into_rows(&rows)
}

/// The request of each row by its place in the log. Rows that were brought in are requests of their own: how they were asked is not
/// known, and they were recorded many at a time.
fn requests(table: &Table) -> Vec<i64> {
    let (sequences, roles) = (numbers(table, column::SEQUENCE), texts(table, column::ROLE));
    let is_imported = |row: usize| roles[row].as_deref() == Some(Role::Imported.as_str());
    let of = |(row, sequence): (usize, i64)| match is_imported(row) {
        true => -1 - i64::try_from(row).unwrap_or(i64::MAX - 1),
        false => sequence,
    };
    sequences.into_iter().enumerate().map(of).collect()
}

/// How each row was drawn; nothing where no row says it.
fn draws(table: &Table) -> Vec<Option<LoggedDraw>> {
    let (Some(Column::Int(entities)), Some(Column::Int(percents))) =
        (table.get(column::ENTITY), table.get(column::CANARY_PERCENT))
    else {
        return Vec::new();
    };
    let (roles, recorded) = (texts(table, column::ROLE), numbers(table, column::RECORDED_AT));
    let draw = |row: usize| {
        let percent = u8::try_from(percents[row]?).ok()?;
        let is_fallback = roles[row].as_deref() == Some(Role::Fallback.as_str());
        Some(LoggedDraw { percent, entity: entities[row]?, is_fallback, recorded_at: recorded[row] })
    };
    (0..table.rows()).map(draw).collect()
}

/// Rows of the log by what their columns are.
pub(super) fn split(table: Table) -> LoggedPredictions {
    let ids = texts(&table, column::ID).into_iter().map(|id| id.unwrap_or_else(|| Arc::from(""))).collect();
    let scores = table.get(column::SCORE).and_then(Column::numbers).unwrap_or_else(|| vec![f64::NAN; table.rows()]);
    LoggedPredictions {
        ids,
        events: numbers(&table, TIME_COLUMN).into_iter().map(Timestamp).collect(),
        versions: numbers(&table, column::VERSION).into_iter().map(|n| u32::try_from(n).unwrap_or(0)).collect(),
        scores,
        predicted: texts(&table, column::PREDICTED),
        labels: vec![None; table.rows()],
        label_sequences: vec![None; table.rows()],
        requests: requests(&table),
        consumers: texts(&table, column::CONSUMER),
        latencies_us: match table.get(column::LATENCY_US) {
            Some(Column::Int(values)) => values.clone(),
            _ => vec![None; table.rows()],
        },
        sample_shares: match table.get(column::SAMPLE_SHARE) {
            Some(Column::Float(shares)) => shares.iter().map(|share| (!share.is_nan()).then_some(*share)).collect(),
            _ => Vec::new(),
        },
        draws: draws(&table),
        table: table.into_columns(|name| !name.starts_with('_')),
    }
}

#[cfg(test)]
mod tests {
    use kilter_domain::replica::ReplicaId;

    use super::*;

    #[test]
    fn a_request_that_was_sent_twice_stands_once_with_its_last_answer() {
        let table = Table::new(vec![
            (column::ID.into(), Column::Text(vec![Some("a".into()), Some("b".into()), Some("a".into())])),
            (column::SEQUENCE.into(), Column::Int(vec![Some(1), Some(2), Some(3)])),
            (column::SCORE.into(), Column::Float(vec![0.1, 0.2, 0.3])),
        ])
        .unwrap();
        let answered = split(latest(table));
        assert_eq!(answered.ids, vec![Arc::from("b"), Arc::from("a")]);
        assert_eq!(answered.scores, vec![0.2, 0.3]);
    }

    #[test]
    fn of_several_replicas_the_one_that_recorded_last_wins_and_rows_are_in_the_order_of_time() {
        let of = |replica: u32, place: i64| Some(ReplicaId::new(replica).unwrap().sequences().start + place);
        let texts = |ids: [&str; 6]| Column::Text(ids.map(|id| Some(id.into())).to_vec());
        // Replica 1 answers `a` twice while its clock is set back; replica 2 answers `a` in between, and `b` at the same time as 1.
        let table = Table::new(vec![
            (column::ID.into(), texts(["a", "a", "b", "a", "b", "c"])),
            (column::SEQUENCE.into(), Column::Int(vec![of(1, 1), of(1, 2), of(1, 3), of(2, 1), of(2, 2), of(2, 3)])),
            (column::RECORDED_AT.into(), Column::Time([50, 10, 30, 20, 30, 5].map(Some).to_vec())),
            (column::SCORE.into(), Column::Float(vec![0.1, 0.2, 0.3, 0.4, 0.5, 0.6])),
        ])
        .unwrap();
        let answered = split(latest(table));
        let rows: Vec<(&str, f64)> = answered.ids.iter().map(|id| &**id).zip(answered.scores.iter().copied()).collect();
        assert_eq!(rows, [("c", 0.6), ("a", 0.4), ("b", 0.5)]);
        assert_eq!(answered.requests.iter().collect::<BTreeSet<_>>().len(), 3, "requests of two replicas are two");
    }
}
