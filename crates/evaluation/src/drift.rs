//! How far a column of a window is from its reference: from the rows of its season, and beyond what windows of the
//! reference itself show.

use std::collections::{BTreeMap, BTreeSet};

use kilter_domain::{table::Column, time::Timestamp};
use kilter_serving::column_stats::TrackedColumn;
use kilter_stats::{
    MetricResult, Unmeasured,
    drift::{Block, Distance, DistributionRef, Measure, Season, StandardisedReference, categorical_tally},
    profile,
    sequential::Basis,
};

use super::{
    column_reference::{ColumnCounts, ColumnReference},
    column_view::ColumnView,
    reference::Reference,
    season::strata_of,
};

/// What weighted reference rows must count as, at least.
const MIN_MATCHED: f64 = 50.0;
/// The share of a window's rows that must have their like in the reference.
const MIN_ALIKE: f64 = 0.8;

/// A distance with what it would be without a change, and what it was compared with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DriftDistance {
    /// The distance, what chance makes of it, and what is left.
    pub distance: Distance,
    /// What rows were compared by; none: with the whole reference.
    pub season: Option<Season>,
    /// What the reference rows of the window's season count as.
    pub reference_rows: u64,
    /// Windows of the reference that say what is expected; none: rows are taken as independent.
    pub windows: u32,
    /// Whether those windows are as long as this one.
    pub is_as_long: bool,
    /// What the spread between windows rests on.
    pub basis: Basis,
}

impl DriftDistance {
    /// What was compared with what, in words.
    pub fn compared(&self) -> String {
        let rows = self.reference_rows;
        let with = match self.season {
            Some(season) => format!("{rows} reference rows of the same {}", season.name()),
            None => format!("{rows} reference rows"),
        };
        let by = match (self.windows, self.is_as_long) {
            (0, _) => "its rows are taken as independent".to_owned(),
            (windows, true) => format!("as {windows} windows of the reference show"),
            (windows, false) => {
                format!("as {windows} shorter windows of the reference show, it has too few as long as this one")
            }
        };
        let few = match self.basis {
            Basis::Learned => "",
            Basis::Assumed => "; how much windows differ by themselves is assumed",
            Basis::TooFew => "; the reference has too few independent windows",
        };
        format!("against {with}, {by}{few}")
    }
}

/// The distance of a column from its reference, without a season.
///
/// # Errors
/// When the column is of another type than the reference, or has too few values.
pub fn pooled(reference: &ColumnReference, column: &Column, measure: Measure) -> MetricResult<Distance> {
    let window = reference.count(column).ok_or_else(|| Unmeasured::bad_input("column", "it changed its type"))?;
    reference.distance(&window, measure)
}

impl Reference {
    /// The distance of a window of a column. `events` are the times of its rows; without them there is no season.
    ///
    /// # Errors
    /// When the column has no reference or is of another type, when the window has too few values, or the reference too
    /// few rows of its season.
    pub fn distance(
        &self,
        name: &str,
        column: &Column,
        events: &[Timestamp],
        measure: Measure,
    ) -> MetricResult<DriftDistance> {
        let unknown = || Unmeasured::bad_input(name, "it has no reference");
        let reference = self.columns.get(name).or_else(|| self.answers.get(name)).ok_or_else(unknown)?;
        let view = self.view(name).ok_or_else(unknown)?;
        let changed = || Unmeasured::bad_input("column", "it changed its type");
        let blocks = view.blocks(&reference.codes(column).ok_or_else(changed)?, events);
        let distance = match view.strata.filter(|_| events.len() == column.len()) {
            Some(_) => matched(&view, reference, column, &blocks, measure)?,
            None => pooled(reference, column, measure)?,
        };
        Ok(expected(&view, distance, blocks.len()))
    }
}

