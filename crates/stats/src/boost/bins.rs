//! Columns cut into at most 255 bins, so that a split is a scan of counts.

use crate::outcome::{MetricResult, Unmeasured, same_length};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// Bins of values; one more holds what is missing.
const MAX_BINS: usize = 255;
/// Rows that the cut points of a numeric column are learned on.
const SAMPLE: usize = 200_000;

/// A column to learn from or to predict on.
#[derive(Debug, Clone, Copy)]
pub enum Feature<'a> {
    /// Numbers; NaN is missing, infinities are large numbers.
    Number(&'a [f64]),
    /// Categories by number; `u32::MAX` is missing.
    Category(&'a [u32]),
}

impl Feature<'_> {
    /// Rows.
    pub fn len(&self) -> usize {
        match self {
            Feature::Number(values) => values.len(),
            Feature::Category(values) => values.len(),
        }
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// How a column is cut.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum Cuts {
    /// Ascending upper edges; the last bin is open.
    Edges(Vec<f64>),
    /// Each category's bin: categories in order of their mean target, so that a split separates low from high.
    Order(HashMap<u32, u8>),
}

/// The bin of what is missing (or a category never seen).
pub(super) const MISSING: u8 = u8::MAX;

impl Cuts {
    /// Cuts at quantiles of numbers, or categories in the order of their mean target.
    pub fn learn(feature: &Feature, target: &[f64]) -> Self {
        match feature {
            Feature::Number(values) => Cuts::Edges(edges(values)),
            Feature::Category(values) => Cuts::Order(order(values, target)),
        }
    }

    /// How many bins, the one of missing values included.
    pub fn bins(&self) -> usize {
        match self {
            Cuts::Edges(edges) => edges.len() + 1,
            Cuts::Order(order) => order.values().map(|bin| usize::from(*bin) + 1).max().unwrap_or(1),
        }
    }

    /// The bin of each row.
    pub fn apply(&self, feature: &Feature) -> MetricResult<Vec<u8>> {
        match (self, feature) {
            (Cuts::Edges(edges), Feature::Number(values)) => {
                let bin = |x: &f64| if x.is_nan() { MISSING } else { edges.partition_point(|edge| edge < x) as u8 };
                Ok(values.iter().map(bin).collect())
            }
            (Cuts::Order(order), Feature::Category(values)) => {
                Ok(values.iter().map(|value| order.get(value).copied().unwrap_or(MISSING)).collect())
            }
            _ => Err(Unmeasured::bad_input(
                "feature",
                "a numeric column was fitted and a categorical given, or vice versa",
            )),
        }
    }
}

fn edges(values: &[f64]) -> Vec<f64> {
    let step = values.len().div_ceil(SAMPLE).max(1);
    let mut sorted: Vec<f64> = values.iter().step_by(step).copied().filter(|x| !x.is_nan()).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    let mut distinct = sorted.clone();
    distinct.dedup();
    let between = |a: f64, b: f64| if a.is_finite() && b.is_finite() { a + 0.5 * (b - a) } else { a };
    if distinct.len() < MAX_BINS {
        return distinct.windows(2).map(|pair| between(pair[0], pair[1])).collect();
    }
    let mut edges: Vec<f64> = (1..MAX_BINS - 1)
        .map(|i| i * sorted.len() / (MAX_BINS - 1))
        .filter(|place| *place > 0)
        .map(|place| between(sorted[place - 1], sorted[place]))
        .collect();
    edges.dedup();
    edges
}

fn order(values: &[u32], target: &[f64]) -> HashMap<u32, u8> {
    let mut sums: HashMap<u32, (f64, f64)> = HashMap::new();
    for (value, target) in values.iter().zip(target).filter(|(value, _)| **value != u32::MAX) {
        let sum = sums.entry(*value).or_default();
        *sum = (sum.0 + target, sum.1 + 1.0);
    }
    let total = target.iter().sum::<f64>() / target.len().max(1) as f64;
    // Ten imagined rows of the overall mean keep rare categories from the ends.
    let mut ranked: Vec<(u32, f64)> =
        sums.into_iter().map(|(value, (sum, n))| (value, (sum + 10.0 * total) / (n + 10.0))).collect();
    ranked.sort_by(|a, b| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0)));
    let count = ranked.len();
    let bin = |place: usize| if count <= MAX_BINS { place } else { place * MAX_BINS / count } as u8;
    ranked.into_iter().enumerate().map(|(place, (value, _))| (value, bin(place))).collect()
}

/// Refuses columns of different lengths.
pub(super) fn rows(features: &[Feature]) -> MetricResult<usize> {
    same_length("features", &features.iter().map(Feature::len).collect::<Vec<usize>>())
}
