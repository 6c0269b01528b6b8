//! Seasons: whether hours of the day, days of the week or months of the year matter, and which of them may share a
//! reference.
//!
//! Strata are on when the effect explains more than 5 % of the variance and the reference spans two weeks or half a year;
//! neighbouring buckets merge until each has 50 rows (weeks) or 20 (years, of which there are few). Months that the
//! reference does not hold are compared with the whole.

use std::collections::BTreeMap;

use crate::outcome::{Outcome, Unmeasured, same_length};
use serde::{Deserialize, Serialize};

/// Hours of a week.
pub const HOURS: usize = 168;
/// Months of a year.
pub const MONTHS: usize = 12;
/// Share of the variance from which a season counts.
const EXPLAINED: f64 = 0.05;
/// Reference rows of a stratum of a week, and of a year.
const ROWS: u64 = 50;
const YEAR_ROWS: u64 = 20;
/// Years that the reference of a season by month spans, at least.
const LEAST_YEARS: f64 = 0.5;
/// Share of the rows from which a category may speak for a season.
const LEAST_SHARE: f64 = 0.01;

/// What comes again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Cycle {
    /// In slots of an hour, from Monday 00:00 on.
    #[default]
    Week,
    /// In slots of a month, from January on.
    Year,
}

impl Cycle {
    /// How many slots it has.
    pub const fn slots(self) -> usize {
        match self {
            Self::Week => HOURS,
            Self::Year => MONTHS,
        }
    }
}

/// Which stratum each slot of a cycle (hour of the week, month of the year) belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Stored")]
pub struct Strata {
    cycle: Cycle,
    of_hour: Vec<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unseen: Option<u16>,
}

/// Strata as they are stored, before they are believed.
#[derive(Deserialize)]
struct Stored {
    #[serde(default)]
    cycle: Cycle,
    of_hour: Vec<u16>,
    #[serde(default)]
    unseen: Option<u16>,
}

impl TryFrom<Stored> for Strata {
    type Error = Unmeasured;

    fn try_from(stored: Stored) -> Outcome<Self> {
        let slots = stored.cycle.slots();
        let is_slot = |stratum: &u16| usize::from(*stratum) < slots;
        let is_whole = stored.of_hour.len() == slots && stored.of_hour.iter().chain(&stored.unseen).all(is_slot);
        match is_whole {
            true => Ok(Strata { cycle: stored.cycle, of_hour: stored.of_hour, unseen: stored.unseen }),
            false => {
                Err(Unmeasured::bad_input("stored strata", "they do not name a stratum for each slot of the cycle"))
            }
        }
    }
}

/// What decided about strata.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SeasonEffect {
    /// Share of the variance that the hour of the day explains, corrected for chance (omega squared).
    pub by_hour: f64,
    /// Share that the day of the week explains.
    pub by_day: f64,
    /// Whole weeks between the first and the last row.
    pub weeks: f64,
}

impl SeasonEffect {
    /// Measures the effect on `value` (a score, say) at `hour`: hours since some Monday 00:00, fractions dropped.
    pub fn of(hour: &[i64], value: &[f64]) -> Outcome<Self> {
        same_length("rows", &[hour.len(), value.len()])?;
        let pairs: Vec<(i64, f64)> =
            hour.iter().zip(value).filter(|(_, value)| value.is_finite()).map(|(h, v)| (*h, *v)).collect();
        if pairs.len() < 2 * HOURS {
            return Err(Unmeasured::too_few("rows for a season", pairs.len(), 2 * HOURS));
        }
        let (first, last) = pairs.iter().fold((i64::MAX, i64::MIN), |(a, b), (hour, _)| (a.min(*hour), b.max(*hour)));
        Ok(SeasonEffect {
            by_hour: omega_squared(&pairs, 24, |hour| hour.rem_euclid(24) as usize),
            by_day: omega_squared(&pairs, 7, |hour| (hour.rem_euclid(168) / 24) as usize),
            weeks: last.abs_diff(first) as f64 / HOURS as f64,
        })
    }

