//! Records as tables: batches of one shape (same version, role and columns) become one table each.

use std::sync::Arc;

use kilter_domain::table::{Column, ColumnType, Table};

use super::{
    Contents,
    error::Damage,
    record::{Entry, LabelBatch, PredictionBatch, Record, Role, SegmentId, VersionRef},
};

/// The names of the columns that the log adds. A feature can never bear one: `__` is refused at the door.
pub mod column {
    /// Text: the prediction's id.
    pub const ID: &str = "__id";
    /// Whole number: place in the order of the log; the higher one is the later one.
    pub const SEQUENCE: &str = "__sequence";
    /// Time: when the event happened.
    pub const TIME: &str = "__time";
    /// Time: when the answer was made, or when the label was told.
    pub const RECORDED_AT: &str = "__recorded_at";
    /// Whole number: the version's number in the registry.
    pub const VERSION: &str = "__version";
    /// Text: `champion`, `candidate` or `shadow`.
    pub const ROLE: &str = "__role";
    /// Text: who asked; missing when unknown.
    pub const CONSUMER: &str = "__consumer";
    /// Whole number: time the version took for the whole request, in microseconds.
    pub const LATENCY_US: &str = "__latency_us";
    /// Number: the score.
    pub const SCORE: &str = "__score";
    /// Text: the predicted class; absent for a regression.
    pub const PREDICTED: &str = "__predicted";
    /// Number: `__probability_0`, `__probability_1`, … for more than two classes.
    pub const PROBABILITY: &str = "__probability_";
    /// The true value that a label states: text or number.
    pub const LABEL: &str = "__label";
    /// Time: when the label became known.
    pub const KNOWN_AT: &str = "__known_at";
}

/// The records of a segment as tables.
#[derive(Debug)]
pub struct SegmentTables {
    pub segment: SegmentId,
    /// One for each version, role and set of columns, in order of first appearance; rows in the order of the log.
    pub predictions: Vec<PredictionTable>,
    /// One for each type of label.
    pub labels: Vec<Table>,
    /// Places that could not be read.
    pub damage: Vec<Damage>,
}

/// Rows that one version scored in one role: the columns of [`column`], then the features.
#[derive(Debug)]
pub struct PredictionTable {
    pub version: VersionRef,
    pub role: Role,
    pub table: Table,
}

pub(super) fn to_tables(contents: Contents) -> SegmentTables {
    let mut predictions: Vec<Group<PredictionShape>> = Vec::new();
    let mut labels: Vec<Group<ColumnType>> = Vec::new();
    for Entry { sequence, record } in &contents.entries {
        match record {
            Record::Predictions(batch) => {
                group(&mut predictions, PredictionShape::of(batch)).append(prediction_columns(*sequence, batch));
            }
            Record::Labels(batch) => {
                group(&mut labels, batch.values.column_type()).append(label_columns(*sequence, batch));
            }
        }
    }
    let predictions = predictions
        .into_iter()
        .map(|group| PredictionTable {
            version: group.shape.version,
            role: group.shape.role,
            table: group.into_table(),
        })
        .collect();
    let labels = labels.into_iter().map(Group::into_table).collect();
    SegmentTables { segment: contents.segment, predictions, labels, damage: contents.damage }
}

/// Batches with equal shapes have equal columns.
#[derive(PartialEq)]
struct PredictionShape {
    version: VersionRef,
    role: Role,
    has_labels: bool,
    classes: usize,
    features: Vec<(String, ColumnType)>,
}

impl PredictionShape {
    fn of(batch: &PredictionBatch) -> Self {
        let features = batch.features.columns().map(|(name, column)| (name.to_owned(), column.column_type())).collect();
        Self {
            version: batch.version,
            role: batch.role,
            has_labels: batch.labels.is_some(),
            classes: batch.probabilities.as_ref().map_or(0, |probabilities| probabilities.classes),
            features,
        }
    }
}

struct Group<S> {
    shape: S,
    columns: Vec<(String, Column)>,
}

/// Neighbouring batches mostly have one shape, so the last group is looked at first.
fn group<S: PartialEq>(groups: &mut Vec<Group<S>>, shape: S) -> &mut Group<S> {
    let at = groups.iter().rposition(|group| group.shape == shape).unwrap_or_else(|| {
        groups.push(Group { shape, columns: Vec::new() });
        groups.len() - 1
    });
    &mut groups[at]
}

impl<S> Group<S> {
    fn append(&mut self, batch: Vec<(String, Column)>) {
        if self.columns.is_empty() {
            self.columns = batch;
            return;
        }
        for ((_, column), (_, more)) in self.columns.iter_mut().zip(batch) {
            match (column, more) {
                (Column::Float(all), Column::Float(more)) => all.extend(more),
                (Column::Int(all), Column::Int(more)) | (Column::Time(all), Column::Time(more)) => all.extend(more),
                (Column::Bool(all), Column::Bool(more)) => all.extend(more),
                (Column::Text(all), Column::Text(more)) => all.extend(more),
                // Equal shapes have equal types.
                _ => {}
            }
        }
    }

    fn into_table(self) -> Table {
        let mut table = Table::default();
        for (name, column) in self.columns {
            // A feature that bears one of our names was refused at the door; a file from elsewhere keeps the first.
            let _ = table.push(name, column);
        }
        table
    }
}

fn texts(values: &[Arc<str>]) -> Column {
    Column::Text(values.iter().cloned().map(Some).collect())
}

fn prediction_columns(sequence: u64, batch: &PredictionBatch) -> Vec<(String, Column)> {
    let rows = batch.rows();
    let same = |value: u64| Column::Int(vec![i64::try_from(value).ok(); rows]);
    let mut columns: Vec<(String, Column)> = vec![
        (column::ID.into(), texts(&batch.ids)),
        (column::SEQUENCE.into(), same(sequence)),
        (column::TIME.into(), Column::Time(batch.event_times.iter().map(|time| Some(time.millis())).collect())),
        (column::RECORDED_AT.into(), Column::Time(vec![Some(batch.recorded_at.millis()); rows])),
        (column::VERSION.into(), same(batch.version.number)),
        (column::ROLE.into(), Column::Text(vec![Some(batch.role.as_str().into()); rows])),
        (column::CONSUMER.into(), Column::Text(vec![batch.consumer.clone(); rows])),
        (column::LATENCY_US.into(), same(batch.latency_us)),
        (column::SCORE.into(), Column::Float(batch.scores.clone())),
    ];
    columns.extend(batch.labels.as_ref().map(|labels| (column::PREDICTED.into(), texts(labels))));
    if let Some(probabilities) = &batch.probabilities {
        columns.extend((0..probabilities.classes).map(|class| {
            let of_class = probabilities.values.iter().skip(class).step_by(probabilities.classes);
            (
                format!("{}{class}", column::PROBABILITY),
                Column::Float(of_class.map(|value| f64::from(*value)).collect()),
            )
        }));
    }
    columns.extend(batch.features.columns().map(|(name, column)| (name.to_owned(), column.clone())));
    columns
}

fn label_columns(sequence: u64, batch: &LabelBatch) -> Vec<(String, Column)> {
    let rows = batch.rows();
    vec![
        (column::ID.into(), texts(&batch.ids)),
        (column::SEQUENCE.into(), Column::Int(vec![i64::try_from(sequence).ok(); rows])),
        (column::RECORDED_AT.into(), Column::Time(vec![Some(batch.recorded_at.millis()); rows])),
        (column::KNOWN_AT.into(), Column::Time(batch.known_at.iter().map(|time| Some(time.millis())).collect())),
        (column::LABEL.into(), batch.values.clone()),
    ]
}
