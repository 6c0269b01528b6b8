//! A reference of either kind, and its rows and those of a window as a [`Tally`].

use super::{
    CategoricalCounts, CategoricalReference, NumericCounts, NumericReference,
    scalar::nearest_whole,
    tally::{INFINITE, MISSING, Tally},
};

/// A frozen reference, of numbers or of categories.
#[derive(Debug, Clone, Copy)]
pub enum DistributionRef<'r> {
    /// Bins at the quantiles.
    Numeric(&'r NumericReference),
    /// A table of values.
    Categorical(&'r CategoricalReference),
}

impl DistributionRef<'_> {
    /// How many codes there are.
    pub fn width(self) -> usize {
        match self {
            DistributionRef::Numeric(reference) => reference.edges().len() + 1,
            DistributionRef::Categorical(reference) => reference.values().len() + 2,
        }
    }

    /// The reference's own rows.
    pub fn tally(self) -> Tally {
        match self {
            DistributionRef::Numeric(reference) => numeric_tally(reference.counts()),
            DistributionRef::Categorical(reference) => categorical_tally(reference.counts()),
        }
    }
}

/// The tally of counted numbers.
pub fn numeric_tally(counts: &NumericCounts) -> Tally {
    Tally { bins: counts.bins().to_vec(), missing: counts.missing, infinite: counts.infinite }
}

/// The tally of counted categories.
pub fn categorical_tally(counts: &CategoricalCounts) -> Tally {
    let bins = counts.counts().iter().copied().chain([counts.other, counts.unseen]).collect();
    Tally { bins, missing: counts.missing, infinite: 0 }
}

impl NumericReference {
    /// The code of a number.
    pub fn code(&self, value: f64) -> u32 {
        match value {
            value if value.is_nan() => MISSING,
            value if value.is_infinite() => INFINITE,
            value if self.whole_edges().is_empty() => self.bin(value) as u32,
            value => self.code_whole(Some(nearest_whole(value))),
        }
    }

    /// The code of a whole number, which stays whole.
    pub fn code_whole(&self, value: Option<i64>) -> u32 {
        match (value, self.whole_edges()) {
            (None, _) => MISSING,
            (Some(value), []) => self.bin(value as f64) as u32,
            (Some(value), edges) => edges.partition_point(|edge| *edge < value) as u32,
        }
    }
}

impl CategoricalReference {
    /// The code of a value: its place, or those of `other` and of `unseen`, which follow.
    pub fn code(&self, value: Option<&str>) -> u32 {
        let Some(value) = value else { return MISSING };
        let named = self.values().len() as u32;
        self.place_of(value).unwrap_or(if self.is_rare(value) { named } else { named + 1 })
    }
}
