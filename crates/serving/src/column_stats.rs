//! The column statistics of a version in service: every row that it answers, counted by the frozen references of its columns.
//!
//! Invariants: the roles of a version are counted apart, and so is each hour; counts merge by addition, so windows,
//! processes and hours add up to the whole; who takes or looks holds no lock for longer than it takes to copy counts.
//! What is counted waits in memory until it is taken; it is bounded, and what found no room is counted.
//! Out of scope: files, clocks, distances.

use std::{
    collections::HashMap,
    fmt::Write,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use kilter_domain::{
    table::{Column, Table},
    time::{HOUR_MS, Timestamp},
};
use kilter_stats::{
    MetricResult,
    drift::{CategoricalCounts, CategoricalReference},
    profile::{ColumnCounts, ReferenceDistribution},
};

use crate::{endpoint::ModelOutput, prediction_log::Role};

/// Counts of this many requests at once wait for nobody.
const SHARDS: usize = 8;
/// Rows up to which a request is counted straight into its shard; more are counted beside it and added.
const FEW_ROWS: usize = 64;
/// Hours and roles that a shard keeps until they are taken.
const MAX_SLOTS: usize = 96;

/// What a tracked column is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnKind {
    /// Sent with the request, or missing in it.
    Feature,
    /// The score that was answered.
    Score,
    /// The class that was answered.
    Prediction,
}

/// A column that is counted, and what counts it.
#[derive(Clone, Debug, PartialEq)]
pub struct TrackedColumn {
    /// Its name.
    pub name: String,
    /// What it is in a request.
    pub kind: ColumnKind,
    /// What counts it.
    pub reference: ReferenceDistribution,
}

/// Counts of each watched column, in their order.
#[derive(Clone, Debug, PartialEq)]
pub struct ColumnStatsWindow {
    /// Rows that were counted.
    pub rows: u64,
    /// Counts of each column.
    pub columns: Vec<ColumnCounts>,
}

impl ColumnStatsWindow {
    /// No row yet.
    pub fn empty(watched: &[TrackedColumn]) -> Self {
        Self { rows: 0, columns: watched.iter().map(|column| column.reference.window()).collect() }
    }

    /// Adds the rows of another window of the same columns.
    ///
    /// # Errors
    /// When it was counted by other references; then nothing of it is added.
    pub fn merge(&mut self, other: &Self) -> MetricResult<()> {
        let mut merged = self.columns.clone();
        if merged.len() != other.columns.len() {
            return Err(kilter_stats::Unmeasured::bad_input("window", "it has other columns"));
        }
        merged.iter_mut().zip(&other.columns).try_for_each(|(column, more)| column.merge(more))?;
        self.columns = merged;
        self.rows += other.rows;
        Ok(())
    }
}

/// The window of an hour in a role.
#[derive(Clone, Debug, PartialEq)]
pub struct HourBucket {
    /// Who answered the rows.
    pub role: Role,
    /// Hours since the epoch.
    pub hour: i64,
    /// What was counted.
    pub window: ColumnStatsWindow,
}

/// The hour in which a moment lies, since the epoch.
pub const fn hour_of(moment: Timestamp) -> i64 {
    moment.millis().div_euclid(HOUR_MS)
}

/// Counts what a version answers.
pub struct ColumnStats {
    watched: Vec<TrackedColumn>,
    place: HashMap<String, usize>,
    shards: Vec<Mutex<Vec<HourBucket>>>,
    lost_rows: AtomicU64,
}

impl ColumnStats {
    /// Counts these columns. Requests are counted fastest when features come first, in the order of the signature.
    pub fn new(watched: Vec<TrackedColumn>) -> Self {
        let features = watched.iter().enumerate().filter(|(_, column)| column.kind == ColumnKind::Feature);
        let place = features.map(|(at, column)| (column.name.clone(), at)).collect();
        let shards = (0..SHARDS).map(|_| Mutex::default()).collect();
        Self { watched, place, shards, lost_rows: AtomicU64::new(0) }
    }

    /// The columns that are counted.
    pub fn tracked_columns(&self) -> &[TrackedColumn] {
        &self.watched
    }

