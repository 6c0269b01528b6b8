//! How far windows of a reference lie from the whole of it, kept with the version for its monitors.
//!
//! Invariants: learned from the rows of the reference and their times alone; needs no raw row afterwards; a reference
//! without a clock learns nothing, and says that its variation is assumed.

use std::collections::{BTreeMap, BTreeSet};

use kilter_domain::{
    table::{Column, Table},
    time::{DAY_MS, HOUR_MS, Span, Timestamp},
};
use kilter_stats::{
    drift::{Block, DistributionRef, MAX_BLOCKS, Season, SeasonalStrata, Tally, Variation},
    sequential::Directions,
};
use serde::{Deserialize, Serialize};

use super::{
    reference::{ColumnReference, Months, Reference, SCORE},
    season::{SeasonalColumns, TimedColumn, strata_of},
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
    pub columns: BTreeMap<String, ColumnVariation>,
}

/// The same of one column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ColumnVariation {
    /// Mean distances; none where the reference has too few windows.
    pub distances: Option<Variation>,
    pub directions: Directions,
}

/// The times of a reference's rows, and what is asked of them.
#[derive(Clone, Copy, Debug, Default)]
pub struct ReferenceTimes<'a> {
    /// Of the rows of the table.
    pub events: &'a [Timestamp],
    /// The length of the windows that will be read: blocks are not longer.
    pub every: Option<Span>,
    /// What the columns are compared by.
    pub season: SeasonChoice,
}

/// What the columns of a reference are compared by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SeasonChoice {
    /// Each by the season that it follows.
    #[default]
    Found,
    /// All by this one.
    Given(Season),
    /// None.
    Whole,
}

/// A column of a reference as its monitors see it: strata (one, where it has no season) and their variation.
pub struct ColumnView<'a> {
    pub law: DistributionRef<'a>,
    pub strata: Option<&'a SeasonalStrata>,
    pub tallies: std::borrow::Cow<'a, [Tally]>,
    pub distances: Option<&'a Variation>,
    pub directions: std::borrow::Cow<'a, Directions>,
    pub block_ms: Option<i64>,
}

impl Reference {
    /// Adds the seasons of the columns and how much windows differ by themselves. `answers` are the columns of held-out
    /// rows with their times: the score, and what else was answered.
    pub fn with_times(
        mut self,
        table: &Table,
        times: ReferenceTimes,
        answers: &[(&str, Column, Vec<Timestamp>)],
    ) -> Self {
        let mut season = SeasonalColumns::default();
        let block_ms = block_length(times.events, times.every);
        let mut variation = ReferenceVariation { block_ms, ..ReferenceVariation::default() };
        for (name, reference) in self.columns.iter().chain(&self.answers) {
            let answered = answers.iter().find(|(known, ..)| known == name);
            let answered = answered.map(|(_, column, events)| (column, events.as_slice()));
            let of_table = || (name != SCORE).then(|| table.get(name)).flatten().map(|column| (column, times.events));
            let Some((column, events)) = answered.or_else(of_table) else { continue };
            let Some(codes) = reference.codes(column).filter(|codes| codes.len() == events.len()) else { continue };
            let timed = TimedColumn { codes, events };
            season.add(name, reference, &timed, times.season);
            variation.columns.insert(name.clone(), learned(reference, season.of(name), &timed, block_ms));
        }
        self.months = Months::of(times.events);
        self.season = Some(season).filter(|season| !season.columns.is_empty());
        self.variation = Some(variation);
        self
    }

    /// A column, or an answer, as it is compared.
    pub fn view(&self, name: &str) -> Option<ColumnView<'_>> {
        use std::borrow::Cow;
        let law = self.columns.get(name).or_else(|| self.answers.get(name))?.law();
        let (strata, tallies) = match self.season.as_ref().and_then(|season| season.of(name)) {
            Some((strata, tallies)) => (Some(strata), Cow::Borrowed(tallies)),
            None => (None, Cow::Owned(vec![law.tally()])),
        };
        let known = self.variation.as_ref().and_then(|variation| variation.columns.get(name));
        let directions = match known {
            Some(known) => Cow::Borrowed(&known.directions),
            None => Cow::Owned(Directions::learn(law, &tallies, &[])),
        };
        let distances = known.and_then(|known| known.distances.as_ref());
        let block_ms = known.and(self.variation.as_ref()).map(|variation| variation.block_ms);
        Some(ColumnView { law, strata, tallies, distances, directions, block_ms })
    }
}

impl ColumnView<'_> {
    /// Cuts rows into blocks; one block where the reference has no clock.
    pub fn blocks(&self, codes: &[u32], events: &[Timestamp]) -> Vec<Block> {
        let is_timed = events.len() == codes.len();
        let block: Vec<i64> = match self.block_ms.filter(|_| is_timed) {
            Some(length) => events.iter().map(|event| event.millis().div_euclid(length.max(1))).collect(),
            None => vec![0; codes.len()],
        };
        let strata = if is_timed { strata_of(self.strata, events) } else { vec![0; codes.len()] };
        Block::cut(codes, &block, &strata).unwrap_or_default()
    }
}

fn learned(
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
fn block_length(events: &[Timestamp], every: Option<Span>) -> i64 {
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
