//! The frozen profile of a categorical column: its most frequent values, the rest as `other`, and counts of later
//! values keyed to it. A value that the reference never had is `unseen`.

use super::measure::{Distance, Measure};
use super::sample::binned_distance;
use super::tally::Tally;
use crate::hash::{fnv1a, mixed};
use crate::outcome::{MetricResult, Unmeasured};
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};

/// Values that a reference keeps by name; rarer ones are counted together.
pub const TOP_VALUES: usize = 1000;
/// Rare values that a reference remembers to tell `other` from `unseen`, as hashes; beyond it, rare values and unseen
/// ones are counted together and [`CategoricalReference::knows_all`] says so.
const RARE_VALUES: usize = 20_000;
/// Unseen values that a window names.
const UNSEEN_NAMES: usize = 20;

/// The frozen reference of a categorical column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct CategoricalReference {
    /// Most frequent first; ties by name.
    values: Vec<String>,
    /// Ascending hashes of the values that are counted as `other`.
    rare: Vec<u64>,
    knows_all: bool,
    /// Values that occurred once: how often something new is to be expected (Good-Turing).
    singletons: u64,
    counts: CategoricalCounts,
    place: HashMap<String, u32>,
}

#[derive(Serialize, Deserialize, Clone)]
pub(super) struct Stored {
    pub values: Vec<String>,
    pub rare: Vec<u64>,
    pub knows_all: bool,
    pub singletons: u64,
    pub counts: CategoricalCounts,
}

impl TryFrom<Stored> for CategoricalReference {
    type Error = Unmeasured;

    fn try_from(stored: Stored) -> MetricResult<Self> {
        let wrong = |why: &str| Err(Unmeasured::bad_input("stored profile", why));
        if stored.values.is_empty() || stored.values.len() > TOP_VALUES || stored.rare.len() > RARE_VALUES {
            return wrong("it has no value, or too many");
        }
        if stored.rare.windows(2).any(|pair| pair[0] > pair[1]) {
            return wrong("its rare values are not in order");
        }
        stored.counts.check(stored.values.len())?;
        if stored.counts.values() == 0 || stored.counts.unseen > 0 {
            return wrong("its own rows have no value, or unseen ones");
        }
        let reference = CategoricalReference::from_stored(stored);
        if reference.place.len() != reference.values.len() {
            return wrong("a value stands twice");
        }
        Ok(reference)
    }
}

impl CategoricalReference {
    fn from_stored(stored: Stored) -> Self {
        let place = stored.values.iter().enumerate().map(|(place, value)| (value.clone(), place as u32)).collect();
        let Stored { values, rare, knows_all, singletons, counts } = stored;
        CategoricalReference { values, rare, knows_all, singletons, counts, place }
    }
}

impl From<CategoricalReference> for Stored {
    fn from(reference: CategoricalReference) -> Self {
        let CategoricalReference { values, rare, knows_all, singletons, counts, .. } = reference;
        Stored { values, rare, knows_all, singletons, counts }
    }
}

/// Values counted by the table of a reference.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct CategoricalCounts {
    /// Rows, with or without a value.
    pub rows: u64,
    /// Rows without a value.
    pub missing: u64,
    /// Rows whose value the reference has, but not among its most frequent.
    pub other: u64,
    /// Rows whose value the reference never had.
    pub unseen: u64,
    /// The first distinct unseen values with their counts, at most 20.
    pub unseen_values: Vec<(String, u64)>,
    pub(super) counts: Vec<u64>,
}

