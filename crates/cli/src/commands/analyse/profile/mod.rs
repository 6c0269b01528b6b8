//! `kilter profile`: what a table looks like, column by column, and the frozen profile of it for later comparisons.

mod view;

pub(crate) use view::word;

use std::path::PathBuf;

use clap::Args;
use kilter_api::{Code, Problem};
use kilter_domain::time::Timestamp;
use kilter_evaluation::table_compare::{LikeError, profile, profile_like};
use kilter_lake::TableColumns;
use kilter_report::number;
use kilter_stats::profile::{ColumnProfile, QUANTILES, Stored, TableProfile, Warning};
use serde::Serialize;

use crate::{
    context::now,
    fs::write_whole,
    input::table::{Columns, Input, names, open_table, read_profile},
    ui::{error::CliError, unread::Unread, view::Answer},
};

/// Values that a column is known by.
const TOP: usize = 10;

/// Describe a table column by column: types, missing and infinite values, moments, quantiles, categories, warnings.
///
/// With --out the description is frozen into a file of about 2.5 kB a column, with which `kilter drift` compares later
/// tables without the rows. Columns are read one at a time: a table may be much larger than memory.
#[derive(Debug, Args)]
pub(crate) struct Profile {
    /// The table (a file or a folder of files), or a stored profile.
    file: PathBuf,
    #[command(flatten)]
    columns: Columns,
    /// Store the profile.
    #[arg(long, value_name = "PROFILE")]
    out: Option<PathBuf>,
    /// Count with the bins and categories of this profile, so that the two can be merged.
    #[arg(long, value_name = "PROFILE", conflicts_with_all = ["columns", "exclude"])]
    like: Option<PathBuf>,
    /// Add the rows to those of this profile, and describe all of them.
    #[arg(long, value_name = "PROFILE", conflicts_with_all = ["columns", "exclude", "like"])]
    merge: Option<PathBuf>,
    /// Also write a self-contained HTML page.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

/// What was found.
#[derive(Serialize)]
struct ProfileResult {
    file: PathBuf,
    rows: u64,
    columns: Vec<Column>,
    /// Columns that were left out because their type has no place in a table.
    unread: Vec<Unread>,
    /// Where the profile was stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    out: Option<PathBuf>,
    /// How long it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    html: Option<PathBuf>,
}

/// One column, as the document tells it.
#[derive(Serialize)]
struct Column {
    column: String,
    #[serde(rename = "type")]
    stored: Stored,
    kind: kilter_stats::profile::ValueKind,
    rows: u64,
    missing: u64,
    infinite: u64,
    distinct: u64,
    /// False for an estimate, or a lower bound after merging.
    distinct_is_exact: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    numbers: Option<Numbers>,
    /// Times: the first and the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    times: Option<[Timestamp; 2]>,
    /// Texts: mean characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    mean_length: Option<f64>,
    /// Categories: the most frequent.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    top: Vec<Category>,
    warnings: Vec<Warning>,
}

#[derive(Serialize)]
struct Category {
    value: String,
    rows: u64,
}

/// A number of a column. A whole number that a double would round is written in all of its digits.
#[derive(Clone, Copy, Serialize)]
#[serde(untagged)]
enum Value {
    Number(f64),
    Whole(i64),
}

impl Value {
    fn words(self) -> String {
        match self {
            Self::Number(value) => number(value),
            Self::Whole(value) => value.to_string(),
        }
    }
}

/// Finite numbers. What is undefined or too large for a float is absent.
#[derive(Serialize)]
struct Numbers {
    min: Option<Value>,
    max: Option<Value>,
    mean: Option<f64>,
    sd: Option<f64>,
    skewness: Option<f64>,
    kurtosis: Option<f64>,
    quantiles: Vec<Quantile>,
}

#[derive(Serialize)]
struct Quantile {
    share: f64,
    value: Value,
}

impl Profile {
    pub(crate) fn run(self) -> Result<Answer, CliError> {
        let (profile, unread) = self.profile()?;
        let mut result = ProfileResult {
            file: self.file.clone(),
            rows: profile.rows,
            columns: profile.columns.iter().map(Column::of).collect(),
            unread,
            out: self.out.clone(),
            bytes: None,
            html: self.html.clone(),
        };
        if let Some(out) = &self.out {
            let bytes = profile.to_bytes();
            write_whole(out, &bytes)?;
            result.bytes = Some(bytes.len());
        }
        if let Some(html) = &self.html {
            write_whole(html, view::html(&profile, &result, now()).as_bytes())?;
        }
        Ok(Answer::done(&result, view::text(&result)))
    }

