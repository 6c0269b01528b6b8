//! The result of `kilter profile`: every column of a table with its numbers, as the JSON document has it.

use std::path::PathBuf;

use kilter_domain::time::Timestamp;
use kilter_report::number;
use kilter_stats::profile::{ColumnProfile, QUANTILES, Stored, Warning};
use serde::Serialize;

use crate::ui::unread::Unread;

/// The largest number of frequent values in the result.
const TOP: usize = 10;

/// The description of a table.
#[derive(Serialize)]
pub(super) struct ProfileResult {
    pub(super) file: PathBuf,
    pub(super) rows: u64,
    pub(super) columns: Vec<Column>,
    /// Columns that were left out because their type has no place in a table.
    pub(super) unread: Vec<Unread>,
    /// Where the profile was stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) out: Option<PathBuf>,
    /// How long it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) bytes: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) html: Option<PathBuf>,
}

/// One column, as the document tells it.
#[derive(Serialize)]
pub(super) struct Column {
    pub(super) column: String,
    #[serde(rename = "type")]
    pub(super) stored: Stored,
    pub(super) kind: kilter_stats::profile::ValueKind,
    pub(super) rows: u64,
    pub(super) missing: u64,
    pub(super) infinite: u64,
    pub(super) distinct: u64,
    /// False for an estimate, or a lower bound after merging.
    pub(super) distinct_is_exact: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) numbers: Option<Numbers>,
    /// Times: the first and the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) times: Option<[Timestamp; 2]>,
    /// Texts: mean characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) mean_length: Option<f64>,
    /// Categories: the most frequent.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) top: Vec<Category>,
    pub(super) warnings: Vec<Warning>,
}

#[derive(Serialize)]
pub(super) struct Category {
    pub(super) value: String,
    pub(super) rows: u64,
}

/// A number of a column. A whole number that a double would round is written in all of its digits.
#[derive(Clone, Copy, Serialize)]
#[serde(untagged)]
pub(super) enum Value {
    Number(f64),
    Whole(i64),
}

impl Value {
    pub(super) fn words(self) -> String {
        match self {
            Self::Number(value) => number(value),
            Self::Whole(value) => value.to_string(),
        }
    }
}

/// Finite numbers. What is undefined or too large for a float is absent.
#[derive(Serialize)]
pub(super) struct Numbers {
    pub(super) min: Option<Value>,
    pub(super) max: Option<Value>,
    pub(super) mean: Option<f64>,
    pub(super) sd: Option<f64>,
    pub(super) skewness: Option<f64>,
    pub(super) kurtosis: Option<f64>,
    pub(super) quantiles: Vec<Quantile>,
}

#[derive(Serialize)]
pub(super) struct Quantile {
    pub(super) share: f64,
    pub(super) value: Value,
}

impl Column {
    pub(super) fn of(profile: &ColumnProfile) -> Self {
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
    pub(super) fn of(profile: &ColumnProfile) -> Self {
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
