//! Seasons: which hours of the day, days of the week or months of the year are alike, learned from the reference.
//!
//! A column has a season when the slot explains more than 5 % of its variance (omega squared), when the reference spans
//! at least two periods of it, and when the slots differ by more than the same slot does from one period to the next:
//! an F test over the means of (period, slot), each of which is one observation. Rows that depend on each other within a
//! day or a month therefore do not pass for a season. A slot needs 20 rows and two periods; a season with fewer gives
//! way to a coarser one, and to none at last.

use std::collections::BTreeMap;

use crate::distributions::beta_share;
use crate::outcome::{MetricResult, Unmeasured, same_length};
use serde::{Deserialize, Serialize};

/// Hours of a week.
pub const HOURS: usize = 168;
/// Months of a year.
pub const MONTHS: usize = 12;
/// Share of the variance from which a season counts.
const MIN_EXPLAINED: f64 = 0.05;
/// The level of the test that slots differ more than periods do.
const SIGNIFICANCE: f64 = 0.01;
/// Reference rows of a stratum, and periods that it occurs in.
const MIN_ROWS: u64 = 20;
const MIN_PERIODS: usize = 2;

/// What comes again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SeasonalCycle {
    /// In slots of an hour, from Monday 00:00 on.
    #[default]
    Week,
    /// In slots of a month, from January on.
    Year,
}

impl SeasonalCycle {
    /// How many slots it has.
    pub const fn slots(self) -> usize {
        match self {
            Self::Week => HOURS,
            Self::Year => MONTHS,
        }
    }
}

/// What rows of one season share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Season {
    /// The hour of the day.
    HourOfDay,
    /// The day of the week.
    DayOfWeek,
    /// The hour of the week.
    HourOfWeek,
    /// The month of the year.
    MonthOfYear,
}

impl Season {
    /// Every season.
    pub const ALL: [Season; 4] = [Self::HourOfDay, Self::DayOfWeek, Self::HourOfWeek, Self::MonthOfYear];

    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::HourOfDay => "hour of the day",
            Self::DayOfWeek => "day of the week",
            Self::HourOfWeek => "hour of the week",
            Self::MonthOfYear => "month of the year",
        }
    }

    const fn cycle(self) -> SeasonalCycle {
        match self {
            Self::MonthOfYear => SeasonalCycle::Year,
            _ => SeasonalCycle::Week,
        }
    }

    /// The slot of an hour of the week, or of a month of the year.
    fn slot(self, at: i64) -> usize {
        match self {
            Self::HourOfDay => at.rem_euclid(24) as usize,
            Self::DayOfWeek => (at.rem_euclid(HOURS as i64) / 24) as usize,
            Self::HourOfWeek => at.rem_euclid(HOURS as i64) as usize,
            Self::MonthOfYear => at.rem_euclid(MONTHS as i64) as usize,
        }
    }

    /// How many hours, or months, until it comes again.
    const fn period(self) -> i64 {
        match self {
            Self::HourOfDay => 24,
            Self::DayOfWeek | Self::HourOfWeek => HOURS as i64,
            Self::MonthOfYear => MONTHS as i64,
        }
    }
}

/// When rows happened.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RowTimes {
    /// Hours since some Monday 00:00, fractions dropped.
    pub hours: Vec<i64>,
    /// Months since some January.
    pub months: Vec<i64>,
}

impl RowTimes {
    fn of(&self, season: Season) -> &[i64] {
        match season.cycle() {
            SeasonalCycle::Week => &self.hours,
            SeasonalCycle::Year => &self.months,
        }
    }
}

/// How much a season explains.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SeasonEffect {
    /// Share of the variance that the slot explains, corrected for chance (omega squared).
    pub explained: f64,
    /// P(slots differ so much from each other) when only periods differ.
    pub p: f64,
    /// Periods between the first and the last row.
    pub periods: f64,
}