    /// The strata that the effect asks for; `None` where a pooled reference will do.
    pub fn strata(&self, hour: &[i64]) -> Option<Strata> {
        let days = self.by_day > EXPLAINED && self.weeks >= 2.0;
        let hours = self.by_hour > EXPLAINED && self.weeks >= 2.0 / 7.0;
        let bucket = |hour: usize| match (days, hours) {
            (true, true) => hour,
            (true, false) => hour / 24,
            (false, true) => hour % 24,
            (false, false) => 0,
        };
        if !days && !hours {
            return None;
        }
        let mut counts = vec![0u64; HOURS];
        hour.iter().for_each(|hour| counts[bucket(hour.rem_euclid(168) as usize)] += 1);
        let buckets = (0..HOURS).map(bucket).max().unwrap_or(0) + 1;
        let merged = merged(&counts[..buckets], ROWS);
        let of_hour = (0..HOURS).map(|hour| merged[bucket(hour)]).collect();
        Some(Strata { cycle: Cycle::Week, of_hour, unseen: None })
    }
}

/// What decided about strata by month of the year.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct YearEffect {
    /// Share of the variance that the month of the year explains, corrected for chance (omega squared); of categories,
    /// that of the category which follows the year most.
    pub by_month: f64,
    /// Years between the first and the last row.
    pub years: f64,
}

impl YearEffect {
    /// Measures the effect on `value` in `month`: months since some January.
    pub fn of(month: &[i64], value: &[f64]) -> Outcome<Self> {
        same_length("rows", &[month.len(), value.len()])?;
        let pairs: Vec<(i64, f64)> =
            month.iter().zip(value).filter(|(_, value)| value.is_finite()).map(|(m, v)| (*m, *v)).collect();
        let years = years_of(pairs.iter().map(|(month, _)| *month))?;
        Ok(YearEffect { by_month: omega_squared(&pairs, MONTHS, |month| month.rem_euclid(12) as usize), years })
    }

    /// Measures the effect on a category in `month`: that on "is it this one?", of the category for which it is largest.
    /// Categories of less than 1 % of the rows are not asked.
    pub fn of_categories<'v>(month: &[i64], value: impl ExactSizeIterator<Item = Option<&'v str>>) -> Outcome<Self> {
        same_length("rows", &[month.len(), value.len()])?;
        let mut counts: BTreeMap<&str, [u64; MONTHS]> = BTreeMap::new();
        let mut rows = [0u64; MONTHS];
        let mut known = Vec::new();
        for (month, value) in month.iter().zip(value).filter_map(|(month, value)| Some((*month, value?))) {
            let at = month.rem_euclid(12) as usize;
            counts.entry(value).or_default()[at] += 1;
            rows[at] += 1;
            known.push(month);
        }
        let years = years_of(known.iter().copied())?;
        let is_asked = |hits: &&[u64; MONTHS]| hits.iter().sum::<u64>() as f64 >= LEAST_SHARE * known.len() as f64;
        let by_month = counts.values().filter(is_asked).map(|hits| omega_squared_of(hits, &rows)).fold(0.0, f64::max);
        Ok(YearEffect { by_month, years })
    }

    /// Whether the season counts. One year holds no season twice; that the months of half a year differ is still a better
    /// guess about the same months of the next year than that they do not.
    pub fn matters(&self) -> bool {
        self.by_month > EXPLAINED && self.years >= LEAST_YEARS
    }
}

/// Years between the first and the last of `month`, both included.
fn years_of(month: impl ExactSizeIterator<Item = i64>) -> Outcome<f64> {
    let rows = month.len();
    if rows < 2 * MONTHS {
        return Err(Unmeasured::too_few("rows for a season", rows, 2 * MONTHS));
    }
    let (first, last) = month.fold((i64::MAX, i64::MIN), |(a, b), month| (a.min(month), b.max(month)));
    Ok((last.abs_diff(first) + 1) as f64 / MONTHS as f64)
}

