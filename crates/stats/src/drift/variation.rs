//! How far windows of a column lie from its reference when nothing has changed: learned from the reference's own rows.
//!
//! The reference is cut into blocks of time, and blocks that follow one another into windows of 1, 2, 4, ... blocks.
//! Each window is compared with the rest of the reference by the very distance that a monitor reads, weighted to its
//! season. The mean of those distances is what is expected of a window of that length: rows that depend on each other,
//! levels that a day shares and seasons that the strata do not hold are all in it. Longer windows than the reference
//! holds [`MIN_WINDOWS`] of are expected to vary as much as the longest that it does.

use std::collections::BTreeMap;

use super::measure::{Distance, Measure};
use super::standardised::StandardisedReference;
use super::{distribution_ref::DistributionRef, tally::Tally};
use crate::outcome::{MetricResult, Unmeasured, same_length};
use serde::{Deserialize, Serialize};

/// Windows of one length from which their mean distance is taken.
pub const MIN_WINDOWS: usize = 4;
/// Blocks that are looked at; of more, the newest.
pub const MAX_BLOCKS: usize = 2_000;
/// Windows of one length that are compared; of more, every second, third, and so on.
const MAX_COMPARED: usize = 400;
/// Measures whose expectation is learned, in the order that they are stored in.
pub const MEASURES: [Measure; 7] =
    [Measure::Psi, Measure::Js, Measure::Ks, Measure::W1OverSd, Measure::Tvd, Measure::Hellinger, Measure::LInfinity];

/// Rows of one block: a few bytes a row, however many strata and codes there are.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Block {
    /// Stratum and code of each row.
    rows: Vec<(u16, u32)>,
}

impl Block {
    /// Cuts rows into blocks, in the order of time; empty ones are left out. `block` numbers the block of each row.
    ///
    /// # Errors
    /// When the columns differ in length.
    pub fn cut(codes: &[u32], block: &[i64], stratum: &[u16]) -> MetricResult<Vec<Block>> {
        same_length("rows", &[codes.len(), block.len(), stratum.len()])?;
        let mut blocks: BTreeMap<i64, Block> = BTreeMap::new();
        for ((code, block), stratum) in codes.iter().zip(block).zip(stratum) {
            blocks.entry(*block).or_default().rows.push((*stratum, *code));
        }
        Ok(blocks.into_values().collect())
    }

    /// Its rows of `width` codes by stratum; strata without rows are left out.
    pub fn strata(&self, width: usize) -> BTreeMap<usize, Tally> {
        let mut strata: BTreeMap<usize, Tally> = BTreeMap::new();
        for (stratum, code) in &self.rows {
            strata.entry(usize::from(*stratum)).or_insert_with(|| Tally::empty(width)).add(*code);
        }
        strata
    }

    /// All its rows of `width` codes.
    pub fn whole(&self, width: usize) -> Tally {
        let mut whole = Tally::empty(width);
        self.rows.iter().for_each(|(_, code)| whole.add(*code));
        whole
    }

    /// Its values (rows of `width` codes) by stratum.
    pub fn values(&self, width: usize) -> Vec<(usize, f64)> {
        let mut values: BTreeMap<usize, f64> = BTreeMap::new();
        for (stratum, _) in self.rows.iter().filter(|(_, code)| (*code as usize) < width) {
            *values.entry(usize::from(*stratum)).or_default() += 1.0;
        }
        values.into_iter().collect()
    }

    /// Adds the rows of another block.
    pub fn merge(&mut self, other: &Block) {
        self.rows.extend(&other.rows);
    }
}

/// Distances of the reference's own windows of one length.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SpanVariation {
    /// Blocks of a window.
    pub blocks: u32,
    /// Windows that the mean is of.
    pub windows: u32,
    /// Mean values of a window.
    pub rows: f64,
    /// The mean distance, in the order of [`MEASURES`]; absent where one is undefined.
    pub expected: Vec<Option<f64>>,
}

/// How far windows of a column lie from its reference without a change.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Variation {
    /// By growing length.
    pub spans: Vec<SpanVariation>,
}

/// What a distance is expected to be without a change, and what that rests on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NullExpectation {
    /// The expectation.
    pub value: f64,
    /// Windows of the reference whose mean it is; none where rows are taken as independent.
    pub windows: u32,
    /// Whether those windows are as long as the one that is read; shorter ones vary more.
    pub is_as_long: bool,
}

