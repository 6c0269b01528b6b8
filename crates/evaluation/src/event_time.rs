//! The hour and the month of an event, and the months that rows are of.

use kilter_domain::time::{DAY_MS, HOUR_MS, Timestamp};
use serde::{Deserialize, Serialize};

/// Months of the year, as bits from January on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Months(u16);

impl Months {
    /// Those in which something happened.
    pub fn of(events: &[Timestamp]) -> Self {
        Self(events.iter().fold(0, |months, event| months | 1 << month_of(*event).rem_euclid(12)))
    }

    /// Whether no month is known.
    pub const fn is_empty(&self) -> bool {
        self.0 == 0
    }

    /// The name of the month of most of `events` where no row was of it before; `None` also where no month is known.
    pub fn first_seen(self, events: &[Timestamp]) -> Option<String> {
        let mut rows = [0_usize; 12];
        let of_year = |event: &Timestamp| month_of(*event).rem_euclid(12) as usize;
        // Rows of a day follow each other: a date is worked out once for each run of them.
        let (mut day, mut month) = (i64::MIN, 0);
        for event in events {
            let of_event = event.millis().div_euclid(DAY_MS);
            if of_event != day {
                (day, month) = (of_event, of_year(event));
            }
            rows[month] += 1;
        }
        let most = rows.iter().max().copied()?;
        let most = events.iter().rev().find(|event| rows[of_year(event)] == most)?;
        let is_new = !self.is_empty() && self.0 >> of_year(most) & 1 == 0;
        is_new.then(|| most.civil().strftime("%B").to_string())
    }
}

/// Hours since a Monday 00:00 UTC.
pub(super) fn hour_of(event: Timestamp) -> i64 {
    // The epoch began on a Thursday.
    event.millis().div_euclid(HOUR_MS) + 72
}

/// Months since January of the year 0.
pub(super) fn month_of(event: Timestamp) -> i64 {
    let date = event.civil().date();
    12 * i64::from(date.year()) + i64::from(date.month()) - 1
}