impl Strata {
    /// Strata by month of the year for rows in `month`: months since some January. Months without enough rows join their
    /// neighbours; months of which there is no row (or too few, with no neighbour) are one stratum of their own,
    /// [`Strata::unseen`].
    pub fn of_year(month: &[i64]) -> Self {
        let mut counts = [0u64; MONTHS];
        month.iter().for_each(|month| counts[month.rem_euclid(12) as usize] += 1);
        let (mut of_month, mut next) = (vec![None; MONTHS], 0);
        for run in counts.iter().enumerate().collect::<Vec<_>>().chunk_by(|a, b| (*a.1 > 0) == (*b.1 > 0)) {
            let rows: Vec<u64> = run.iter().map(|(_, rows)| **rows).collect();
            if rows.iter().sum::<u64>() < YEAR_ROWS {
                continue;
            }
            let groups = merged(&rows, YEAR_ROWS);
            run.iter().zip(&groups).for_each(|((month, _), group)| of_month[*month] = Some(next + group));
            next += groups.last().map_or(0, |last| last + 1);
        }
        let unseen = of_month.contains(&None).then_some(next);
        let of_hour = of_month.into_iter().map(|stratum| stratum.unwrap_or(next)).collect();
        Strata { cycle: Cycle::Year, of_hour, unseen }
    }

    /// The stratum of slots of which nothing is known: to be compared with the whole.
    pub fn unseen(&self) -> Option<usize> {
        self.unseen.map(usize::from)
    }

    /// What comes again.
    pub const fn cycle(&self) -> Cycle {
        self.cycle
    }
}

impl Strata {
    /// The stratum of a slot: an hour since some Monday 00:00, or a month since some January.
    pub fn of(&self, slot: i64) -> usize {
        usize::from(self.of_hour[slot.rem_euclid(self.of_hour.len() as i64) as usize])
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.of_hour.iter().max().map_or(0, |last| usize::from(*last) + 1)
    }
}

/// Neighbours join until each group has enough rows; what is left at the end joins the last group.
fn merged(counts: &[u64], least: u64) -> Vec<u16> {
    let mut group = 0u16;
    let mut rows = 0;
    let mut of = Vec::with_capacity(counts.len());
    for count in counts {
        if rows >= least {
            group += 1;
            rows = 0;
        }
        of.push(group);
        rows += count;
    }
    if rows < least && group > 0 {
        of.iter_mut().filter(|of| **of == group).for_each(|of| *of -= 1);
    }
    of
}

fn omega_squared(pairs: &[(i64, f64)], groups: usize, group: impl Fn(i64) -> usize) -> f64 {
    let n = pairs.len() as f64;
    let mean = pairs.iter().map(|pair| pair.1).sum::<f64>() / n;
    let mut sums = vec![(0.0, 0.0); groups];
    let mut total = 0.0;
    for (hour, value) in pairs {
        let sum = &mut sums[group(*hour)];
        *sum = (sum.0 + value - mean, sum.1 + 1.0);
        total += (value - mean).powi(2);
    }
    let used = sums.iter().filter(|sum| sum.1 > 0.0).count() as f64;
    let between: f64 = sums.iter().filter(|sum| sum.1 > 0.0).map(|(sum, n)| sum * sum / n).sum();
    corrected(between, total, (n, used))
}

/// The share of `total` that lies between groups, less what chance puts there: omega squared.
fn corrected(between: f64, total: f64, (rows, groups): (f64, f64)) -> f64 {
    if total <= 0.0 || rows <= groups {
        return 0.0;
    }
    let noise = (total - between) / (rows - groups);
    ((between - (groups - 1.0) * noise) / (total + noise)).max(0.0)
}

/// The same of a variable that is 1 in `hits` of the `rows` of each group, else 0.
fn omega_squared_of(hits: &[u64], rows: &[u64]) -> f64 {
    let n = rows.iter().sum::<u64>() as f64;
    let share = hits.iter().sum::<u64>() as f64 / n;
    let (used, total) = (rows.iter().filter(|rows| **rows > 0).count() as f64, n * share * (1.0 - share));
    let of_group = |(hits, rows): (&u64, &u64)| match *rows {
        0 => 0.0,
        rows => rows as f64 * (*hits as f64 / rows as f64 - share).powi(2),
    };
    corrected(hits.iter().zip(rows).map(of_group).sum(), total, (n, used))
}