impl CategoricalReference {
    /// Freezes a column. Fails without a single value.
    pub fn of<'a>(column: impl IntoIterator<Item = Option<&'a str>>) -> MetricResult<Self> {
        let mut table: HashMap<&str, u64> = HashMap::new();
        let (mut rows, mut missing) = (0, 0);
        for value in column {
            rows += 1;
            match value {
                Some(value) => *table.entry(value).or_default() += 1,
                None => missing += 1,
            }
        }
        let mut by_count: Vec<(&str, u64)> = table.into_iter().collect();
        by_count.sort_unstable_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
        CategoricalReference::of_table(&by_count, rows, missing)
    }

    /// Freezes a table of values with their counts (most frequent first), out of `rows` rows of which `missing` had none.
    pub fn of_table(by_count: &[(&str, u64)], rows: u64, missing: u64) -> MetricResult<Self> {
        if by_count.is_empty() {
            return Err(Unmeasured::too_few("values for a reference", 0, 1));
        }
        let cut = by_count.len().min(TOP_VALUES);
        let (top, rest) = by_count.split_at(cut);
        let mut rare: Vec<u64> = rest.iter().take(RARE_VALUES).map(|(value, _)| hash(value)).collect();
        rare.sort_unstable();
        let counts = CategoricalCounts {
            rows,
            missing,
            other: rest.iter().map(|(_, count)| count).sum(),
            counts: top.iter().map(|(_, count)| *count).collect(),
            ..CategoricalCounts::default()
        };
        let values = top.iter().map(|(value, _)| (*value).to_owned()).collect();
        let singletons = by_count.iter().filter(|(_, count)| *count == 1).count() as u64;
        let knows_all = rest.len() <= RARE_VALUES;
        Ok(CategoricalReference::from_stored(Stored { values, rare, knows_all, singletons, counts }))
    }

    /// The reference's own counts.
    pub fn counts(&self) -> &CategoricalCounts {
        &self.counts
    }

    /// The values kept by name, most frequent first.
    pub fn values(&self) -> &[String] {
        &self.values
    }

    /// Whether the reference remembers every value it saw, so that `unseen` is exact.
    pub fn knows_all(&self) -> bool {
        self.knows_all
    }

    /// Values that occurred once in the reference.
    pub fn singletons(&self) -> u64 {
        self.singletons
    }

    /// The reference with the rows of another column added, given as its table (values with their counts): known values
    /// count on, new ones join the table while there is room and are remembered as rare beyond it.
    pub fn grown(&self, table: &[(&str, u64)], missing: u64) -> MetricResult<Self> {
        let mut stored = Stored::from(self.clone());
        let mut rare: HashSet<u64> = stored.rare.iter().copied().collect();
        for (value, rows) in table {
            let known = self.place.get(*value).map(|place| *place as usize);
            if let Some(place) = known {
                stored.singletons -= u64::from(stored.counts.counts[place] == 1 && stored.singletons > 0);
                stored.counts.counts[place] += rows;
            } else if rare.contains(&hash(value)) || !self.knows_all {
                stored.counts.other += rows;
            } else if stored.values.len() < TOP_VALUES {
                stored.values.push((*value).to_owned());
                stored.counts.counts.push(*rows);
                stored.singletons += u64::from(*rows == 1);
            } else {
                stored.counts.other += rows;
                stored.singletons += u64::from(*rows == 1);
                stored.knows_all &= rare.len() < RARE_VALUES;
                if rare.len() < RARE_VALUES {
                    rare.insert(hash(value));
                }
            }
        }
        stored.rare = rare.into_iter().collect();
        stored.rare.sort_unstable();
        stored.counts.missing += missing;
        stored.counts.rows += missing + table.iter().map(|(_, rows)| rows).sum::<u64>();
        stored.try_into()
    }

    /// The same values without their counts: a table of other rows that can be added later. Without a value it is no
    /// reference yet, so it does not leave this module.
    fn emptied(&self) -> Stored {
        let mut stored = Stored::from(self.clone());
        stored.counts = self.window();
        stored.singletons = 0;
        stored
    }

    /// The reference that other rows make, counted so that [`CategoricalReference::merge`] adds them exactly.
    pub fn like(&self, table: &[(&str, u64)], missing: u64) -> MetricResult<Self> {
        CategoricalReference::from_stored(self.emptied()).grown(table, missing)
    }

    /// Adds the rows of another reference. Refused when values that stand here by name are among its rare ones, whose
    /// names it does not keep.
    pub fn merge(&self, other: &CategoricalReference) -> MetricResult<Self> {
        let rare_here = |value: &String| other.rare.binary_search(&hash(value)).is_ok();
        if self.values.iter().any(rare_here) {
            return Err(Unmeasured::bad_input("profile", "its rare values stand by name in the one it is added to"));
        }
        let counts = other.counts.counts.iter().copied();
        let table: Vec<(&str, u64)> =
            other.values.iter().map(String::as_str).zip(counts).filter(|(_, rows)| *rows > 0).collect();
        let mut stored = Stored::from(self.grown(&table, other.counts.missing)?);
        stored.counts.other += other.counts.other;
        stored.counts.rows += other.counts.other;
        stored.rare.extend(&other.rare);
        stored.rare.sort_unstable();
        stored.rare.dedup();
        stored.knows_all &= other.knows_all && stored.rare.len() <= RARE_VALUES;
        stored.rare.truncate(RARE_VALUES);
        stored.try_into()
    }

    /// Counts of rows that are known by their codes; unseen values have lost their names.
    pub fn as_counts(&self, tally: &Tally) -> CategoricalCounts {
        let named = self.values.len().min(tally.bins.len());
        let rest = |at: usize| tally.bins.get(named + at).copied().unwrap_or(0);
        CategoricalCounts {
            rows: tally.rows(),
            missing: tally.missing + tally.infinite,
            other: rest(0),
            unseen: rest(1),
            unseen_values: Vec::new(),
            counts: tally.bins[..named].to_vec(),
        }
    }

    /// The same table with the rows of a stratum.
    pub fn stratum(&self, tally: &Tally) -> CategoricalReference {
        // What occurred once is spread as the rows are.
        let part = tally.values() as f64 / self.counts.values().max(1) as f64;
        let singletons = (self.singletons as f64 * part).round() as u64;
        let stored = Stored { counts: self.as_counts(tally), singletons, ..Stored::from(self.clone()) };
        CategoricalReference::from_stored(stored)
    }

    /// Empty counts for a window.
    pub fn window(&self) -> CategoricalCounts {
        CategoricalCounts { counts: vec![0; self.values.len()], ..CategoricalCounts::default() }
    }

    /// Adds one row to a window.
    pub fn add(&self, window: &mut CategoricalCounts, value: Option<&str>) {
        self.add_many(window, value, 1);
    }

    /// Adds `rows` rows of one value to a window.
    pub fn add_many(&self, window: &mut CategoricalCounts, value: Option<&str>, rows: u64) {
        window.rows += rows;
        let Some(value) = value else {
            window.missing += rows;
            return;
        };
        if let Some(place) = self.place.get(value) {
            window.counts[*place as usize] += rows;
        } else if self.is_rare(value) {
            window.other += rows;
        } else {
            window.unseen += rows;
            note(&mut window.unseen_values, value, rows);
        }
    }

    /// Whether a value occurred in the reference. Beyond the rare values that it remembers, every value counts as known.
    pub fn knows(&self, value: &str) -> bool {
        self.place.contains_key(value) || self.is_rare(value)
    }

    /// The place of a value that is kept by name.
    pub(super) fn place_of(&self, value: &str) -> Option<u32> {
        self.place.get(value).copied()
    }

    /// Whether a value that has no place counts as `other`.
    pub(super) fn is_rare(&self, value: &str) -> bool {
        self.rare.binary_search(&hash(value)).is_ok() || !self.knows_all
    }

    /// Counts a whole column.
    pub fn count<'a>(&self, column: impl IntoIterator<Item = Option<&'a str>>) -> CategoricalCounts {
        let mut window = self.window();
        column.into_iter().for_each(|value| self.add(&mut window, value));
        window
    }

    /// One measure of a window against this reference; `other` and `unseen` are categories of their own.
    pub fn distance(&self, window: &CategoricalCounts, measure: Measure) -> MetricResult<Distance> {
        if window.counts.len() != self.values.len() {
            return Err(Unmeasured::bad_input("window", "its counts belong to another reference"));
        }
        binned_distance(measure, &self.counts.with_rest(), &window.with_rest())
    }

    /// Every measure that is defined on this window.
    pub fn distances(&self, window: &CategoricalCounts) -> Vec<Distance> {
        Measure::CATEGORICAL.iter().filter_map(|measure| self.distance(window, *measure).ok()).collect()
    }
}