    /// Rows that were counted and found no room before they were taken.
    pub fn lost_rows(&self) -> u64 {
        self.lost_rows.load(Relaxed)
    }

    /// Counts rows that were answered. A watched feature that the rows do not have is missing in all of them. Of columns that
    /// are withheld no unseen value is named. What a request asked of a version by its number is a test, and is not counted; what
    /// the live version answered in place of a candidate counts as its own.
    pub fn count(
        &self,
        role: Role,
        (features, answers): (&Table, &ModelOutput),
        now: Timestamp,
        is_withheld: &dyn Fn(&str) -> bool,
    ) {
        let (hour, role) = match role {
            Role::Pinned => return,
            Role::Fallback => (hour_of(now), Role::Champion),
            role => (hour_of(now), role),
        };
        if answers.scores.len() <= FEW_ROWS {
            let mut slots = self.free_shard();
            let window = self.bucket_mut(&mut slots, role, hour);
            self.add_rows(window, features, answers);
            return self.withhold_names(window, is_withheld);
        }
        let mut window = ColumnStatsWindow::empty(&self.watched);
        self.add_rows(&mut window, features, answers);
        self.withhold_names(&mut window, is_withheld);
        self.add_bucket(HourBucket { role, hour, window });
    }

    /// Takes everything that was counted; what is counted from now on is new.
    pub fn take_buckets(&self) -> Vec<HourBucket> {
        self.collect_buckets(|slots| std::mem::take(&mut *slots))
    }

    /// What was counted and not yet taken.
    pub fn peek_buckets(&self) -> Vec<HourBucket> {
        self.collect_buckets(|slots| slots.clone())
    }

    /// Gives back what was taken and could not be kept.
    pub fn add_bucket(&self, slot: HourBucket) {
        let mut slots = self.free_shard();
        let own = self.bucket_mut(&mut slots, slot.role, slot.hour);
        if own.merge(&slot.window).is_err() {
            self.lost_rows.fetch_add(slot.window.rows, Relaxed);
        }
    }

    fn collect_buckets(&self, of_shard: impl Fn(&mut Vec<HourBucket>) -> Vec<HourBucket>) -> Vec<HourBucket> {
        let mut all: Vec<HourBucket> = Vec::new();
        for shard in &self.shards {
            let slots = of_shard(&mut lock(shard));
            for slot in slots {
                match all.iter_mut().find(|known| (known.role, known.hour) == (slot.role, slot.hour)) {
                    // All slots of a version were counted by its own references.
                    Some(known) => drop(known.window.merge(&slot.window)),
                    None => all.push(slot),
                }
            }
        }
        all
    }

    /// The first shard that nobody holds, mostly the first of all.
    fn free_shard(&self) -> MutexGuard<'_, Vec<HourBucket>> {
        let free = self.shards.iter().find_map(|shard| shard.try_lock().ok());
        free.unwrap_or_else(|| lock(&self.shards[SHARDS - 1]))
    }

    fn bucket_mut<'s>(&self, slots: &'s mut Vec<HourBucket>, role: Role, hour: i64) -> &'s mut ColumnStatsWindow {
        let known = slots.iter().position(|slot| slot.hour == hour && slot.role == role);
        let at = known.unwrap_or_else(|| {
            if slots.len() >= MAX_SLOTS {
                self.lost_rows.fetch_add(slots.remove(0).window.rows, Relaxed);
            }
            slots.push(HourBucket { role, hour, window: ColumnStatsWindow::empty(&self.watched) });
            slots.len() - 1
        });
        &mut slots[at].window
    }

    fn withhold_names(&self, window: &mut ColumnStatsWindow, is_withheld: &dyn Fn(&str) -> bool) {
        for (watched, counts) in self.watched.iter().zip(&mut window.columns) {
            if let ColumnCounts::Categorical(counts) = counts
                && !counts.unseen_values.is_empty()
                && is_withheld(&watched.name)
            {
                counts.unseen_values.clear();
            }
        }
    }

    fn add_rows(&self, window: &mut ColumnStatsWindow, features: &Table, answers: &ModelOutput) {
        let rows = answers.scores.len();
        let mut next = 0;
        let mut seen = 0;
        for (name, column) in features.columns() {
            let stands = self.watched.get(next).is_some_and(|watched| watched.name == name);
            let Some(at) = (if stands { Some(next) } else { self.place.get(name).copied() }) else { continue };
            next = at + 1;
            seen += 1;
            add_column(&self.watched[at].reference, &mut window.columns[at], column);
        }
        if seen < self.place.len() {
            let absent = self.place.iter().filter(|(name, _)| features.get(name).is_none());
            absent.for_each(|(_, at)| window.columns[*at].add_missing(rows as u64));
        }
        for (watched, counts) in self.watched.iter().zip(&mut window.columns) {
            match watched.kind {
                ColumnKind::Feature => {}
                ColumnKind::Score => add_numbers(&watched.reference, counts, answers.scores.iter().copied()),
                ColumnKind::Prediction => {
                    let label = |row: usize| answers.labels.as_ref().and_then(|labels| labels.get(row)).map(|l| &**l);
                    add_texts(&watched.reference, counts, (0..rows).map(label));
                }
            }
        }
        window.rows += rows as u64;
    }
}