    fn profile(&self) -> Result<(TableProfile, Vec<Unread>), CliError> {
        if let Some(path) = &self.like {
            let reference = read_profile(path)?;
            return Ok((like(&reference, &open_table(&self.file)?)?, Vec::new()));
        }
        let Some(path) = &self.merge else { return self.of_file() };
        let mut merged = read_profile(path)?;
        let more = match Input::open(&self.file)? {
            Input::Table(table) => like(&merged, &table)?,
            Input::Profile(profile) => *profile,
        };
        merged.merge(&more).map_err(|why| {
            let detail = format!("could not add `{}` to `{}`", self.file.display(), path.display());
            Problem::new(Code::FileInvalid, detail).caused_by(Some(&why)).hint(format!(
                "count it with the other's bins: kilter profile FILE --like {} --out PROFILE",
                path.display()
            ))
        })?;
        Ok((merged, Vec::new()))
    }

    fn of_file(&self) -> Result<(TableProfile, Vec<Unread>), CliError> {
        let input = Input::open(&self.file)?;
        let chosen = self.columns.chosen(&input.names())?;
        match input {
            Input::Table(table) => {
                let names: Vec<String> =
                    names(&table).into_iter().filter(|name| chosen.picks(name)).map(str::to_owned).collect();
                let unread = Unread::all(table.unread()).into_iter().filter(|unread| chosen.picks(unread.column()));
                Ok((profile(&table, &names)?, unread.collect()))
            }
            Input::Profile(mut profile) => {
                profile.columns.retain(|column| chosen.picks(&column.name));
                Ok((*profile, Vec::new()))
            }
        }
    }
}

fn like(reference: &TableProfile, table: &TableColumns) -> Result<TableProfile, CliError> {
    profile_like(reference, table).map_err(|error| match error {
        LikeError::Lake(error) => error.into(),
        error @ LikeError::Unlike(_) => Problem::of(Code::FileInvalid, &error).into(),
    })
}

impl Column {
    fn of(profile: &ColumnProfile) -> Self {
        let top = profile.top(TOP).into_iter().map(|(value, rows)| Category { value: value.to_owned(), rows });
        let range = profile.moments.and_then(|moments| moments.range().ok());
        let is_time = profile.stored == Stored::Time;
        Self {
            column: profile.name.clone(),
            stored: profile.stored,
            kind: profile.kind,
            rows: profile.rows,
            missing: profile.missing,
            infinite: profile.infinite,
            distinct: profile.distinct.count,
            distinct_is_exact: profile.distinct.exact,
            numbers: profile.quantiles.as_ref().map(|_| Numbers::of(profile)),
            times: range.filter(|_| is_time).map(|(a, b)| [Timestamp(a as i64), Timestamp(b as i64)]),
            mean_length: profile.mean_length,
            top: top.collect(),
            warnings: profile.warnings(),
        }
    }
}

impl Numbers {
    fn of(profile: &ColumnProfile) -> Self {
        let moments = profile.moments.unwrap_or_default();
        let finite = |value: Option<f64>| value.filter(|value| value.is_finite());
        let range = match profile.wholes {
            Some(wholes) => Some((Value::Whole(wholes.min), Value::Whole(wholes.max))),
            None => moments.range().ok().map(|(min, max)| (Value::Number(min), Value::Number(max))),
        };
        let origin = profile.origin();
        let value = |quantile: f64| match profile.wholes {
            Some(_) => Value::Whole(origin.saturating_add(quantile.round() as i64)),
            None => Value::Number(quantile),
        };
        let quantiles = profile.quantiles.unwrap_or_default().map(value);
        Self {
            min: range.map(|range| range.0),
            max: range.map(|range| range.1),
            mean: finite(moments.mean().ok().map(|mean| mean + origin as f64)),
            sd: finite(moments.sd(1).ok()),
            skewness: finite(moments.skewness().ok()),
            kurtosis: finite(moments.kurtosis().ok()),
            quantiles: QUANTILES.iter().zip(quantiles).map(|(&share, value)| Quantile { share, value }).collect(),
        }
    }
}
