//! Points in time and lengths of time, handed in by the caller: no clock here.

use std::{fmt, str::FromStr};

use jiff::{SignedDuration, civil};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Milliseconds since 1970-01-01T00:00:00Z. Shown as RFC 3339 in UTC.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Timestamp(pub i64);

/// Milliseconds of a minute.
pub const MINUTE_MS: i64 = 60_000;
/// Milliseconds of an hour.
pub const HOUR_MS: i64 = 60 * MINUTE_MS;
/// Milliseconds of a day in UTC, which has no leap seconds here.
pub const DAY_MS: i64 = 24 * HOUR_MS;

/// The beginning of [`Timestamp`]s.
const EPOCH: civil::DateTime = civil::DateTime::constant(1970, 1, 1, 0, 0, 0, 0);

/// A text that is neither an RFC 3339 time nor a date.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a time: write a date like 2026-03-01 or a time like 2026-03-01T12:00:00Z")]
pub struct InvalidTimestamp(pub String);

impl Timestamp {
    /// Milliseconds since the epoch.
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// Midnight UTC of a civil date; `None` outside of the years -9999..=9999.
    pub fn from_date(year: i16, month: i8, day: i8) -> Option<Self> {
        let date = civil::Date::new(year, month, day).ok()?;
        Some(Self::from_civil(date.to_datetime(civil::Time::midnight())))
    }

    /// The civil date and time in UTC; times outside of the years -9999..=9999 are the nearest in them.
    pub fn civil(self) -> civil::DateTime {
        EPOCH.saturating_add(SignedDuration::from_millis(self.0))
    }

    /// This time moved on by `span` (calendar-aware for months and years).
    pub fn after(self, span: Span) -> Self {
        match span.unit {
            SpanUnit::Month => Self::from_civil(self.civil().saturating_add(jiff::Span::new().months(span.count))),
            unit => Self(self.0.saturating_add(span.count.saturating_mul(unit.millis()))),
        }
    }

    /// This time moved back by `span`.
    pub fn before(self, span: Span) -> Self {
        self.after(Span { count: -span.count, unit: span.unit })
    }

    /// The moment of a civil date and time in UTC.
    pub(crate) fn from_civil(time: civil::DateTime) -> Self {
        Self(i64::try_from(time.duration_since(EPOCH).as_millis()).unwrap_or(i64::MAX))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = self.civil();
        write!(out, "{}", time.date())?;
        write!(out, "T{:02}:{:02}:{:02}", time.hour(), time.minute(), time.second())?;
        match time.millisecond() {
            0 => write!(out, "Z"),
            millis => write!(out, ".{millis:03}Z"),
        }
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{self}")
    }
}

impl FromStr for Timestamp {
    type Err = InvalidTimestamp;

    fn from_str(text: &str) -> Result<Self, InvalidTimestamp> {
        let text = text.trim();
        if let Ok(time) = text.parse::<jiff::Timestamp>() {
            return Ok(Self(time.as_millisecond()));
        }
        // Without an offset a time is taken as UTC: the platform has one clock.
        text.parse::<civil::DateTime>().map(Self::from_civil).map_err(|_| InvalidTimestamp(text.to_owned()))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        out.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        String::deserialize(input)?.parse().map_err(serde::de::Error::custom)
    }
}

/// The unit of a [`Span`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SpanUnit {
    /// 1,000 ms; `s`.
    Second,
    /// 60 s; `m`.
    Minute,
    /// 60 min; `h`.
    Hour,
    /// 24 h, UTC; `d`.
    Day,
    /// 7 days; `w`.
    Week,
    /// A calendar month: its length depends on where it starts.
    Month,
}

impl SpanUnit {
    const fn millis(self) -> i64 {
        match self {
            Self::Second => 1_000,
            Self::Minute => MINUTE_MS,
            Self::Hour => HOUR_MS,
            Self::Day => DAY_MS,
            Self::Week => 7 * DAY_MS,
            Self::Month => 30 * DAY_MS,
        }
    }

    const fn suffix(self) -> &'static str {
        match self {
            Self::Second => "s",
            Self::Minute => "m",
            Self::Hour => "h",
            Self::Day => "d",
            Self::Week => "w",
            Self::Month => "mo",
        }
    }
}

/// A length of time as a person writes it: `90s`, `30m`, `2h`, `7d`, `4w`, `1mo`, `1y`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Span {
    /// How many units; from a contract at least 1.
    pub count: i64,
    /// Of which length.
    pub unit: SpanUnit,
}

/// A text that is not a length of time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a length of time: write a number and one of s, m, h, d, w, mo, y, like 7d")]
pub struct InvalidSpan(pub String);

impl Span {
    /// So many times 24 hours.
    pub const fn days(count: i64) -> Self {
        Self { count, unit: SpanUnit::Day }
    }

    /// So many times 1,000 ms.
    pub const fn seconds(count: i64) -> Self {
        Self { count, unit: SpanUnit::Second }
    }

    /// So many calendar months.
    pub const fn months(count: i64) -> Self {
        Self { count, unit: SpanUnit::Month }
    }

    /// Its length in milliseconds; a month counts as 30 days here.
    pub const fn millis(self) -> i64 {
        self.count.saturating_mul(self.unit.millis())
    }
}