fn lock(shard: &Mutex<Vec<HourBucket>>) -> MutexGuard<'_, Vec<HourBucket>> {
    // A panic while counting left at worst a row half counted.
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

fn add_column(frozen: &ReferenceDistribution, counts: &mut ColumnCounts, column: &Column) {
    match (frozen, column) {
        (ReferenceDistribution::Numeric(reference), Column::Int(values)) => {
            if let ColumnCounts::Numeric(counts) = counts {
                values.iter().for_each(|value| reference.add_whole(counts, *value));
            }
        }
        (ReferenceDistribution::Numeric(_), Column::Float(values)) => {
            add_numbers(frozen, counts, values.iter().copied())
        }
        (ReferenceDistribution::Numeric(_), column) => {
            add_numbers(frozen, counts, (0..column.len()).map(|row| column.number(row)));
        }
        (ReferenceDistribution::Categorical(_), Column::Text(values)) => {
            add_texts(frozen, counts, values.iter().map(|value| value.as_deref()));
        }
        (ReferenceDistribution::Categorical(reference), column) => {
            if let ColumnCounts::Categorical(counts) = counts {
                add_labels(reference, counts, column);
            }
        }
    }
}

/// Numbers of a numeric reference; one of categories (a score of few values) counts them by name.
fn add_numbers(frozen: &ReferenceDistribution, counts: &mut ColumnCounts, values: impl Iterator<Item = f64>) {
    match (frozen, counts) {
        (ReferenceDistribution::Numeric(reference), ColumnCounts::Numeric(counts)) => {
            values.for_each(|value| reference.add(counts, value));
        }
        (ReferenceDistribution::Categorical(reference), ColumnCounts::Categorical(counts)) => {
            add_labels(reference, counts, &Column::Float(values.collect()));
        }
        _ => {}
    }
}

fn add_texts<'t>(
    frozen: &ReferenceDistribution,
    counts: &mut ColumnCounts,
    values: impl Iterator<Item = Option<&'t str>>,
) {
    if let (ReferenceDistribution::Categorical(reference), ColumnCounts::Categorical(counts)) = (frozen, counts) {
        values.for_each(|value| reference.add(counts, value));
    }
}

/// Values that are no texts as the names that references give them: `1`, not `1.0` and not `true`.
fn add_labels(reference: &CategoricalReference, counts: &mut CategoricalCounts, column: &Column) {
    let mut name = String::new();
    for row in 0..column.len() {
        if column.is_missing(row) {
            reference.add(counts, None);
            continue;
        }
        name.clear();
        // Writing into a text cannot fail.
        let _ = match column {
            Column::Int(values) => write!(name, "{}", values[row].unwrap_or_default()),
            Column::Bool(values) => write!(name, "{}", u8::from(values[row].unwrap_or_default())),
            Column::Float(values) if values[row].fract() == 0.0 && values[row].abs() < 1e15 => {
                write!(name, "{}", values[row] as i64)
            }
            column => write!(name, "{}", column.label(row).as_deref().unwrap_or_default()),
        };
        reference.add(counts, Some(&name));
    }
}

#[cfg(test)]
mod tests;
