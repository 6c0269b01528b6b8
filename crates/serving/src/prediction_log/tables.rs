//! Records as tables: batches of any mix of columns become one table of predictions, and one table for each type of label.

use std::{collections::HashMap, sync::Arc};

use kilter_domain::{
    table::{Column, ColumnNames, ColumnType, Table},
    time::Timestamp,
};

use super::{
    error::Damage,
    record::{CanaryDraw, Entry, LabelBatch, PredictionBatch, Probabilities, Record, RecordDetails, Role, SegmentId},
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
    /// Text: `champion`, `candidate`, `shadow`, `imported`, `pinned` or `fallback`.
    pub const ROLE: &str = "__role";
    /// Text: who asked; missing when unknown.
    pub const CONSUMER: &str = "__consumer";
    /// Whole number: time the version took for the whole request, in microseconds; missing where that is not known.
    pub const LATENCY_US: &str = "__latency_us";
    /// Number: the score.
    pub const SCORE: &str = "__score";
    /// Text: the predicted class; absent for a regression.
    pub const PREDICTED: &str = "__predicted";
    /// Number: `__probability_0`, `__probability_1`, … for more than two classes.
    pub const PROBABILITY: &str = "__probability_";
    /// Text: the input rules that the row broke and that mark it: `range(age), unseen(plan)`; missing where there is none.
    pub const FLAGGED: &str = "__flagged";
    /// Text: the input rules by which other values were put into the features; missing where there is none.
    pub const IMPUTED: &str = "__imputed";
    /// Number: the share of rows that were recorded, if not all were: each row stands for `1 / share` rows. Missing: all.
    pub const SAMPLE_SHARE: &str = "__sample_share";
    /// Whole number: the share of the entities that was the candidate's when the row was drawn, in percent; missing where one version
    /// received all.
    pub const CANARY_PERCENT: &str = "__canary_percent";
    /// Whole number: the hash by which the row's entity was drawn, with all its 64 bits; missing where one version received all.
    pub const ENTITY: &str = "__entity_hash";
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

/// Records become tables one after the other: none of them is kept.
#[derive(Default)]
pub(super) struct TableBuilder {
    predictions: MixedTable,
    labels: Vec<(ColumnType, MixedTable)>,
    next_sequence: u64,
    roles: Roles,
}

impl TableBuilder {
    /// Adds the rows of a record.
    pub(super) fn add(&mut self, entry: Entry) {
        let Entry { sequence, record } = entry;
        self.next_sequence = self.next_sequence.max(sequence.saturating_add(1));
        match record {
            Record::Predictions(batch) => {
                let rows = batch.rows();
                add_predictions(self.predictions.batch(rows), sequence, batch, &mut self.roles);
            }
            Record::Labels(batch) => {
                let label_type = batch.values.column_type();
                let at = self.labels.iter().position(|(known, _)| *known == label_type).unwrap_or_else(|| {
                    self.labels.push((label_type, MixedTable::default()));
                    self.labels.len() - 1
                });
                let rows = batch.rows();
                add_labels(self.labels[at].1.batch(rows), sequence, batch);
            }
        }
    }

    /// The tables of what was added.
    pub(super) fn finish(self, segment: SegmentId, damage: Vec<Damage>) -> SegmentTables {
        let Self { predictions, labels, next_sequence, .. } = self;
        let labels = labels.into_iter().filter(|(_, table)| table.rows > 0);
        SegmentTables {
            segment,
            predictions: (predictions.rows > 0).then(|| predictions.into_table()),
            labels: labels.map(|(_, table)| table.into_table()).collect(),
            next_sequence,
            damage,
        }
    }
}

/// The text of each role, which all rows share.
#[derive(Default)]
struct Roles(Vec<(Role, Arc<str>)>);

impl Roles {
    fn text(&mut self, role: Role) -> Arc<str> {
        if let Some((_, text)) = self.0.iter().find(|(known, _)| *known == role) {
            return text.clone();
        }
        let text: Arc<str> = role.as_str().into();
        self.0.push((role, text.clone()));
        text
    }
}

/// A table that grows by batches of any mix of columns.
#[derive(Default)]
struct MixedTable {
    rows: usize,
    columns: Vec<(String, Column)>,
    places: HashMap<String, usize>,
}

/// Rows that are being added to a table. What they do not have is missing in them.
struct NewRows<'t> {
    table: &'t mut MixedTable,
    /// Rows of the table once they are added.
    total: usize,
    /// Where the next column most likely is: batches mostly have the columns of those before, in their order.
    next: usize,
}

