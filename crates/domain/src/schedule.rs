//! Cron expressions of five fields, in UTC: `0 3 1 * *`.
//!
//! Invariants: the next time is computed from the time that is handed in; there is no clock here; a search ends after ten
//! years. Why this is not a crate: docs/decisions/0020-own-code-or-a-crate.md.

use std::{fmt, str::FromStr};

use crate::time::{DAY_MS, HOUR_MS, MINUTE_MS, Span, Timestamp};

/// Minute, hour, day of month, month, day of week. Lists, ranges and steps (`*/15`, `1-5`, `0,30`), no names.
#[derive(Clone, PartialEq, Eq)]
pub struct Cron {
    text: String,
    minute: u64,
    hour: u64,
    day: u64,
    month: u64,
    weekday: u64,
    /// As cron does it: when both day fields are restricted, either may match.
    either_day: bool,
}

/// A text that is no cron expression.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a schedule ({why}): write five fields, minute hour day month weekday, like `0 3 1 * *`")]
pub struct InvalidCron {
    /// The text, as it was given.
    pub text: String,
    /// What is wrong with it.
    pub why: String,
}

impl Cron {
    /// The first matching minute after `time`; `None` when there is none within ten years (31 February).
    pub fn next_after(&self, time: Timestamp) -> Option<Timestamp> {
        // Days outside of the calendar are no days to walk through.
        let time = Timestamp::from_civil(time.civil());
        let start = Timestamp((time.millis().div_euclid(MINUTE_MS) + 1) * MINUTE_MS);
        let end = time.after(Span::months(120));
        let mut at = start;
        while at <= end {
            if !self.matches_day(at) {
                at = Timestamp((at.millis().div_euclid(DAY_MS) + 1) * DAY_MS);
            } else if !has(self.hour, at.civil().hour()) {
                at = Timestamp((at.millis().div_euclid(HOUR_MS) + 1) * HOUR_MS);
            } else if !has(self.minute, at.civil().minute()) {
                at = Timestamp(at.millis() + MINUTE_MS);
            } else {
                return Some(at);
            }
        }
        None
    }

    fn matches_day(&self, at: Timestamp) -> bool {
        let civil = at.civil();
        let day = has(self.day, civil.day());
        let weekday = has(self.weekday, civil.weekday().to_sunday_zero_offset());
        let is_day = if self.either_day { day || weekday } else { day && weekday };
        has(self.month, civil.month()) && is_day
    }
}

fn has(set: u64, value: i8) -> bool {
    u32::try_from(value).is_ok_and(|bit| set >> bit & 1 == 1)
}

impl FromStr for Cron {
    type Err = InvalidCron;

    fn from_str(text: &str) -> Result<Self, InvalidCron> {
        let invalid = |why: String| InvalidCron { text: text.chars().take(80).collect(), why };
        let fields: Vec<&str> = text.split_whitespace().collect();
        let [minute, hour, day, month, weekday] = fields[..] else {
            return Err(invalid(format!("it has {} fields", fields.len())));
        };
        let weekdays = field(weekday, 0, 7, "day of week").map_err(invalid)?;
        Ok(Self {
            text: fields.join(" "),
            minute: field(minute, 0, 59, "minute").map_err(invalid)?,
            hour: field(hour, 0, 23, "hour").map_err(invalid)?,
            day: field(day, 1, 31, "day of month").map_err(invalid)?,
            month: field(month, 1, 12, "month").map_err(invalid)?,
            // 7 is Sunday too.
            weekday: (weekdays | weekdays >> 7) & 0x7f,
            either_day: !day.starts_with('*') && !weekday.starts_with('*'),
        })
    }
}

/// The set of values that a field names, as bits.
fn field(text: &str, low: u32, high: u32, what: &str) -> Result<u64, String> {
    let bad = || format!("`{text}` is not a {what} from {low} to {high}");
    let number = |text: &str| whole(text).filter(|n| (low..=high).contains(n)).ok_or_else(bad);
    let mut set = 0_u64;
    for part in text.split(',') {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, whole(step).filter(|step| (1..=60).contains(step)).ok_or_else(bad)?),
            None => (part, 1),
        };
        let (from, to) = match range.split_once('-') {
            _ if range == "*" => (low, high),
            Some((from, to)) => (number(from)?, number(to)?),
            // `5/15` means from 5 to the end.
            None => (number(range)?, if part.contains('/') { high } else { number(range)? }),
        };
        if from > to {
            return Err(bad());
        }
        (from..=to).step_by(step as usize).for_each(|value| set |= 1 << value);
    }
    Ok(set)
}