impl Reference {
    /// The distance of what was counted in service, of which the rows of each hour are known and their order is not.
    ///
    /// # Errors
    /// As [`Reference::distance`].
    pub fn counted_distance(
        &self,
        column: &TrackedColumn,
        counts: &profile::ColumnCounts,
        hours: &[(Timestamp, u64)],
        measure: Measure,
    ) -> MetricResult<DriftDistance> {
        let Some(view) = self.view(&column.name).filter(|view| is_of(view, &column.reference)) else {
            return Ok(independent(column.reference.distance(counts, measure)?));
        };
        let events: Vec<Timestamp> = hours.iter().map(|(hour, _)| *hour).collect();
        let blocks: BTreeSet<i64> = match view.block_ms {
            Some(length) => events.iter().map(|event| event.millis().div_euclid(length.max(1))).collect(),
            None => BTreeSet::from([0]),
        };
        let distance = match view.strata {
            Some(strata) => {
                let mut values: BTreeMap<usize, f64> = BTreeMap::new();
                for (stratum, (_, rows)) in strata_of(Some(strata), &events).into_iter().zip(hours) {
                    *values.entry(usize::from(stratum)).or_default() += *rows as f64;
                }
                let like = alike(&view, &values.into_iter().collect::<Vec<_>>())?;
                match counts {
                    profile::ColumnCounts::Numeric(counts) => like.numeric(counts, measure)?,
                    profile::ColumnCounts::Categorical(counts) => like.tallied(&categorical_tally(counts), measure)?,
                }
            }
            None => column.reference.distance(counts, measure)?,
        };
        Ok(expected(&view, distance, blocks.len()))
    }
}

/// Whether a counted column is counted by the reference that it is compared with.
fn is_of(view: &ColumnView, frozen: &profile::ReferenceDistribution) -> bool {
    match (view.law, frozen) {
        (DistributionRef::Numeric(known), profile::ReferenceDistribution::Numeric(frozen)) => {
            known.counts() == frozen.counts()
        }
        (DistributionRef::Categorical(known), profile::ReferenceDistribution::Categorical(frozen)) => {
            known.counts() == frozen.counts()
        }
        _ => false,
    }
}

/// A distance of which nothing but its own rows is known.
fn independent(distance: Distance) -> DriftDistance {
    let (reference_rows, basis) = (distance.reference_rows, Basis::Assumed);
    DriftDistance { distance, season: None, reference_rows, windows: 0, is_as_long: false, basis }
}

/// From the rows of the same season.
fn matched(
    view: &ColumnView,
    reference: &ColumnReference,
    column: &Column,
    blocks: &[Block],
    measure: Measure,
) -> MetricResult<Distance> {
    let mut window = Block::default();
    blocks.iter().for_each(|block| window.merge(block));
    let like = alike(view, &window.values(view.law.width()))?;
    match reference.count(column) {
        Some(ColumnCounts::Numeric(counts)) => like.numeric(&counts, measure),
        _ => like.tallied(&window.whole(view.law.width()), measure),
    }
}

/// The reference weighted to values by stratum.
fn alike<'v>(view: &'v ColumnView, values: &[(usize, f64)]) -> MetricResult<StandardisedReference<'v>> {
    let has_like = |stratum: usize| view.tallies.get(stratum).is_some_and(|tally| tally.values() > 0);
    let all: f64 = values.iter().map(|(_, values)| values).sum();
    let alike: f64 = values.iter().filter(|(stratum, _)| has_like(*stratum)).map(|(_, values)| values).sum();
    if alike < MIN_ALIKE * all {
        return Err(Unmeasured::too_few("rows with their like in the reference", alike as usize, all as usize));
    }
    let matched = StandardisedReference::of(view.law, &view.tallies, values)?;
    if matched.rows() < MIN_MATCHED {
        let have = matched.rows() as usize;
        return Err(Unmeasured::too_few("reference rows of the window's season", have, MIN_MATCHED as usize));
    }
    Ok(matched)
}

/// The distance beside what windows of the reference show.
pub fn expected(view: &ColumnView, distance: Distance, blocks: usize) -> DriftDistance {
    let learned = view.distances.map(|variation| variation.expected(&distance, blocks));
    DriftDistance {
        season: view.strata.and_then(|strata| strata.season()),
        reference_rows: distance.reference_rows,
        windows: learned.map_or(0, |learned| learned.windows),
        is_as_long: learned.is_some_and(|learned| learned.is_as_long),
        basis: view.directions.basis,
        distance: learned.map_or(distance, |learned| distance.expecting(learned.value)),
    }
}

#[cfg(test)]
mod tests {
    use kilter_domain::{
        table::Table,
        time::{DAY_MS, Span},
    };
    use kilter_stats::drift::SeasonalCycle;

    use super::*;
    use crate::{column_view::ReferenceTimes, season::SeasonChoice};

