//! Counts of a numeric column's values, keyed to the edges of a reference; they merge by addition.

use super::moments::Moments;
use crate::hash::fnv1a;
use crate::outcome::{MetricResult, Unmeasured};
use serde::{Deserialize, Serialize};

/// Values counted by the edges of a reference. Merge only counts of the same reference.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NumericCounts {
    /// Which edges counted: a hash of theirs.
    pub(super) id: u64,
    /// Rows, with or without a value.
    pub rows: u64,
    /// Rows that were NaN.
    pub missing: u64,
    /// Rows that were infinite.
    pub infinite: u64,
    /// Values below the reference's minimum.
    pub below: u64,
    /// Values above the reference's maximum.
    pub above: u64,
    /// Moments of the finite values.
    pub moments: Moments,
    /// Values in `(-inf, e0], (e0, e1], ... (ek, inf)`.
    pub(super) bins: Vec<u64>,
    /// Values that are exactly `e0, e1, ... ek`: columns of few values live there.
    pub(super) points: Vec<u64>,
    /// Sum in each bin of (upper edge - value); in the last bin of (value - last edge).
    pub(super) reach: Vec<f64>,
}

impl NumericCounts {
    /// No row yet, for edges of this identity.
    pub(super) fn empty(id: u64, edges: usize) -> Self {
        NumericCounts {
            id,
            rows: 0,
            missing: 0,
            infinite: 0,
            below: 0,
            above: 0,
            moments: Moments::default(),
            bins: vec![0; edges + 1],
            points: vec![0; edges],
            reach: vec![0.0; edges + 1],
        }
    }

    /// Refuses counts made by other edges.
    pub(crate) fn belongs_to(&self, other: &NumericCounts) -> MetricResult<()> {
        if self.id == other.id && self.bins.len() == other.bins.len() {
            return Ok(());
        }
        Err(Unmeasured::bad_input("window", "its counts belong to another reference"))
    }

    /// Values that are exactly the reference's maximum.
    pub(crate) fn at_maximum(&self) -> u64 {
        self.points.last().copied().unwrap_or(0)
    }

    /// Refuses stored counts that contradict themselves or the edges.
    pub(super) fn check(&self, id: u64, n: usize) -> MetricResult<()> {
        let wrong = |why: &str| Err(Unmeasured::bad_input("stored counts", why));
        if self.id != id || self.bins.len() != n + 1 || self.points.len() != n || self.reach.len() != n + 1 {
            return wrong("they belong to other edges");
        }
        let total = |counts: &[u64]| counts.iter().try_fold(0u64, |sum, count| sum.checked_add(*count));
        if total(&self.bins) != Some(self.moments.count) {
            return wrong("the bins do not add up to the values");
        }
        if total(&[self.moments.count, self.missing, self.infinite]) != Some(self.rows) {
            return wrong("values, missing and infinite rows do not add up to the rows");
        }
        if self.points.iter().zip(&self.bins).any(|(point, bin)| point > bin) {
            return wrong("more values lie on an edge than in its bin");
        }
        if self.below > self.bins[0]
            || self.above != self.bins[n]
            || self.reach.iter().any(|reach| reach.is_nan() || *reach < 0.0)
        {
            return wrong("values out of range do not agree with the outer bins");
        }
        self.moments.check()
    }

    /// Which edges made these counts.
    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    /// Finite values.
    pub fn values(&self) -> u64 {
        self.moments.count
    }

    /// Values in each bin of the reference.
    pub fn bins(&self) -> &[u64] {
        &self.bins
    }

    /// Adds the counts of another window of the same reference.
    pub fn merge(&mut self, other: &NumericCounts) -> MetricResult<()> {
        self.belongs_to(other)?;
        self.rows += other.rows;
        self.missing += other.missing;
        self.infinite += other.infinite;
        self.below += other.below;
        self.above += other.above;
        self.moments.merge(&other.moments);
        self.bins.iter_mut().zip(&other.bins).for_each(|(a, b)| *a += b);
        self.points.iter_mut().zip(&other.points).for_each(|(a, b)| *a += b);
        self.reach.iter_mut().zip(&other.reach).for_each(|(a, b)| *a += b);
        Ok(())
    }
}

/// A hash of the bits of edges; stored in profiles, so it must never change.
pub(super) fn identity(edges: impl Iterator<Item = u64>) -> u64 {
    fnv1a(edges.flat_map(u64::to_le_bytes))
}
