//! Numbers as people write them in rules: `100_000`, `1%`, `200MiB`, `2d`.

use std::fmt;

/// A double and what it rounded away, so that whole numbers of 64 bits are exact. The order is that of the numbers:
/// rounding keeps it, and equal doubles differ in the rest.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct ExactNumber {
    /// The nearest double.
    pub value: f64,
    /// The number less the double; zero for whatever a double holds.
    pub rest: f64,
}

impl From<f64> for ExactNumber {
    fn from(value: f64) -> Self {
        Self { value, rest: 0.0 }
    }
}

impl From<i128> for ExactNumber {
    fn from(whole: i128) -> Self {
        let value = whole as f64;
        // Beyond 2^106 the rest would need more digits too: nobody counts that far.
        Self { value, rest: whole.saturating_sub(value as i128) as f64 }
    }
}

/// A number with the unit in which it was written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Number {
    /// As written: `1` in `1%`.
    pub written: f64,
    /// What a double cannot hold of a long whole number; else zero.
    pub rest: f64,
    /// The unit behind it.
    pub unit: Unit,
}

/// The unit of a [`Number`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unit {
    /// None: the number counts as it stands.
    Plain,
    /// Hundredths.
    Percent,
    /// 1,024 bytes.
    KiB,
    /// 1,024 KiB.
    MiB,
    /// 1,024 MiB.
    GiB,
    /// Times are compared in milliseconds.
    Millisecond,
    /// 1,000 ms.
    Second,
    /// 60 s.
    Minute,
    /// 60 min.
    Hour,
    /// 24 h.
    Day,
    /// 7 d.
    Week,
    /// Thirty days.
    Month,
    /// 365 days.
    Year,
}

impl Unit {
    /// Every unit.
    pub const ALL: [Unit; 13] = [
        Unit::Plain,
        Unit::Percent,
        Unit::KiB,
        Unit::MiB,
        Unit::GiB,
        Unit::Millisecond,
        Unit::Second,
        Unit::Minute,
        Unit::Hour,
        Unit::Day,
        Unit::Week,
        Unit::Month,
        Unit::Year,
    ];

    /// How it is written behind a number.
    pub const fn suffix(self) -> &'static str {
        match self {
            Unit::Plain => "",
            Unit::Percent => "%",
            Unit::KiB => "KiB",
            Unit::MiB => "MiB",
            Unit::GiB => "GiB",
            Unit::Millisecond => "ms",
            Unit::Second => "s",
            Unit::Minute => "m",
            Unit::Hour => "h",
            Unit::Day => "d",
            Unit::Week => "w",
            Unit::Month => "mo",
            Unit::Year => "y",
        }
    }

    const fn factor(self) -> f64 {
        match self {
            Unit::Plain | Unit::Millisecond => 1.0,
            Unit::Percent => 0.01,
            Unit::KiB => 1024.0,
            Unit::MiB => 1024.0 * 1024.0,
            Unit::GiB => 1024.0 * 1024.0 * 1024.0,
            Unit::Second => 1e3,
            Unit::Minute => 60e3,
            Unit::Hour => 3_600e3,
            Unit::Day => 86_400e3,
            Unit::Week => 7.0 * 86_400e3,
            Unit::Month => 30.0 * 86_400e3,
            Unit::Year => 365.0 * 86_400e3,
        }
    }
}

impl Number {
    /// A number without a unit.
    pub const fn plain(written: f64) -> Self {
        Self { written, rest: 0.0, unit: Unit::Plain }
    }

    /// The number with all of its digits, in the unit that measurements use.
    pub fn exact(self) -> ExactNumber {
        match self.unit {
            Unit::Plain => ExactNumber { value: self.written, rest: self.rest },
            _ => self.value().into(),
        }
    }

    /// In the unit that measurements use: a share for percent, bytes for sizes, milliseconds for lengths of time.
    pub fn value(self) -> f64 {
        match self.unit {
            // Dividing gives the double nearest to the share; multiplying by 0.01 does not (7% would be 0.07000000000000001).
            Unit::Percent => self.written / 100.0,
            unit => self.written * unit.factor(),
        }
    }
}

impl fmt::Display for Number {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.rest {
            0.0 => write_number(out, self.written)?,
            rest => write!(out, "{}", (self.written as i128).saturating_add(rest as i128))?,
        }
        out.write_str(self.unit.suffix())
    }
}

/// The shortest text that reads back as the same double, without a tail of zeros for very large and very small ones.
pub(super) fn write_number(out: &mut impl fmt::Write, value: f64) -> fmt::Result {
    match value.abs() {
        0.0 => write!(out, "0"),
        size if (1e-5..1e15).contains(&size) => write!(out, "{value}"),
        _ => write!(out, "{value:e}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_that_doubles_round_keep_their_order_and_their_digits() {
        let numbers = [i128::from(i64::MIN), -1, 0, 1_790_000_000_000_000_012, 1_790_000_000_000_000_013];
        let numbers = numbers.into_iter().chain([i128::from(u64::MAX) - 1, i128::from(u64::MAX)]);
        let exact: Vec<ExactNumber> = numbers.clone().map(ExactNumber::from).collect();
        assert!(exact.is_sorted_by(|a, b| a < b), "{exact:?}");
        for (whole, exact) in numbers.zip(exact) {
            let number = Number { written: exact.value, rest: exact.rest, unit: Unit::Plain };
            assert!(whole.unsigned_abs() < 1 << 53 || exact.rest == 0.0 || number.to_string() == whole.to_string());
        }
    }
}
