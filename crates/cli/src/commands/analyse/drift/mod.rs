//! `kilter drift`: how a table differs from a reference, column by column, what matters first.

mod timed;
mod view;

use std::path::PathBuf;

use clap::Args;
use kilter_api::Exit;
use kilter_evaluation::table_compare::{Reference, compare};
use kilter_stats::{
    compare::{ChartData, ColumnDrift, ColumnRate, Level, ReadingKind, RowCounts, SchemaChange, TableDrift},
    drift::{Distance, Measure},
    profile::ValueKind,
};
use serde::Serialize;

use crate::{
    context::now,
    fs::write_whole,
    input::table::{Columns, Input, all_names, open_table},
    ui::{error::CliError, estimate::FailOn, unread::Unread, view::Answer},
};

/// Compare a table with a reference: drift beyond chance, missing and unseen values, changed columns.
///
/// The reference is another table (then every distance is exact), or a profile stored by `kilter profile --out`. A
/// column gets a level where its distance, less what two samples of one law would show, reaches the threshold and a
/// test supports it after correction for the number of columns.
///
/// With `--time` both are tables whose rows have times, and distances are those that a monitor reads: from the reference
/// rows of the same season, beside what windows of the reference itself show.
#[derive(Debug, Args)]
pub(crate) struct Drift {
    /// The reference: a table, or a stored profile.
    reference: PathBuf,
    /// The table to compare with it.
    current: PathBuf,
    #[command(flatten)]
    columns: Columns,
    /// Exit with 3 if a column reaches this level.
    #[arg(long, value_name = "LEVEL")]
    fail_on: Option<FailOn>,
    /// Also write a self-contained HTML page.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    #[command(flatten)]
    times: timed::Times,
}

/// The differences of two tables, as the document of the command.
#[derive(Serialize)]
struct DriftResult {
    reference: PathBuf,
    current: PathBuf,
    /// Whether the distances are exact: true of two tables, false against a stored profile.
    is_exact: bool,
    reference_rows: u64,
    current_rows: u64,
    /// The highest level of all.
    level: Level,
    /// Columns (and schema changes) at each level.
    counts: Counts,
    schema: Vec<Schema>,
    /// By attention.
    columns: Vec<Column>,
    unread: Vec<Unread>,
    #[serde(skip_serializing_if = "Option::is_none")]
    html: Option<PathBuf>,
}

#[derive(Serialize)]
struct Counts {
    alert: usize,
    warn: usize,
    info: usize,
    calm: usize,
    /// Too few values.
    thin: usize,
    /// Not compared: identifiers, free texts, times.
    unjudged: usize,
}

#[derive(Serialize)]
struct Schema {
    #[serde(flatten)]
    change: SchemaChange,
    level: Level,
}

#[derive(Serialize)]
struct Column {
    column: String,
    kind: ValueKind,
    level: Level,
    /// The distance that leads; absent where nothing was measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    headline: Option<DistanceValue>,
    /// P(such a difference) without drift, and the same after correction for the number of columns.
    #[serde(skip_serializing_if = "Option::is_none")]
    p: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    p_adjusted: Option<f64>,
    distances: Vec<DistanceValue>,
    /// Why there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    unmeasured: Option<String>,
    reference: RowCounts,
    current: RowCounts,
    rates: Vec<Rate>,
    /// Categories that the reference never had.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unseen: Vec<Unseen>,
    #[serde(skip_serializing_if = "Option::is_none")]
    picture: Option<ChartData>,
}

#[derive(Serialize)]
struct DistanceValue {
    measure: &'static str,
    value: f64,
    /// What it would be without drift.
    expected: f64,
    /// What is left.
    effect: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    p: Option<f64>,
}

#[derive(Serialize)]
struct Rate {
    of: ReadingKind,
    rows: u64,
    rate: f64,
    low: f64,
    high: f64,
    reference: f64,
    level: Level,
}

#[derive(Serialize)]
struct Unseen {
    value: String,
    rows: u64,
}

impl Drift {
    pub(crate) fn run(self) -> Result<Answer, CliError> {
        if self.times.is_asked() {
            return self.times.run(&self);
        }
        let reference = Input::open(&self.reference)?;
        let current = open_table(&self.current)?;
        let mut known = reference.names();
        known.extend(all_names(&current));
        let chosen = self.columns.chosen(&known)?;
        let side = match &reference {
            Input::Table(table) => Reference::Table(table),
            Input::Profile(profile) => Reference::Profile(profile),
        };
        let drift = compare(&side, &current, |name| chosen.picks(name))?;
        let result = DriftResult {
            is_exact: matches!(reference, Input::Table(_)),
            unread: Unread::all(current.unread()),
            html: self.html.clone(),
            ..self.result(&drift)
        };
        if let Some(html) = &self.html {
            write_whole(html, view::html(&drift, &result, now()).as_bytes())?;
        }
        let exit = match self.fail_on {
            Some(FailOn::Alert) if drift.level() >= Level::Alert => Exit::CheckFailed,
            Some(FailOn::Warn) if drift.level() >= Level::Warn => Exit::CheckFailed,
            _ => Exit::Done,
        };
        Ok(Answer::done(&result, view::text(&drift, &result)).exit(exit))
    }

    fn result(&self, drift: &TableDrift) -> DriftResult {
        let schema = |change: &SchemaChange| Schema { change: change.clone(), level: change.level() };
        DriftResult {
            reference: self.reference.clone(),
            current: self.current.clone(),
            is_exact: true,
            reference_rows: drift.reference_rows,
            current_rows: drift.current_rows,
            level: drift.level(),
            counts: Counts {
                alert: drift.count(Level::Alert),
                warn: drift.count(Level::Warn),
                info: drift.count(Level::Info),
                calm: drift.count(Level::Calm),
                thin: drift.count(Level::Thin),
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
fn measure_words(measure: Measure) -> &'static str {
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
