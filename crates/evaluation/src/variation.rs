//! How far windows of a reference lie from the whole of it, kept with the version for its monitors.
//!
//! Invariants: learned from the rows of the reference and their times alone; needs no raw row afterwards; a reference
//! without a clock learns nothing, and says that its variation is assumed.

use std::collections::{BTreeMap, BTreeSet};

use kilter_domain::time::{DAY_MS, HOUR_MS, Span, Timestamp};
use kilter_stats::{
    drift::{Block, MAX_BLOCKS, SeasonalStrata, Tally, Variation},
    sequential::Directions,
};
use serde::{Deserialize, Serialize};

use crate::{
    column_reference::ColumnReference,
    season::{TimedColumn, strata_of},
};

/// Lengths of blocks, in milliseconds.
const LENGTHS: [i64; 5] = [HOUR_MS, 6 * HOUR_MS, DAY_MS, 7 * DAY_MS, 30 * DAY_MS];
/// Blocks from which a longer length is enough.
const ENOUGH_BLOCKS: usize = 200;

/// What the reference says about its own windows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ReferenceVariation {
    /// The length of a block.
    pub block_ms: i64,
    /// How far the windows differ, by column.
    pub columns: BTreeMap<String, ColumnVariation>,
}

/// The same of one column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ColumnVariation {
    /// Mean distances; none where the reference has too few windows.
    pub distances: Option<Variation>,
    /// How the counts vary together from window to window.
    pub directions: Directions,
}

/// What a column of the reference says about its own windows.
pub(crate) fn column_variation(
    reference: &ColumnReference,
    season: Option<(&SeasonalStrata, &[Tally])>,
    column: &TimedColumn,
    block_ms: i64,
) -> ColumnVariation {
    let law = reference.law();
    let whole = [law.tally()];
    let (strata, tallies) = season.map_or((None, &whole[..]), |(strata, tallies)| (Some(strata), tallies));
    let block: Vec<i64> = column.events.iter().map(|event| event.millis().div_euclid(block_ms)).collect();
    let blocks = Block::cut(&column.codes, &block, &strata_of(strata, column.events)).unwrap_or_default();
    let newest = &blocks[blocks.len().saturating_sub(MAX_BLOCKS)..];
    ColumnVariation {
        distances: Variation::learn(law, tallies, newest).ok(),
        directions: Directions::learn(law, tallies, newest),
    }
}

/// The length of blocks: the longest that is no longer than a window and of which the reference has enough; where none
/// is, the one of which it has most.
pub(crate) fn block_length(events: &[Timestamp], every: Option<Span>) -> i64 {
    let most = every.map_or(i64::MAX, Span::millis).max(1);
    let mut lengths: Vec<i64> = LENGTHS.into_iter().filter(|length| *length <= most).collect();
    if lengths.is_empty() {
        lengths.push(most);
    }
    let blocks =
        |length: i64| events.iter().map(|event| event.millis().div_euclid(length)).collect::<BTreeSet<i64>>().len();
    let counted: Vec<(i64, usize)> = lengths.iter().map(|length| (*length, blocks(*length))).collect();
    let enough = counted.iter().rev().find(|(_, count)| *count >= ENOUGH_BLOCKS);
    let most = counted.iter().max_by_key(|(length, count)| (*count, *length));
    enough.or(most).map_or(lengths[0], |(length, _)| *length)
}
