//! One column of two tables: distances, evidence, rates, and the level that they make.

use super::Level;
use super::chart_data::{self, ChartData};
use super::range::{judged, p_out_of_range};
use crate::drift::{CategoricalCounts, Distance, Measure, NumericCounts, distances};
use crate::outcome::Unmeasured;
use crate::profile::{ColumnCounts, ColumnProfile, ColumnSample, ReferenceDistribution, Stored, ValueKind};
use crate::sequential::{RateReading, RateVerdict, judge_rate};
use serde::{Deserialize, Serialize};

/// Values in either table below which no distance is computed.
pub const MIN_ROWS: u64 = 50;
/// The share of false discoveries among columns that get a level.
pub const EVIDENCE: f64 = 0.05;

/// The description of one table's column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowCounts {
    /// Rows, with or without a value.
    pub rows: u64,
    /// Rows without a value.
    pub missing: u64,
    /// Rows with an infinite number.
    pub infinite: u64,
}

/// A rate of rows that should be rare.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReadingKind {
    /// Rows without a value.
    Missing,
    /// Rows with an infinite number.
    Infinite,
    /// Rows with a category that the reference never had.
    Unseen,
    /// Rows beyond the reference's smallest and largest value.
    OutOfRange,
}

impl RowCounts {
    /// Of numbers, where NaN is missing.
    pub fn of_numbers(values: &[f64]) -> Self {
        let count = |is: fn(f64) -> bool| values.iter().filter(|value| is(**value)).count() as u64;
        RowCounts { rows: values.len() as u64, missing: count(f64::is_nan), infinite: count(f64::is_infinite) }
    }

    /// Of whole numbers.
    pub fn of_wholes(values: &[Option<i64>]) -> Self {
        let missing = values.iter().filter(|value| value.is_none()).count() as u64;
        RowCounts { rows: values.len() as u64, missing, infinite: 0 }
    }

    /// Adds further rows of the table.
    pub fn add(&mut self, more: RowCounts) {
        self.rows += more.rows;
        self.missing += more.missing;
        self.infinite += more.infinite;
    }
}

impl ReadingKind {
    /// As part of a sentence.
    pub fn words(self) -> &'static str {
        match self {
            ReadingKind::Missing => "missing",
            ReadingKind::Infinite => "infinite",
            ReadingKind::Unseen => "unseen category",
            ReadingKind::OutOfRange => "out of range",
        }
    }
}

/// A rate with its level.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ColumnRate {
    /// Of what.
    pub kind: ReadingKind,
    /// Rows of the current table.
    pub rows: u64,
    /// The rates and the evidence.
    pub rate: RateReading,
    /// By the default rule.
    pub level: Level,
}

/// A column in two tables.
#[derive(Debug, Clone, PartialEq)]
pub struct ColumnDrift {
    /// Its name.
    pub name: String,
    /// How the reference looks at it.
    pub kind: ValueKind,
    /// The reference's rows.
    pub reference: RowCounts,
    /// The current rows.
    pub current: RowCounts,
    /// Headline first; empty when nothing could be measured.
    pub distances: Vec<Distance>,
    /// Why there are no distances.
    pub unmeasured: Option<Unmeasured>,
    /// P(such a difference) without drift: KS for numbers, chi-square for categories.
    pub p: Option<f64>,
    /// The same after correction for the number of columns.
    pub p_adjusted: Option<f64>,
    /// Rates of what should be rare.
    pub readings: Vec<ColumnRate>,
    /// Categories that the reference never had, with their rows; at most 20.
    pub unseen: Vec<(String, u64)>,
    /// For drawing.
    pub picture: Option<ChartData>,
    /// How much it matters.
    pub level: Level,
}

/// The current table's column, counted by the reference.
pub struct CurrentColumn<'a> {
    /// How it is stored.
    pub stored: Stored,
    /// Its rows.
    pub side: RowCounts,
    /// By the reference's bins or table; `None` where the reference has none or the types differ.
    pub counts: Option<ColumnCounts>,
    /// Both tables' numbers, sorted, for exact distances.
    pub exact: Option<(&'a ColumnSample, &'a ColumnSample)>,
}

impl ColumnDrift {
    /// Compares a column with its reference; levels that need all columns come with [`super::TableDrift`].
    pub fn of(reference: &ColumnProfile, current: &CurrentColumn) -> Self {
        let old = RowCounts { rows: reference.rows, missing: reference.missing, infinite: reference.infinite };
        let mut drift = ColumnDrift {
            name: reference.name.clone(),
            kind: reference.kind,
            reference: old,
            current: current.side,
            distances: Vec::new(),
            unmeasured: None,
            p: None,
            p_adjusted: None,
            readings: Vec::new(),
            unseen: Vec::new(),
            picture: None,
            level: Level::Calm,
        };
        drift.read_rate(ReadingKind::Missing, (old.missing, old.rows), (current.side.missing, current.side.rows));
        drift.read_rate(ReadingKind::Infinite, (old.infinite, old.rows), (current.side.infinite, current.side.rows));
        match (&reference.reference, &current.counts) {
            (Some(ReferenceDistribution::Numeric(frozen)), Some(ColumnCounts::Numeric(counts))) => {
                drift.measure_numbers(
                    current,
                    || frozen.distances(counts),
                    (frozen.counts().values(), counts.values()),
                );
                drift.read_range(frozen.counts(), counts);
                drift.picture = chart_data::histogram(frozen, counts);
            }
            (Some(ReferenceDistribution::Categorical(frozen)), Some(ColumnCounts::Categorical(counts))) => {
                let rows = (frozen.counts().values(), counts.values());
                drift.set_distances(rows, || frozen.distances(counts), Measure::Chi2);
                drift.read_unseen((frozen.singletons(), frozen.counts().values()), counts);
                drift.picture = Some(chart_data::categories(frozen, counts));
            }
            _ => {
                drift.unmeasured = Some(no_distance_reason(reference, current));
                drift.level = Level::Unjudged;
            }
        }
        drift
    }