impl Variation {
    /// Learns from the blocks of a reference and its strata (one, where it has no season).
    ///
    /// # Errors
    /// When the reference has fewer than [`MIN_WINDOWS`] blocks.
    pub fn learn(law: DistributionRef, strata: &[Tally], blocks: &[Block]) -> MetricResult<Self> {
        let blocks = &blocks[blocks.len().saturating_sub(MAX_BLOCKS)..];
        if blocks.len() < MIN_WINDOWS {
            return Err(Unmeasured::too_few("windows of the reference", blocks.len(), MIN_WINDOWS));
        }
        let (mut spans, mut length) = (Vec::new(), 1);
        let mut windows = blocks.to_vec();
        while windows.len() >= MIN_WINDOWS {
            spans.extend(SpanVariation::of(law, strata, &windows, length));
            // The newest pairs; an odd one at the beginning is left out.
            windows = windows[windows.len() % 2..]
                .chunks_exact(2)
                .map(|pair| {
                    let mut whole = pair[0].clone();
                    whole.merge(&pair[1]);
                    whole
                })
                .collect();
            length *= 2;
        }
        if spans.is_empty() {
            return Err(Unmeasured::too_few("windows of the reference with their like in the rest", 0, MIN_WINDOWS));
        }
        Ok(Variation { spans })
    }

    /// What a distance over `blocks` blocks is expected to be without a change. Its own expectation is that of independent
    /// rows: it carries the mean over to windows that have other numbers of rows, and is the least.
    pub fn expected(&self, distance: &Distance, blocks: usize) -> NullExpectation {
        let at = MEASURES.iter().position(|known| *known == distance.measure);
        let mean = |span: &SpanVariation| {
            let learned = at.and_then(|at| *span.expected.get(at)?)?;
            let scale = distance.expected - distance.expected_at(span.rows.round().max(1.0) as u64);
            Some((learned + scale).max(distance.expected))
        };
        let up_to = self.spans.partition_point(|span| span.blocks as usize <= blocks.max(1));
        let lower = self.spans[..up_to].last().or(self.spans.first()).and_then(|span| Some((span, mean(span)?)));
        let upper = self.spans.get(up_to).and_then(|span| Some((span, mean(span)?)));
        let Some((span, value)) = lower else {
            return NullExpectation { value: distance.expected, windows: 0, is_as_long: false };
        };
        let is_as_long = upper.is_some() || span.blocks as usize * 2 > blocks;
        let value = match upper {
            Some((longer, next)) if longer.blocks > span.blocks => {
                let part = (blocks as f64 / f64::from(span.blocks)).ln() / f64::from(longer.blocks / span.blocks).ln();
                value + part.clamp(0.0, 1.0) * (next - value)
            }
            _ => value,
        };
        NullExpectation { value, windows: span.windows, is_as_long }
    }
}

impl SpanVariation {
    fn of(law: DistributionRef, strata: &[Tally], windows: &[Block], length: u32) -> Option<Self> {
        let mut sums = [(0.0, 0u32); MEASURES.len()];
        let (mut rows, mut compared) = (0.0, 0u32);
        for window in windows.iter().step_by(windows.len().div_ceil(MAX_COMPARED)) {
            let rest = |(stratum, tally): (&usize, &Tally)| {
                Some((tally.values() as f64, strata.get(*stratum)?.without(tally)))
            };
            let rest: Vec<(f64, Tally)> = window.strata(law.width()).iter().filter_map(rest).collect();
            let Ok(matched) = StandardisedReference::weighted(law, rest.iter().map(|(values, tally)| (*values, tally)))
            else {
                continue;
            };
            let whole = window.whole(law.width());
            rows += whole.values() as f64;
            compared += 1;
            for (sum, measure) in sums.iter_mut().zip(MEASURES) {
                if let Ok(distance) = matched.tallied(&whole, measure) {
                    *sum = (sum.0 + distance.value, sum.1 + 1);
                }
            }
        }
        if (compared as usize) < MIN_WINDOWS {
            return None;
        }
        let mean = |(sum, count): (f64, u32)| (count > 0).then(|| crate::outcome::rounded(sum / f64::from(count)));
        let rows = crate::outcome::rounded(rows / f64::from(compared));
        Some(SpanVariation { blocks: length, windows: compared, rows, expected: sums.map(mean).to_vec() })
    }
}