    /// Days from 2001 on, with a temperature that follows the year and a number that does not.
    fn days(from: i64, days: i64, warmer: f64) -> (Table, Vec<Timestamp>) {
        let events: Vec<Timestamp> = (from..from + days).map(|day| Timestamp((11_323 + day) * DAY_MS)).collect();
        let mut state = 5_u64 + from as u64;
        let mut noise = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f64 / (1_u64 << 24) as f64 - 0.5
        };
        let wave = |day: i64| -10.0 * (std::f64::consts::TAU * day as f64 / 365.25).cos();
        let temperature = (from..from + days).map(|day| wave(day) + 4.0 * noise() + warmer).collect();
        let load = (0..days).map(|_| noise()).collect();
        let table =
            Table::new(vec![("temperature".into(), Column::Float(temperature)), ("load".into(), Column::Float(load))]);
        (table.unwrap(), events)
    }

    fn reference(days_of_it: i64) -> Reference {
        let (table, events) = days(0, days_of_it, 0.0);
        let times = ReferenceTimes { events: &events, every: Some(Span::months(1)), ..ReferenceTimes::default() };
        Reference::of(&table, |_| true).with_times(&table, times, &[])
    }

    #[test]
    fn a_summer_is_compared_with_summers_and_a_hot_one_is_still_found() {
        let reference = reference(5 * 365);
        let season = reference.season.as_ref().unwrap();
        let (strata, _) = season.of("temperature").unwrap();
        assert_eq!((strata.cycle(), strata.count(), season.of("load").is_none()), (SeasonalCycle::Year, 12, true));
        let of = |warmer: f64| {
            let (july, events) = days(5 * 365 + 181, 31, warmer);
            let column = july.column("temperature").unwrap();
            let whole = pooled(&reference.columns["temperature"], column, Measure::Psi).unwrap();
            (whole, reference.distance("temperature", column, &events, Measure::Psi).unwrap())
        };
        let (whole, seasonal) = of(0.0);
        assert_eq!(seasonal.season, Some(Season::MonthOfYear));
        assert!((150..170).contains(&seasonal.reference_rows), "five summers: {seasonal:?}");
        assert!(whole.value > 1.0 && seasonal.distance.value < 0.8 && seasonal.distance.effect < 0.3, "{seasonal:?}");
        assert!(seasonal.windows >= 4 && seasonal.compared().contains("same month of the year"), "{seasonal:?}");
        assert!(of(4.0).1.distance.effect > 1.0, "{:?}", of(4.0).1);
    }

    /// Every measure, number and category alike.
    #[test]
    fn over_a_whole_period_a_seasonal_distance_is_the_pooled_one() {
        let reference = reference(6 * 365);
        let (year, events) = days(6 * 365, 365, 0.0);
        let column = year.column("temperature").unwrap();
        for measure in [Measure::Psi, Measure::Js, Measure::Ks, Measure::W1OverSd, Measure::Tvd] {
            let seasonal = reference.distance("temperature", column, &events, measure).unwrap();
            let whole = pooled(&reference.columns["temperature"], column, measure).unwrap();
            assert!((seasonal.distance.value - whole.value).abs() < 0.02, "{measure:?} {seasonal:?} {whole:?}");
            assert!(seasonal.distance.effect < 0.02, "{seasonal:?}");
        }
    }

    #[test]
    fn a_season_that_came_once_is_in_the_variation_and_not_in_strata() {
        let reference = reference(243);
        assert!(reference.season.is_none(), "eight months hold no month twice");
        let (autumn, events) = days(304, 30, 0.0);
        let column = autumn.column("temperature").unwrap();
        let found = reference.distance("temperature", column, &events, Measure::Psi).unwrap();
        // Months of the reference are as far from the rest of it as this one is.
        assert!(found.distance.value > 0.8 && found.distance.effect < 0.6 * found.distance.value, "{found:?}");
        assert_eq!(reference.months.first_seen(&events).as_deref(), Some("November"));
    }

    #[test]
    fn a_window_of_a_season_that_the_reference_hardly_knows_is_undecided() {
        // Two years of which February to November are known: there is no like of a January.
        let (table, events) = days(0, 2 * 365, 0.0);
        let kept: Vec<usize> = (0..730).filter(|day| (40..330).contains(&(day % 365))).collect();
        let (table, events) = (table.take(&kept), kept.iter().map(|day| events[*day]).collect::<Vec<_>>());
        let times = ReferenceTimes {
            events: &events,
            every: Some(Span::months(1)),
            season: SeasonChoice::Given(Season::MonthOfYear),
        };
        let reference = Reference::of(&table, |_| true).with_times(&table, times, &[]);
        let (january, events) = days(2 * 365 + 2, 25, 0.0);
        let column = january.column("temperature").unwrap();
        let found = reference.distance("temperature", column, &events, Measure::Psi);
        assert!(matches!(found, Err(Unmeasured::TooFew { .. })), "{found:?}");
    }
}
