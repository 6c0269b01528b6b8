//! Columns by season: of each column that follows the hour, the day or the month, how its rows lie in each stratum.

use std::collections::BTreeMap;

use kilter_domain::time::Timestamp;
use kilter_stats::drift::{RowTimes, Season, SeasonalCycle, SeasonalStrata, Tally, find_season};
use serde::{Deserialize, Serialize};

use crate::{
    column_reference::ColumnReference,
    event_time::{hour_of, month_of},
};

/// Categories that may speak for the season of a column, most frequent first.
const MAX_CATEGORIES: u32 = 10;
/// The share of the rows from which one does.
const MIN_SHARE: f64 = 0.01;

/// References by season: each window is compared with its like.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SeasonalColumns {
    /// The strata of each season that a column follows; each at most once.
    pub cycles: Vec<SeasonalStrata>,
    /// The columns that are compared by season.
    pub columns: BTreeMap<String, SeasonalColumn>,
}

/// The rows of a column by stratum.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SeasonalColumn {
    /// The place of its strata in [`SeasonalColumns::cycles`].
    pub cycle: usize,
    /// Rows of the reference by bin or category, one a stratum; empty for slots of which it has too few.
    pub parts: Vec<Tally>,
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

/// When rows happened, as seasons need it.
pub fn clock_of(events: &[Timestamp]) -> RowTimes {
    RowTimes {
        hours: events.iter().copied().map(hour_of).collect(),
        months: events.iter().copied().map(month_of).collect(),
    }
}

/// The stratum of each event.
pub fn strata_of(strata: Option<&SeasonalStrata>, events: &[Timestamp]) -> Vec<u16> {
    let of_event = |strata: &SeasonalStrata, event: Timestamp| {
        strata.of(match strata.cycle() {
            SeasonalCycle::Week => hour_of(event),
            SeasonalCycle::Year => month_of(event),
        }) as u16
    };
    match strata {
        Some(strata) => events.iter().map(|event| of_event(strata, *event)).collect(),
        None => vec![0; events.len()],
    }
}

impl SeasonalColumns {
    /// The strata of a column and its rows in each.
    pub fn of(&self, name: &str) -> Option<(&SeasonalStrata, &[Tally])> {
        let column = self.columns.get(name)?;
        Some((self.cycles.get(column.cycle)?, &column.parts))
    }

    /// Adds a column by the season that it follows, or by the one that is asked for.
    pub fn add(&mut self, name: &str, reference: &ColumnReference, column: &TimedColumn, choice: SeasonChoice) {
        let clock = clock_of(column.events);
        let season = match choice {
            SeasonChoice::Found => find_season(&clock, &reference.speakers(column)),
            SeasonChoice::Given(season) => Some(season),
            SeasonChoice::Whole => None,
        };
        let Some(strata) = season.and_then(|season| SeasonalStrata::of_season(season, &clock)) else { return };
        let mut parts = vec![Tally::empty(reference.law().width()); strata.count()];
        let rows = strata_of(Some(&strata), column.events);
        for (code, stratum) in column.codes.iter().zip(rows) {
            if strata.unseen() != Some(usize::from(stratum)) {
                parts[usize::from(stratum)].add(*code);
            }
        }
        let cycle = self.cycles.iter().position(|known| *known == strata).unwrap_or_else(|| {
            self.cycles.push(strata);
            self.cycles.len() - 1
        });
        self.columns.insert(name.to_owned(), SeasonalColumn { cycle, parts });
    }
}

/// A column as codes of its reference, with the time of each row.
pub struct TimedColumn<'a> {
    /// The code of each row by its reference.
    pub codes: Vec<u32>,
    /// The time of each row.
    pub events: &'a [Timestamp],
}

impl ColumnReference {
    /// A column in the forms that may speak for a season: the rank of a number, "is it this one?" of the most frequent
    /// categories.
    fn speakers(&self, column: &TimedColumn) -> Vec<Vec<f64>> {
        let tally = self.law().tally();
        let (width, values) = (tally.bins.len() as u32, tally.values() as f64);
        match self {
            Self::Numeric(_) => {
                let mut below = 0.0;
                let rank = |count: &u64| {
                    below += *count as f64;
                    (below - 0.5 * *count as f64) / values
                };
                let ranks: Vec<f64> = tally.bins.iter().map(rank).collect();
                let of = |code: &u32| ranks.get(*code as usize).copied().unwrap_or(f64::NAN);
                vec![column.codes.iter().map(of).collect()]
            }
            Self::Categorical(_) => {
                let is_asked = |code: &u32| tally.bins[*code as usize] as f64 >= MIN_SHARE * values;
                let of = |asked: u32| {
                    let one = |code: &u32| if *code < width { f64::from(u8::from(*code == asked)) } else { f64::NAN };
                    column.codes.iter().map(one).collect()
                };
                (0..MAX_CATEGORIES.min(width)).filter(is_asked).map(of).collect()
            }
        }
    }
}