/// A number in digits alone; Rust reads `+1` too.
fn whole(text: &str) -> Option<u32> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

impl fmt::Display for Cron {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.text)
    }
}

impl fmt::Debug for Cron {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Cron({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(cron: &str, after: &str) -> String {
        let cron: Cron = cron.parse().unwrap();
        cron.next_after(after.parse().unwrap()).unwrap().to_string()
    }

    #[test]
    fn the_next_time_follows_the_calendar() {
        assert_eq!(next("0 3 1 * *", "2026-01-01T03:00:00Z"), "2026-02-01T03:00:00Z");
        assert_eq!(next("*/15 * * * *", "2026-01-01T03:07:30Z"), "2026-01-01T03:15:00Z");
        assert_eq!(next("0 0 29 2 *", "2026-03-01"), "2028-02-29T00:00:00Z");
        assert_eq!(next("30 6 * * 1-5", "2026-01-02T07:00:00Z"), "2026-01-05T06:30:00Z");
        assert_eq!(next("0 0 * * 7", "2026-01-01"), "2026-01-04T00:00:00Z");
        assert_eq!(next("0 0 13 * 5", "2026-01-01"), "2026-01-02T00:00:00Z", "either day field may match");
    }

    #[test]
    fn a_day_field_that_begins_with_a_star_restricts_the_other() {
        // Cron's own rule (crontab(5)): either day may match unless one of the fields begins with `*`, with a step or without.
        assert_eq!(next("0 0 */2 * 1", "2026-01-01"), "2026-01-05T00:00:00Z", "a Monday with an odd date");
        assert_eq!(next("0 0 13 * */5", "2026-01-01"), "2026-02-13T00:00:00Z", "a 13th that is a Friday or a Sunday");
    }

    #[test]
    fn a_date_that_never_comes_has_no_next_time_and_is_found_out_soon() {
        let began = std::time::Instant::now();
        for text in ["0 0 31 2 *", "0 0 30 2 */7", "59 23 31 4,6,9,11 *"] {
            let cron: Cron = text.parse().unwrap();
            assert_eq!(cron.next_after(Timestamp(0)), None, "{text}");
            assert_eq!(cron.next_after(Timestamp(i64::MAX)), None, "{text}");
            // The last moment of the calendar, and the first.
            assert_eq!(cron.next_after("9999-12-31".parse().unwrap()), None, "{text}");
            assert_eq!(cron.next_after(Timestamp(i64::MIN)), None, "{text}");
        }
        // Ten years are 3,653 days; milliseconds even without optimisation, and this must not hold up a tick.
        assert!(began.elapsed() < std::time::Duration::from_secs(2), "{:?}", began.elapsed());
    }

    #[test]
    fn bad_schedules_are_refused_with_the_field_at_fault() {
        for (text, why) in [
            ("", "0 fields"),
            ("* * * *", "4 fields"),
            ("60 * * * *", "minute"),
            ("* 5-1 * * *", "hour"),
            ("* * 0 * *", "day of month"),
            ("* * * * mon", "day of week"),
            ("*/0 * * * *", "minute"),
            ("*/61 * * * *", "minute"),
            ("+1 * * * *", "minute"),
            ("*/+5 * * * *", "minute"),
            ("1,,2 * * * *", "minute"),
            ("0,30, * * * *", "minute"),
            ("99999999999999999999 * * * *", "minute"),
            ("* - * * *", "hour"),
            ("* 1-2-3 * * *", "hour"),
            ("* * L * *", "day of month"),
            ("* * * */ *", "month"),
            ("* * * * 5#2", "day of week"),
            ("@daily", "1 fields"),
        ] {
            let error = text.parse::<Cron>().unwrap_err().to_string();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
