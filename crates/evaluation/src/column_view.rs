//! The columns of a reference as monitors see them: by season, with the distances of its own windows.
//!
//! Invariant: seasons and variation are learned once, when the reference is made.

use std::borrow::Cow;

use kilter_domain::{
    table::{Column, Table},
    time::{Span, Timestamp},
};
use kilter_stats::{
    drift::{Block, DistributionRef, SeasonalStrata, Tally, Variation},
    sequential::Directions,
};

use crate::{
    event_time::Months,
    reference::{Reference, SCORE},
    season::{SeasonChoice, SeasonalColumns, TimedColumn, strata_of},
    variation::{ReferenceVariation, block_length, column_variation},
};

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

/// A column of a reference as its monitors see it: strata (one, where it has no season) and their variation.
pub struct ColumnView<'a> {
    /// The ranges or categories that codes stand for.
    pub law: DistributionRef<'a>,
    /// The seasons that rows are compared by; `None`: all rows are compared as one.
    pub strata: Option<&'a SeasonalStrata>,
    /// The counts of the reference, one for each stratum.
    pub tallies: Cow<'a, [Tally]>,
    /// How far windows of the reference lie from it by themselves; `None` if it has too few windows.
    pub distances: Option<&'a Variation>,
    /// How the counts of the reference vary together from window to window.
    pub directions: Cow<'a, Directions>,
    /// The length of a window of the reference, in milliseconds; `None` if its rows have no time.
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
            variation.columns.insert(name.clone(), column_variation(reference, season.of(name), &timed, block_ms));
        }
        self.months = Months::of(times.events);
        self.season = Some(season).filter(|season| !season.columns.is_empty());
        self.variation = Some(variation);
        self
    }

    /// A column, or an answer, as it is compared.
    pub fn view(&self, name: &str) -> Option<ColumnView<'_>> {
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
