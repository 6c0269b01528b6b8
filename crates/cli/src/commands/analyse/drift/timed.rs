//! `kilter drift --time`: two tables whose rows have times, compared as a monitor compares a window with its reference.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use kilter_api::Exit;
use kilter_app::dataset::ColumnRoles;
use kilter_domain::{
    plural::{counted, plural},
    table::Table,
    time::{Span, Timestamp},
};
use kilter_evaluation::{
    column_view::ReferenceTimes,
    drift_over_time::{TimedDrift, compare},
    season::SeasonChoice,
};
use kilter_lake::{ReadOptions, read_table};
use kilter_report::{number, whole};
use kilter_stats::{compare::Level, drift::Season};
use serde::Serialize;

use super::{result::measure_words, view::state};
use crate::{
    input::table::Columns,
    ui::{
        error::CliError,
        estimate::FailOn,
        view::{Answer, Page, TextTable},
    },
};

/// The times of rows, and what they are compared by.
#[derive(Debug, Args)]
pub(super) struct Times {
    /// The column with the time of a row, in both tables. Distances are those of a monitor.
    #[arg(long, value_name = "COLUMN", conflicts_with = "html")]
    time: Option<String>,
    /// The season within which rows are compared.
    #[arg(long, value_name = "SEASON", default_value = "found", requires = "time")]
    season: SeasonName,
    /// The length of a window (`[monitor] every`): the reference is cut into blocks that are not longer.
    #[arg(long, value_name = "SPAN", requires = "time")]
    every: Option<Span>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum SeasonName {
    /// Each column by the season that it follows, if any.
    Found,
    /// With the whole reference.
    None,
    HourOfDay,
    DayOfWeek,
    HourOfWeek,
    MonthOfYear,
}

impl From<SeasonName> for SeasonChoice {
    fn from(name: SeasonName) -> Self {
        match name {
            SeasonName::Found => SeasonChoice::Found,
            SeasonName::None => SeasonChoice::Whole,
            SeasonName::HourOfDay => SeasonChoice::Given(Season::HourOfDay),
            SeasonName::DayOfWeek => SeasonChoice::Given(Season::DayOfWeek),
            SeasonName::HourOfWeek => SeasonChoice::Given(Season::HourOfWeek),
            SeasonName::MonthOfYear => SeasonChoice::Given(Season::MonthOfYear),
        }
    }
}

/// What was found.
#[derive(Serialize)]
struct TimedDriftResult {
    reference: PathBuf,
    current: PathBuf,
    time: String,
    reference_rows: usize,
    current_rows: usize,
    level: Level,
    /// By attention.
    columns: Vec<Column>,
}

#[derive(Serialize)]
struct Column {
    column: String,
    level: Level,
    /// What rows were compared by; absent: with the whole reference.
    #[serde(skip_serializing_if = "Option::is_none")]
    season: Option<Season>,
    /// What the reference rows of the season count as.
    #[serde(skip_serializing_if = "Option::is_none")]
    reference_rows: Option<u64>,
    /// Windows of the reference that say what is expected without a change; 0: rows are taken as independent.
    #[serde(skip_serializing_if = "Option::is_none")]
    reference_windows: Option<u32>,
    p: f64,
    p_adjusted: f64,
    distances: Vec<DistanceValue>,
    /// Why there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    unmeasured: Option<String>,
    compared: String,
}

#[derive(Serialize)]
struct DistanceValue {
    measure: &'static str,
    value: f64,
    /// What windows of the reference show without a change.
    expected: f64,
    /// What is left.
    effect: f64,
}

impl Times {
    pub(super) fn is_asked(&self) -> bool {
        self.time.is_some()
    }

