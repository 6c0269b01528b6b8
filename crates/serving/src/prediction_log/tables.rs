//! Records as tables: batches of any mix of columns become one table of predictions, and one table for each type of label.

use std::{collections::HashMap, sync::Arc};

use kilter_domain::table::{Column, ColumnType, Table};

use super::{
    Contents,
    error::Damage,
    record::{Entry, LabelBatch, PredictionBatch, Record, SegmentId},
};

/// The names of the columns that the log adds. A feature can never bear one: `__` is refused in a request.
pub mod column {
    /// Text: the prediction's id.
    pub const ID: &str = "__id";
    /// Whole number: place in the order of the log; the higher one is the later one.
    pub const SEQUENCE: &str = "__sequence";
    /// Time: when the event happened.
    pub const TIME: &str = "__time";
    /// Time: when the answer was made, or when the label was received.
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
    /// The segment that they were made of.
    pub segment: SegmentId,
    /// Every prediction, in the order of the log: the columns of [`column`], then the features. A column that a batch
    /// lacks is missing in its rows; one that comes as different types is read as the type that holds them all.
    /// `None` when there is no prediction.
    pub predictions: Option<Table>,
    /// One for each type of label.
    pub labels: Vec<Table>,
    /// The first sequence number behind the records of the segment.
    pub next_sequence: u64,
    /// Places that could not be read.
    pub damage: Vec<Damage>,
}

pub(super) fn to_tables(contents: Contents) -> SegmentTables {
    let mut predictions = MixedTable::default();
    let mut labels: Vec<(ColumnType, MixedTable)> = Vec::new();
    let mut next_sequence = 0;
    for Entry { sequence, record } in &contents.entries {
        next_sequence = next_sequence.max(sequence.saturating_add(1));
        match record {
            Record::Predictions(batch) => predictions.append(batch.rows(), prediction_columns(*sequence, batch)),
            Record::Labels(batch) => {
                let label_type = batch.values.column_type();
                let at = labels.iter().position(|(known, _)| *known == label_type).unwrap_or_else(|| {
                    labels.push((label_type, MixedTable::default()));
                    labels.len() - 1
                });
                labels[at].1.append(batch.rows(), label_columns(*sequence, batch));
            }
        }
    }
    SegmentTables {
        segment: contents.segment,
        predictions: (predictions.rows > 0).then(|| predictions.into_table()),
        labels: labels.into_iter().filter(|(_, table)| table.rows > 0).map(|(_, table)| table.into_table()).collect(),
        next_sequence,
        damage: contents.damage,
    }
}

/// A table that grows by batches of any mix of columns.
#[derive(Default)]
struct MixedTable {
    rows: usize,
    columns: Vec<(String, Column)>,
    places: HashMap<String, usize>,
}

impl MixedTable {
    fn append(&mut self, rows: usize, batch: Vec<(String, Column)>) {
        let total = self.rows + rows;
        for (name, more) in batch {
            match self.places.get(&name) {
                // A feature that bears one of our names was refused in its request; of a file from elsewhere the first stands.
                Some(&at) if self.columns[at].1.len() >= total => {}
                Some(&at) => extend(&mut self.columns[at].1, more),
                None => {
                    let mut column = missing(more.column_type(), self.rows);
                    extend(&mut column, more);
                    self.places.insert(name.clone(), self.columns.len());
                    self.columns.push((name, column));
                }
            }
        }
        for (_, column) in &mut self.columns {
            extend_missing(column, total);
        }
        self.rows = total;
    }

    fn into_table(self) -> Table {
        let mut table = Table::default();
        for (name, column) in self.columns {
            // Names are unique and lengths equal, by construction.
            let _ = table.push(name, column);
        }
        table
    }
}

fn missing(column_type: ColumnType, rows: usize) -> Column {
    let mut column = match column_type {
        ColumnType::Float => Column::Float(Vec::new()),
        ColumnType::Int => Column::Int(Vec::new()),
        ColumnType::Time => Column::Time(Vec::new()),
        ColumnType::Bool => Column::Bool(Vec::new()),
        ColumnType::Text => Column::Text(Vec::new()),
    };
    extend_missing(&mut column, rows);
    column
}

/// Fills a column up to `rows` with missing values.
fn extend_missing(column: &mut Column, rows: usize) {
    match column {
        Column::Float(all) => all.resize(rows, f64::NAN),
        Column::Int(all) | Column::Time(all) => all.resize(rows, None),
        Column::Bool(all) => all.resize(rows, None),
        Column::Text(all) => all.resize(rows, None),
    }
}

/// Appends values, of another type too: whole numbers among numbers are numbers while that is exact, anything else
/// becomes text.
fn extend(column: &mut Column, more: Column) {
    let rows = column.len() + more.len();
    match (&mut *column, more) {
        (Column::Float(all), Column::Float(more)) => all.extend(more),
        (Column::Int(all), Column::Int(more)) | (Column::Time(all), Column::Time(more)) => all.extend(more),
        (Column::Bool(all), Column::Bool(more)) => all.extend(more),
        (Column::Text(all), Column::Text(more)) => all.extend(more),
        (_, more) if is_all_missing(&more) => extend_missing(column, rows),
        (held, more) if is_all_missing(held) => {
            let before = rows - more.len();
            *column = missing(more.column_type(), before);
            extend(column, more);
        }
        (held, more) => {
            let (mut all, more) = common(held, &more);
            extend(&mut all, more);
            *column = all;
        }
    }
}

fn is_all_missing(column: &Column) -> bool {
    (0..column.len()).all(|row| column.is_missing(row))
}

/// Two columns of different types as two of one type.
fn common(one: &Column, other: &Column) -> (Column, Column) {
    match (exact_floats(one), exact_floats(other)) {
        (Some(one), Some(other)) => (Column::Float(one), Column::Float(other)),
        _ => (text(one), text(other)),
    }
}

/// The numbers of a column as floats; `None` when one of them would change.
fn exact_floats(column: &Column) -> Option<Vec<f64>> {
    const EXACT: u64 = 1 << 53;
    match column {
        Column::Float(values) => Some(values.clone()),
        Column::Int(values) if values.iter().flatten().all(|value| value.unsigned_abs() <= EXACT) => {
            Some(values.iter().map(|value| value.map_or(f64::NAN, |value| value as f64)).collect())
        }
        _ => None,
    }
}

fn text(column: &Column) -> Column {
    Column::Text((0..column.len()).map(|row| column.label(row)).collect())
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