impl fmt::Display for Span {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.unit {
            // Years are kept as months, and written as years again.
            SpanUnit::Month if self.count != 0 && self.count % 12 == 0 => write!(out, "{}y", self.count / 12),
            unit => write!(out, "{}{}", self.count, unit.suffix()),
        }
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{self}")
    }
}

impl FromStr for Span {
    type Err = InvalidSpan;

    fn from_str(text: &str) -> Result<Self, InvalidSpan> {
        let invalid = || InvalidSpan(text.to_owned());
        let split = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(invalid)?;
        let count: i64 = text[..split].parse().map_err(|_| invalid())?;
        let (factor, unit) = match text[split..].trim() {
            "s" => (1, SpanUnit::Second),
            "m" | "min" => (1, SpanUnit::Minute),
            "h" => (1, SpanUnit::Hour),
            "d" => (1, SpanUnit::Day),
            "w" => (1, SpanUnit::Week),
            "mo" => (1, SpanUnit::Month),
            "y" => (12, SpanUnit::Month),
            _ => return Err(invalid()),
        };
        // A hundred thousand of any unit is past every use, and keeps the arithmetic far from its ends.
        match count.checked_mul(factor) {
            Some(count) if count <= 100_000_000 => Ok(Self { count, unit }),
            _ => Err(invalid()),
        }
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        out.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        String::deserialize(input)?.parse().map_err(serde::de::Error::custom)
    }
}

/// The half-open interval `start..end`: its end is no part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Interval {
    /// The first moment of it.
    pub start: Timestamp,
    /// The first moment after it.
    pub end: Timestamp,
}

impl Interval {
    /// All of time.
    pub const ALWAYS: Self = Self { start: Timestamp(i64::MIN), end: Timestamp(i64::MAX) };

    /// `start..end`.
    pub const fn new(start: Timestamp, end: Timestamp) -> Self {
        Self { start, end }
    }

    /// Whether a moment lies in it.
    pub const fn contains(self, moment: Timestamp) -> bool {
        self.start.millis() <= moment.millis() && moment.millis() < self.end.millis()
    }

    /// Whether it ended longer than its own length before `now`.
    pub const fn is_older(self, now: Timestamp) -> bool {
        now.millis() - self.end.millis() >= self.end.millis() - self.start.millis()
    }
}

/// `2022-12-05 to 2023-01-02`; the end is not part of it. With the time where it is not of whole days.
impl fmt::Display for Interval {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.start.millis() % DAY_MS == 0 && self.end.millis() % DAY_MS == 0 {
            write!(out, "{} to {}", self.start.civil().date(), self.end.civil().date())
        } else {
            write!(out, "{} to {}", self.start, self.end)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_back_what_they_write() {
        for text in ["1997-02-01T00:00:00Z", "2026-11-24T14:52:35.120Z"] {
            assert_eq!(text.parse::<Timestamp>().unwrap().to_string(), text);
        }
        assert_eq!("1997-02-01".parse::<Timestamp>().unwrap(), Timestamp::from_date(1997, 2, 1).unwrap());
    }

    #[test]
    fn the_ends_of_time_are_told_as_they_are() {
        for text in ["9999-12-31", "9999-12-30", "0001-01-01"] {
            assert_eq!(text.parse::<Timestamp>().unwrap().to_string(), format!("{text}T00:00:00Z"));
        }
        assert_eq!(Timestamp::from_date(9999, 12, 31), "9999-12-31".parse().ok());
        assert_eq!(Timestamp(i64::MAX).civil(), civil::DateTime::MAX);
        assert_eq!(Timestamp(-1).to_string(), "1969-12-31T23:59:59.999Z");
    }

    #[test]
    fn months_follow_the_calendar() {
        let start: Timestamp = "1997-01-31".parse().unwrap();
        assert_eq!(start.after("1mo".parse().unwrap()).to_string(), "1997-02-28T00:00:00Z");
        assert_eq!(start.after("1y".parse().unwrap()).to_string(), "1998-01-31T00:00:00Z");
    }

    #[test]
    fn spans_read_back_what_they_write() {
        for text in ["90s", "30m", "2h", "7d", "4w", "1mo", "18mo", "1y", "10y", "0mo"] {
            assert_eq!(text.parse::<Span>().unwrap().to_string(), text);
        }
        assert_eq!("24mo".parse::<Span>().unwrap().to_string(), "2y");
    }

    #[test]
    fn bad_spans_are_refused() {
        for text in ["", "7", "d", "-3d", "3 fortnights", "99999999999999999999d"] {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
    }

    #[test]
    fn an_interval_holds_its_start_and_not_its_end() {
        let day = Interval::new(Timestamp(0), Timestamp(DAY_MS));
        assert!(day.contains(Timestamp(0)) && day.contains(Timestamp(DAY_MS - 1)) && !day.contains(Timestamp(DAY_MS)));
        assert_eq!(day.to_string(), "1970-01-01 to 1970-01-02");
        let morning = Interval::new(Timestamp(0), Timestamp(DAY_MS / 2));
        assert_eq!(morning.to_string(), "1970-01-01T00:00:00Z to 1970-01-01T12:00:00Z");
    }

    #[test]
    fn an_interval_is_older_once_its_own_length_has_passed_since_its_end() {
        let day = Interval::new(Timestamp(0), Timestamp(DAY_MS));
        assert!(!day.is_older(Timestamp(2 * DAY_MS - 1)) && day.is_older(Timestamp(2 * DAY_MS)));
    }
}