    /// Compares the second table with the first.
    pub(super) fn run(
        &self,
        (reference_path, current_path): (&Path, &Path),
        columns: &Columns,
        fail_on: Option<FailOn>,
    ) -> Result<Answer, CliError> {
        let time = self.time.clone().unwrap_or_default();
        let (reference, events) = timed(reference_path, &time)?;
        let (current, current_events) = timed(current_path, &time)?;
        let mut known: Vec<&str> = reference.columns().map(|(name, _)| name).collect();
        known.extend(current.columns().map(|(name, _)| name));
        let chosen = columns.chosen(&known)?;
        let times = ReferenceTimes { events: &events, every: self.every, season: self.season.into() };
        let columns =
            compare((&reference, times), (&current, &current_events), |name| name != time && chosen.picks(name));
        let level = columns.iter().map(|column| column.level).max().unwrap_or(Level::Calm);
        let exit = match fail_on {
            Some(FailOn::Alert) if level >= Level::Alert => Exit::CheckFailed,
            Some(FailOn::Warn) if level >= Level::Warn => Exit::CheckFailed,
            _ => Exit::Done,
        };
        let page = text(&columns, level, (reference.rows(), current.rows()));
        let found = TimedDriftResult {
            reference: reference_path.to_owned(),
            current: current_path.to_owned(),
            time,
            reference_rows: reference.rows(),
            current_rows: current.rows(),
            level,
            columns: columns.iter().map(Column::of).collect(),
        };
        Ok(Answer::done(&found, page).exit(exit))
    }
}

fn timed(path: &Path, time: &str) -> Result<(Table, Vec<Timestamp>), CliError> {
    let table = read_table(path, &ReadOptions::default())?;
    let roles =
        ColumnRoles { dataset: path.display().to_string(), time: Some(time.to_owned()), ..ColumnRoles::default() };
    let events = roles.event_times(&table)?;
    Ok((table, events))
}

impl Column {
    fn of(drift: &TimedDrift) -> Self {
        let headline = drift.distances.first();
        let measured = drift.distances.iter().map(|found| DistanceValue {
            measure: found.distance.measure.name(),
            value: found.distance.value,
            expected: found.distance.expected,
            effect: found.distance.effect,
        });
        Self {
            column: drift.name.clone(),
            level: drift.level,
            season: headline.and_then(|found| found.season),
            reference_rows: headline.map(|found| found.reference_rows),
            reference_windows: headline.map(|found| found.windows),
            p: drift.p,
            p_adjusted: drift.p_adjusted,
            distances: measured.collect(),
            unmeasured: drift.unmeasured.as_ref().filter(|_| headline.is_none()).map(ToString::to_string),
            compared: compared(drift),
        }
    }
}

fn compared(drift: &TimedDrift) -> String {
    match (drift.distances.first(), &drift.unmeasured) {
        (Some(found), _) => found.compared(),
        (None, Some(reason)) => reason.to_string(),
        (None, None) => "it could not be compared".to_owned(),
    }
}

fn text(columns: &[TimedDrift], level: Level, rows: (usize, usize)) -> Page {
    let drifted = columns.iter().filter(|column| column.level >= Level::Warn).count();
    let verdict = match drifted {
        0 => format!("No column of {} drifted beyond what the reference itself does", columns.len()),
        drifted => {
            format!("{drifted} of {} drifted beyond what the reference itself does", counted(columns.len(), "column"))
        }
    };
    let counts = format!(
        "  reference {} {}, current {} {}",
        whole(rows.0 as u64),
        plural(rows.0, "row", "rows"),
        whole(rows.1 as u64),
        plural(rows.1, "row", "rows")
    );
    let mut table =
        TextTable::new(["level", "column", "measure", "distance", "by chance", "effect", "p", "PSI", "compared"])
            .detail(&["by chance", "PSI"])
            .reason("compared");
    for column in columns {
        let headline = column.distances.first().map(|found| found.distance);
        let psi = column.distances.iter().find(|found| found.distance.measure == kilter_stats::drift::Measure::Psi);
        let optional = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), number);
        table.row([
            format!("{} {}", state(column.level).glyph(), column.level.word()),
            column.name.clone(),
            headline.map_or_else(|| "–".to_owned(), |distance| measure_words(distance.measure).to_owned()),
            optional(headline.map(|distance| distance.value)),
            optional(headline.map(|distance| distance.expected)),
            optional(headline.map(|distance| distance.effect)),
            number(column.p_adjusted),
            optional(psi.map(|found| found.distance.value)),
            compared(column),
        ]);
    }
    Page::new().marked(state(level), verdict).line(counts).table(table)
}
