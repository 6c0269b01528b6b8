//! Seasons: whether hours of the day, days of the week or months of the year matter, and which of them may share a
//! reference.
//!
//! Strata are on when the reference spans at least two periods and the effect explains more than 5 % of the variance;
//! neighbouring buckets merge until each has 50 rows (weeks) or 20 (years, of which there are few).

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
}

/// Strata as they are stored, before they are believed.
#[derive(Deserialize)]
struct Stored {
    #[serde(default)]
    cycle: Cycle,
    of_hour: Vec<u16>,
}

impl TryFrom<Stored> for Strata {
    type Error = Unmeasured;

    fn try_from(stored: Stored) -> Outcome<Self> {
        let slots = stored.cycle.slots();
        let is_whole =
            stored.of_hour.len() == slots && stored.of_hour.iter().all(|stratum| usize::from(*stratum) < slots);
        match is_whole {
            true => Ok(Strata { cycle: stored.cycle, of_hour: stored.of_hour }),
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
        Some(Strata { cycle: Cycle::Week, of_hour: (0..HOURS).map(|hour| merged[bucket(hour)]).collect() })
    }
}

/// What decided about strata by month of the year.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct YearEffect {
    /// Share of the variance that the month of the year explains, corrected for chance (omega squared).
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
        if pairs.len() < 2 * MONTHS {
            return Err(Unmeasured::too_few("rows for a season", pairs.len(), 2 * MONTHS));
        }
        let (first, last) =
            pairs.iter().fold((i64::MAX, i64::MIN), |(a, b), (month, _)| (a.min(*month), b.max(*month)));
        Ok(YearEffect {
            by_month: omega_squared(&pairs, MONTHS, |month| month.rem_euclid(12) as usize),
            years: (last.abs_diff(first) + 1) as f64 / MONTHS as f64,
        })
    }

    /// Whether the season counts.
    pub fn matters(&self) -> bool {
        self.by_month > EXPLAINED && self.years >= 2.0
    }
}

impl Strata {
    /// Strata by month of the year for rows in `month`: months since some January. Months without enough rows join their
    /// neighbours.
    pub fn of_year(month: &[i64]) -> Self {
        let mut counts = [0u64; MONTHS];
        month.iter().for_each(|month| counts[month.rem_euclid(12) as usize] += 1);
        Strata { cycle: Cycle::Year, of_hour: merged(&counts, YEAR_ROWS) }
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
    if total <= 0.0 || n <= used {
        return 0.0;
    }
    let noise = (total - between) / (n - used);
    ((between - (used - 1.0) * noise) / (total + noise)).max(0.0)
}