impl MixedTable {
    fn batch(&mut self, rows: usize) -> NewRows<'_> {
        let total = self.rows + rows;
        NewRows { table: self, total, next: 0 }
    }

    fn into_table(self) -> Table {
        let (names, columns) = self.columns.into_iter().unzip();
        // Names are unique and lengths equal, by construction.
        ColumnNames::new(names).and_then(|names| Table::with_names(names, columns)).unwrap_or_default()
    }
}

impl NewRows<'_> {
    fn put(&mut self, name: &str, more: Column) {
        let MixedTable { rows, columns, places } = &mut *self.table;
        let is_next = columns.get(self.next).is_some_and(|(known, _)| known == name);
        let at = if is_next { Some(self.next) } else { places.get(name).copied() };
        match at {
            // A feature that bears one of our names was refused in its request; of a file from elsewhere the first stands.
            Some(at) if columns[at].1.len() >= self.total => {}
            Some(at) => extend(&mut columns[at].1, more),
            None => {
                let mut column = missing(more.column_type(), *rows);
                extend(&mut column, more);
                places.insert(name.to_owned(), columns.len());
                columns.push((name.to_owned(), column));
            }
        }
        self.next = at.map_or(columns.len(), |at| at + 1);
    }
}

impl Drop for NewRows<'_> {
    fn drop(&mut self) {
        self.table.columns.iter_mut().for_each(|(_, column)| extend_missing(column, self.total));
        self.table.rows = self.total;
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

fn texts(values: Vec<Arc<str>>) -> Column {
    Column::Text(values.into_iter().map(Some).collect())
}

fn times(values: &[Timestamp]) -> Column {
    Column::Time(values.iter().map(|time| Some(time.millis())).collect())
}

fn add_predictions(mut into: NewRows<'_>, sequence: u64, batch: PredictionBatch, roles: &mut Roles) {
    let rows = batch.rows();
    let same = |value: u64| Column::Int(vec![i64::try_from(value).ok(); rows]);
    into.put(column::ID, texts(batch.ids));
    into.put(column::SEQUENCE, same(sequence));
    into.put(column::TIME, times(&batch.event_times));
    into.put(column::RECORDED_AT, Column::Time(vec![Some(batch.recorded_at.millis()); rows]));
    into.put(column::VERSION, same(batch.version.number));
    into.put(column::ROLE, Column::Text(vec![Some(roles.text(batch.role)); rows]));
    into.put(column::CONSUMER, Column::Text(vec![batch.consumer; rows]));
    let latency = (batch.role != Role::Imported).then_some(batch.latency_us);
    into.put(column::LATENCY_US, latency.map_or_else(|| Column::Int(vec![None; rows]), same));
    into.put(column::SCORE, Column::Float(batch.scores));
    if let Some(labels) = batch.labels {
        into.put(column::PREDICTED, texts(labels));
    }
    if let Some(Probabilities { classes, values }) = batch.probabilities {
        for class in 0..classes {
            let of_class = values.iter().skip(class).step_by(classes).map(|value| f64::from(*value)).collect();
            into.put(&format!("{}{class}", column::PROBABILITY), Column::Float(of_class));
        }
    }
    let RecordDetails { flagged, imputed, sample_share, draw } =
        batch.details.map(|details| *details).unwrap_or_default();
    for (name, marks) in [(column::FLAGGED, flagged), (column::IMPUTED, imputed)] {
        if !marks.is_empty() {
            into.put(name, Column::Text(marks));
        }
    }
    if let Some(share) = sample_share {
        into.put(column::SAMPLE_SHARE, Column::Float(vec![share; rows]));
    }
    if let Some(CanaryDraw { percent, entities }) = draw {
        into.put(column::CANARY_PERCENT, same(u64::from(percent)));
        into.put(column::ENTITY, Column::Int(entities.into_iter().map(|entity| Some(entity.cast_signed())).collect()));
    }
    let (names, columns) = batch.features.into_parts();
    names.as_slice().iter().zip(columns).for_each(|(name, column)| into.put(name, column));
}

fn add_labels(mut into: NewRows<'_>, sequence: u64, batch: LabelBatch) {
    let rows = batch.rows();
    into.put(column::ID, texts(batch.ids));
    into.put(column::SEQUENCE, Column::Int(vec![i64::try_from(sequence).ok(); rows]));
    into.put(column::RECORDED_AT, Column::Time(vec![Some(batch.recorded_at.millis()); rows]));
    into.put(column::KNOWN_AT, times(&batch.known_at));
    into.put(column::LABEL, batch.values);
}