impl SeasonEffect {
    /// Measures the effect of a season on a value.
    ///
    /// # Errors
    /// With fewer than two rows a slot.
    pub fn of(season: Season, clock: &RowTimes, value: &[f64]) -> MetricResult<Self> {
        let at = clock.of(season);
        same_length("rows", &[at.len(), value.len()])?;
        let slots = season.cycle().slots().min(season.period() as usize);
        let pairs: Vec<(i64, f64)> =
            at.iter().zip(value).filter(|(_, v)| v.is_finite()).map(|(t, v)| (*t, *v)).collect();
        if pairs.len() < 2 * slots {
            return Err(Unmeasured::too_few("rows for a season", pairs.len(), 2 * slots));
        }
        let (first, last) = pairs.iter().fold((i64::MAX, i64::MIN), |(a, b), (at, _)| (a.min(*at), b.max(*at)));
        let mut cells: BTreeMap<(i64, usize), (f64, f64)> = BTreeMap::new();
        let mut groups: BTreeMap<usize, (f64, f64)> = BTreeMap::new();
        let (mut total, mean) = (0.0, pairs.iter().map(|pair| pair.1).sum::<f64>() / pairs.len() as f64);
        for (at, value) in &pairs {
            let (slot, away) = (season.slot(*at), value - mean);
            let cell = cells.entry((at.div_euclid(season.period()), slot)).or_default();
            *cell = (cell.0 + away, cell.1 + 1.0);
            let group = groups.entry(slot).or_default();
            *group = (group.0 + away, group.1 + 1.0);
            total += away * away;
        }
        let between = groups.values().map(|(sum, n)| sum * sum / n).sum::<f64>();
        let explained = omega_squared(between, total, (pairs.len() as f64, groups.len() as f64));
        let periods = (last.abs_diff(first) + 1) as f64 / season.period() as f64;
        Ok(SeasonEffect { explained, p: slot_p_value(&cells), periods })
    }

    /// Whether the season counts.
    pub fn is_significant(&self) -> bool {
        self.explained > MIN_EXPLAINED && self.periods >= MIN_PERIODS as f64 && self.p < SIGNIFICANCE
    }
}

/// P of the F test over cells, each of which is one observation: slots against periods.
fn slot_p_value(cells: &BTreeMap<(i64, usize), (f64, f64)>) -> f64 {
    let mut slots: BTreeMap<usize, Vec<f64>> = BTreeMap::new();
    cells.iter().for_each(|((_, slot), (sum, n))| slots.entry(*slot).or_default().push(sum / n));
    let all: usize = slots.values().map(Vec::len).sum();
    let mean = slots.values().flatten().sum::<f64>() / all.max(1) as f64;
    let (mut between, mut within) = (0.0, 0.0);
    for means in slots.values() {
        let of_slot = means.iter().sum::<f64>() / means.len() as f64;
        between += means.len() as f64 * (of_slot - mean).powi(2);
        within += means.iter().map(|value| (value - of_slot).powi(2)).sum::<f64>();
    }
    let (d1, d2) = (slots.len() as f64 - 1.0, all as f64 - slots.len() as f64);
    if d1 <= 0.0 || d2 <= 0.0 || between <= 0.0 {
        return 1.0;
    }
    beta_share(0.5 * d2, 0.5 * d1, within / (within + between))
}

/// The season that a column follows, if any: by the month of the year first, which windows of a month or a year ask
/// for, else by hour and day. `values` are the column in whatever forms may speak for it.
pub fn find_season(clock: &RowTimes, values: &[Vec<f64>]) -> Option<Season> {
    let matters = |season: Season| {
        values.iter().any(|value| SeasonEffect::of(season, clock, value).is_ok_and(|effect| effect.is_significant()))
    };
    let holds = |season: &Season| SeasonalStrata::of_season(*season, clock).is_some();
    if matters(Season::MonthOfYear) && holds(&Season::MonthOfYear) {
        return Some(Season::MonthOfYear);
    }
    let finest: &[Season] = match (matters(Season::DayOfWeek), matters(Season::HourOfDay)) {
        (true, true) => &[Season::HourOfWeek, Season::HourOfDay, Season::DayOfWeek],
        (true, false) => &[Season::DayOfWeek],
        (false, true) => &[Season::HourOfDay],
        (false, false) => &[],
    };
    finest.iter().copied().find(holds)
}