impl CategoricalCounts {
    /// Refuses stored counts that contradict themselves or the number of values.
    pub(super) fn check(&self, values: usize) -> MetricResult<()> {
        let parts = self.counts.iter().chain([&self.other, &self.unseen, &self.missing]);
        let total = parts.copied().try_fold(0u64, |sum, count| sum.checked_add(count));
        if self.counts.len() != values || total != Some(self.rows) || self.unseen_values.len() > UNSEEN_NAMES {
            return Err(Unmeasured::bad_input("stored counts", "they do not add up to the rows"));
        }
        Ok(())
    }

    /// Rows with a value.
    pub fn values(&self) -> u64 {
        self.rows - self.missing
    }

    /// Counts of the reference's values, in its order.
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// Counts of the reference's values, then of `other`, then of `unseen`.
    pub fn with_rest(&self) -> Vec<f64> {
        self.counts.iter().chain([&self.other, &self.unseen]).map(|count| *count as f64).collect()
    }

    /// Adds the counts of another window of the same reference.
    pub fn merge(&mut self, other: &CategoricalCounts) -> MetricResult<()> {
        if self.counts.len() != other.counts.len() {
            return Err(Unmeasured::bad_input("window", "its counts belong to another reference"));
        }
        self.rows += other.rows;
        self.missing += other.missing;
        self.other += other.other;
        self.unseen += other.unseen;
        self.counts.iter_mut().zip(&other.counts).for_each(|(a, b)| *a += b);
        other.unseen_values.iter().for_each(|(value, rows)| note(&mut self.unseen_values, value, *rows));
        Ok(())
    }
}

fn note(names: &mut Vec<(String, u64)>, value: &str, rows: u64) {
    if let Some(known) = names.iter_mut().find(|(name, _)| name == value) {
        known.1 += rows;
    } else if names.len() < UNSEEN_NAMES {
        names.push((value.to_owned(), rows));
    }
}

/// Stored in profiles, so it must never change.
fn hash(value: &str) -> u64 {
    mixed(fnv1a(value.bytes()))
}
