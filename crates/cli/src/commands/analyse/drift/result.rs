//! The result of `kilter drift`: every column with its distances, as the JSON document has it.

use std::path::{Path, PathBuf};

use kilter_stats::{
    compare::{ChartData, ColumnDrift, ColumnRate, Level, ReadingKind, RowCounts, SchemaChange, TableDrift},
    drift::{Distance, Measure},
    profile::ValueKind,
};
use serde::Serialize;

use crate::ui::unread::Unread;

/// The differences of two tables, as the document of the command.
#[derive(Serialize)]
pub(super) struct DriftResult {
    pub(super) reference: PathBuf,
    pub(super) current: PathBuf,
    /// Whether the distances are exact: true of two tables, false against a stored profile.
    pub(super) is_exact: bool,
    pub(super) reference_rows: u64,
    pub(super) current_rows: u64,
    /// The highest level of all.
    pub(super) level: Level,
    /// Columns (and schema changes) at each level.
    pub(super) counts: Counts,
    pub(super) schema: Vec<Schema>,
    /// By attention.
    pub(super) columns: Vec<Column>,
    pub(super) unread: Vec<Unread>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) html: Option<PathBuf>,
}

#[derive(Serialize)]
pub(super) struct Counts {
    pub(super) alert: usize,
    pub(super) warn: usize,
    pub(super) info: usize,
    pub(super) calm: usize,
    /// Too few values.
    pub(super) too_few: usize,
    /// Not compared: identifiers, free texts, times.
    pub(super) unjudged: usize,
}

#[derive(Serialize)]
pub(super) struct Schema {
    #[serde(flatten)]
    pub(super) change: SchemaChange,
    pub(super) level: Level,
}

#[derive(Serialize)]
pub(super) struct Column {
    pub(super) column: String,
    pub(super) kind: ValueKind,
    pub(super) level: Level,
    /// The distance that leads; absent where nothing was measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) headline: Option<DistanceValue>,
    /// P(such a difference) without drift, and the same after correction for the number of columns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) p: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) p_adjusted: Option<f64>,
    pub(super) distances: Vec<DistanceValue>,
    /// Why there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) unmeasured: Option<String>,
    pub(super) reference: RowCounts,
    pub(super) current: RowCounts,
    pub(super) rates: Vec<Rate>,
    /// Categories that the reference never had.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) unseen: Vec<Unseen>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) picture: Option<ChartData>,
}

#[derive(Serialize)]
pub(super) struct DistanceValue {
    pub(super) measure: &'static str,
    pub(super) value: f64,
    /// What it would be without drift.
    pub(super) expected: f64,
    /// What is left.
    pub(super) effect: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) p: Option<f64>,
}

#[derive(Serialize)]
pub(super) struct Rate {
    pub(super) of: ReadingKind,
    pub(super) rows: u64,
    pub(super) rate: f64,
    pub(super) low: f64,
    pub(super) high: f64,
    pub(super) reference: f64,
    pub(super) level: Level,
}

#[derive(Serialize)]
pub(super) struct Unseen {
    pub(super) value: String,
    pub(super) rows: u64,
}

impl DriftResult {
    /// The result without the columns that were not read.
    pub(super) fn of(drift: &TableDrift, reference: &Path, current: &Path) -> Self {
        let schema = |change: &SchemaChange| Schema { change: change.clone(), level: change.level() };
        Self {
            reference: reference.to_owned(),
            current: current.to_owned(),
            is_exact: true,
            reference_rows: drift.reference_rows,
            current_rows: drift.current_rows,
            level: drift.level(),
            counts: Counts {
                alert: drift.count(Level::Alert),
                warn: drift.count(Level::Warn),
                info: drift.count(Level::Info),
                calm: drift.count(Level::Calm),
                too_few: drift.count(Level::TooFew),
                unjudged: drift.count(Level::Unjudged),
            },
            schema: drift.schema.iter().map(schema).collect(),
            columns: drift.columns.iter().map(Column::of).collect(),
            unread: Vec::new(),
            html: None,
        }
    }
}

impl Column {
    fn of(drift: &ColumnDrift) -> Self {
        let unseen = |(value, rows): &(String, u64)| Unseen { value: value.clone(), rows: *rows };
        Self {
            column: drift.name.clone(),
            kind: drift.kind,
            level: drift.level,
            headline: drift.headline().map(DistanceValue::of),
            p: drift.p,
            p_adjusted: drift.p_adjusted,
            distances: drift.distances.iter().map(DistanceValue::of).collect(),
            unmeasured: drift.unmeasured.as_ref().map(ToString::to_string),
            reference: drift.reference,
            current: drift.current,
            rates: drift.readings.iter().map(Rate::of).collect(),
            unseen: drift.unseen.iter().map(unseen).collect(),
            picture: drift.picture.clone(),
        }
    }
}

impl DistanceValue {
    fn of(distance: &Distance) -> Self {
        let Distance { measure, value, expected, effect, p, .. } = *distance;
        Self { measure: measure.name(), value, expected, effect, p }
    }
}

impl Rate {
    fn of(reading: &ColumnRate) -> Self {
        let rate = &reading.rate;
        Self {
            of: reading.kind,
            rows: reading.rows,
            rate: rate.rate.value,
            low: rate.rate.low,
            high: rate.rate.high,
            reference: rate.reference,
            level: reading.level,
        }
    }
}

/// The measure as a heading.
pub(super) fn measure_words(measure: Measure) -> &'static str {
    match measure {
        Measure::W1OverSd => "W1/sd",
        Measure::Ks => "KS",
        Measure::Psi => "PSI",
        Measure::Js => "JS",
        Measure::Tvd => "TVD",
        Measure::LInfinity => "L-inf",
        Measure::Hellinger => "Hellinger",
        Measure::Chi2 => "Cramer's V",
    }
}