    fn measure_numbers(&mut self, current: &CurrentColumn, binned: impl FnOnce() -> Vec<Distance>, rows: (u64, u64)) {
        match current.exact {
            Some((a, b)) => self.set_distances(rows, || exact_distances(a, b), Measure::Ks),
            None => self.set_distances(rows, binned, Measure::Ks),
        }
    }

    /// Takes the distances over when there are enough rows, and the p-value of the one whose law is known.
    fn set_distances(&mut self, (m, n): (u64, u64), measured: impl FnOnce() -> Vec<Distance>, law: Measure) {
        if m.min(n) < MIN_ROWS {
            self.unmeasured = Some(Unmeasured::too_few("values", m.min(n) as usize, MIN_ROWS as usize));
            self.level = Level::TooFew;
            return;
        }
        self.distances = measured();
        self.p = self.distances.iter().find(|distance| distance.measure == law).and_then(|distance| distance.p);
        if self.distances.is_empty() {
            self.unmeasured = Some(Unmeasured::undefined("drift", "no measure is defined on these values"));
            self.level = Level::Unjudged;
        }
    }

    fn read_rate(&mut self, kind: ReadingKind, reference: (u64, u64), window: (u64, u64)) {
        if reference.0 == 0 && window.0 == 0 {
            return;
        }
        if let Ok(rate) = judge_rate(reference, window) {
            self.readings.push(ColumnRate { kind, rows: window.0, rate, level: level_of(rate.verdict) });
        }
    }

    fn read_range(&mut self, reference: &NumericCounts, window: &NumericCounts) {
        let beyond = |counts: &NumericCounts| counts.below + counts.above;
        let (old, new) = (beyond(reference), beyond(window));
        if new == 0 {
            return;
        }
        if let Ok(mut rate) = judge_rate((old, reference.values()), (new, window.values())) {
            let p = p_out_of_range(new.saturating_sub(old), reference.values(), window.values());
            rate.verdict = judged(rate.verdict, p);
            let level = level_of(rate.verdict);
            self.readings.push(ColumnRate { kind: ReadingKind::OutOfRange, rows: new, rate, level });
        }
    }

    /// What occurred once says how often something new is to be expected (Good and Turing).
    fn read_unseen(&mut self, once: (u64, u64), window: &CategoricalCounts) {
        self.unseen.clone_from(&window.unseen_values);
        if window.unseen > 0 {
            self.read_rate(ReadingKind::Unseen, once, (window.unseen, window.values()));
        }
    }

    /// The distance that leads: the first, unless another of those that make the level has a higher one. W1 over the
    /// standard deviation says how far values moved in units of their spread, so one sentinel (-9999) among them hides a
    /// shift of all others; KS looks at their order alone.
    pub fn headline(&self) -> Option<&Distance> {
        let first = self.distances.first()?;
        let order = self.distances.iter().find(|distance| distance.measure == Measure::Ks);
        order.filter(|order| effect_level(order) > effect_level(first)).or(Some(first))
    }

    /// Whether a test supports that the column changed.
    pub fn is_evident(&self) -> bool {
        self.p_adjusted.is_some_and(|p| p <= EVIDENCE)
    }

    /// The level that the headline's effect has, where a test supports it.
    pub fn distance_level(&self) -> Level {
        self.headline().filter(|_| self.is_evident()).map_or(Level::Calm, effect_level)
    }

    /// The level of everything together, once `p_adjusted` is known.
    pub(super) fn set_level(&mut self) {
        let readings = self.readings.iter().map(|reading| reading.level).max().unwrap_or(Level::Calm);
        self.level = self.level.max(self.distance_level()).max(readings);
    }

    /// The effect of the headline in units of its alert threshold: for ordering.
    pub fn weight(&self) -> f64 {
        self.headline().map_or(0.0, |headline| headline.effect / headline.measure.steps()[2])
    }
}

fn effect_level(distance: &Distance) -> Level {
    Level::of_effect(distance.measure, distance.effect)
}

/// Distances of two columns of numbers, compared as what the reference holds.
fn exact_distances(reference: &ColumnSample, current: &ColumnSample) -> Vec<Distance> {
    match (reference, current) {
        (ColumnSample::Numbers(a), ColumnSample::Numbers(b)) => distances(a, b),
        (ColumnSample::Wholes(a), ColumnSample::Wholes(b)) => distances(a, b),
        (ColumnSample::Wholes(a), ColumnSample::Numbers(b)) => distances(a, &b.to_wholes()),
        (ColumnSample::Numbers(a), ColumnSample::Wholes(b)) => distances(a, &b.to_numbers()),
    }
}

fn level_of(verdict: RateVerdict) -> Level {
    match verdict {
        RateVerdict::Calm => Level::Calm,
        RateVerdict::Warning => Level::Warn,
        RateVerdict::Alert => Level::Alert,
    }
}

fn no_distance_reason(reference: &ColumnProfile, current: &CurrentColumn) -> Unmeasured {
    let why = match reference.kind {
        ValueKind::Identifier => "identifiers always differ",
        ValueKind::Text => "free texts differ from row to row",
        ValueKind::Time => "times move on",
        ValueKind::Empty => "the reference has no value",
        _ if current.side.rows == current.side.missing => "no current row has a value",
        _ => "the values are of another type",
    };
    Unmeasured::undefined("drift", why)
}