/// Which stratum each slot of a cycle (hour of the week, month of the year) belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Stored")]
pub struct SeasonalStrata {
    cycle: SeasonalCycle,
    of_hour: Vec<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unseen: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    season: Option<Season>,
}

/// Strata as they are stored, before they are believed.
#[derive(Deserialize)]
struct Stored {
    #[serde(default)]
    cycle: SeasonalCycle,
    of_hour: Vec<u16>,
    #[serde(default)]
    unseen: Option<u16>,
    #[serde(default)]
    season: Option<Season>,
}

impl TryFrom<Stored> for SeasonalStrata {
    type Error = Unmeasured;

    fn try_from(stored: Stored) -> MetricResult<Self> {
        let slots = stored.cycle.slots();
        let is_slot = |stratum: &u16| usize::from(*stratum) <= slots;
        let is_whole = stored.of_hour.len() == slots && stored.of_hour.iter().chain(&stored.unseen).all(is_slot);
        if is_whole && stored.season.is_none_or(|season| season.cycle() == stored.cycle) {
            let Stored { cycle, of_hour, unseen, season } = stored;
            Ok(SeasonalStrata { cycle, of_hour, unseen, season })
        } else {
            Err(Unmeasured::bad_input("stored strata", "they do not name a stratum for each slot of the cycle"))
        }
    }
}

impl SeasonalStrata {
    /// The strata of a season. Slots with too few rows are [`SeasonalStrata::unseen`]; `None` where that is more than half of
    /// the rows, or of the slots that have rows.
    pub fn of_season(season: Season, clock: &RowTimes) -> Option<Self> {
        let mut rows: BTreeMap<usize, (u64, BTreeMap<i64, ()>)> = BTreeMap::new();
        for at in clock.of(season) {
            let slot = rows.entry(season.slot(*at)).or_default();
            slot.0 += 1;
            slot.1.insert(at.div_euclid(season.period()), ());
        }
        let is_enough = |slot: &(u64, BTreeMap<i64, ()>)| slot.0 >= MIN_ROWS && slot.1.len() >= MIN_PERIODS;
        let strata: Vec<usize> = rows.iter().filter(|(_, slot)| is_enough(slot)).map(|(slot, _)| *slot).collect();
        let held: u64 = strata.iter().map(|slot| rows[slot].0).sum();
        if strata.len() < 2 || 2 * strata.len() < rows.len() || 2 * held < clock.of(season).len() as u64 {
            return None;
        }
        let unseen = strata.len() as u16;
        let of_slot = |slot: i64| strata.binary_search(&season.slot(slot)).map_or(unseen, |at| at as u16);
        let of_hour: Vec<u16> = (0..season.cycle().slots() as i64).map(of_slot).collect();
        let unseen = of_hour.contains(&unseen).then_some(unseen);
        Some(SeasonalStrata { cycle: season.cycle(), of_hour, unseen, season: Some(season) })
    }

    /// What rows of one stratum share; none for strata that an earlier version stored.
    pub const fn season(&self) -> Option<Season> {
        self.season
    }

    /// The stratum of slots of which the reference has too few rows.
    pub fn unseen(&self) -> Option<usize> {
        self.unseen.map(usize::from)
    }

    /// What comes again.
    pub const fn cycle(&self) -> SeasonalCycle {
        self.cycle
    }

    /// The stratum of a slot: an hour since some Monday 00:00, or a month since some January.
    pub fn of(&self, slot: i64) -> usize {
        usize::from(self.of_hour[slot.rem_euclid(self.of_hour.len() as i64) as usize])
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.of_hour.iter().max().map_or(0, |last| usize::from(*last) + 1)
    }
}

/// The share of `total` that lies between groups, less what chance puts there: omega squared.
fn omega_squared(between: f64, total: f64, (rows, groups): (f64, f64)) -> f64 {
    if total <= 0.0 || rows <= groups {
        return 0.0;
    }
    let noise = (total - between) / (rows - groups);
    ((between - (groups - 1.0) * noise) / (total + noise)).max(0.0)
}
