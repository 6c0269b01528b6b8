//! Which type a column of a text file has: the narrowest that holds every value of it, judged over the whole
//! file and not over a sample. A column keeps its text where a number would lose something: `007`, and
//! whole numbers of more than 64 bits.

use kilter_domain::{
    table::{ColumnType, is_missing_cell},
    time::Timestamp,
};

/// What the cells seen so far may be.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct TypeInference {
    any: bool,
    not_bool: bool,
    not_int: bool,
    not_float: bool,
    not_time: bool,
    /// A whole number past 64 bits was seen: as a float it would lose digits.
    wide: bool,
    /// A number with a fraction or an exponent was seen.
    fraction: bool,
}

impl TypeInference {
    /// Takes in one cell of a text file.
    pub fn observe_text(&mut self, cell: &str) {
        if self.not_bool && self.not_float && self.not_time {
            return;
        }
        let cell = cell.trim_ascii();
        if is_missing_cell(cell) {
            return;
        }
        self.any = true;
        self.not_bool = self.not_bool || parse_bool(cell).is_none();
        self.not_time = self.not_time || parse_time(cell).is_none();
        if !self.not_float {
            self.observe_number(cell);
        }
    }

    fn observe_number(&mut self, cell: &str) {
        let digits = cell.strip_prefix(['+', '-']).unwrap_or(cell);
        let whole = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        if whole && digits.len() > 1 && digits.starts_with('0') {
            (self.not_int, self.not_float) = (true, true);
        } else if whole {
            self.wide |= digits.len() > 18 && cell.parse::<i64>().is_err();
        } else {
            self.not_int = true;
            self.fraction = true;
            self.not_float = parse_float(cell).is_none();
        }
    }

    /// Takes in a value that has a type already (JSON). A string is a time or a text, never a number.
    pub fn observe_json(&mut self, value: &serde_json::Value) {
        use serde_json::Value;
        match value {
            Value::Null => return,
            Value::Bool(_) => (self.not_int, self.not_float, self.not_time) = (true, true, true),
            Value::Number(number) => {
                (self.not_bool, self.not_time) = (true, true);
                self.wide |= number.is_u64() && !number.is_i64();
                self.fraction |= number.is_f64();
                self.not_int |= number.is_f64();
            }
            Value::String(text) => {
                (self.not_bool, self.not_int, self.not_float) = (true, true, true);
                self.not_time = self.not_time || parse_time(text).is_none();
            }
            Value::Array(_) | Value::Object(_) => {}
        }
        self.any = true;
    }

    /// The type that holds everything seen. A column without a value is a float column of missing values.
    pub fn column_type(self) -> ColumnType {
        let exact = !self.wide || self.fraction;
        match self {
            Self { any: false, .. } => ColumnType::Float,
            Self { not_bool: false, .. } => ColumnType::Bool,
            Self { not_int: false, wide: false, .. } => ColumnType::Int,
            Self { not_float: false, .. } if exact => ColumnType::Float,
            Self { not_time: false, .. } => ColumnType::Time,
            _ => ColumnType::Text,
        }
    }
}

pub(crate) fn parse_bool(cell: &str) -> Option<bool> {
    match cell.len() {
        4 if cell.eq_ignore_ascii_case("true") => Some(true),
        5 if cell.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

/// A decimal number, or an infinity; `NaN` is a missing value and not a number.
pub(crate) fn parse_float(cell: &str) -> Option<f64> {
    cell.parse().ok().filter(|value: &f64| !value.is_nan())
}

/// A date or a time that begins with `YYYY-MM-DD` or `YYYY/MM/DD`, in milliseconds since the epoch; without
/// an offset it is UTC. Other orders of day and month are ambiguous and stay text.
pub(crate) fn parse_time(cell: &str) -> Option<i64> {
    let bytes = cell.as_bytes();
    if !(10..=40).contains(&bytes.len()) || !bytes[..4].iter().all(u8::is_ascii_digit) || bytes[4] != bytes[7] {
        return None;
    }
    let time = match bytes[4] {
        b'-' => cell.parse::<Timestamp>(),
        b'/' => cell.replacen('/', "-", 2).parse(),
        _ => return None,
    };
    time.ok().map(Timestamp::millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_has_the_narrowest_type_that_holds_every_value() {
        let cases: [(&[&str], ColumnType); 17] = [
            (&["1", "-2", "", "NA"], ColumnType::Int),
            (&["1", "2.5", "nan"], ColumnType::Float),
            (&["1e3", "inf", "-7"], ColumnType::Float),
            (&["true", "FALSE", ""], ColumnType::Bool),
            (&["0", "1"], ColumnType::Int),
            (&["2026-01-31", "2026-01-31T12:00:00Z", "2026/02/01 10:00"], ColumnType::Time),
            (&["2026-01-31", "7"], ColumnType::Text),
            (&["2026-13-31"], ColumnType::Text),
            (&["01/02/2026"], ColumnType::Text),
            (&["007", "8"], ColumnType::Text),
            (&["0", "0.5"], ColumnType::Float),
            (&["9223372036854775807"], ColumnType::Int),
            (&["18446744073709551615", "1"], ColumnType::Text),
            (&["18446744073709551615", "1.5"], ColumnType::Float),
            (&["true", "1"], ColumnType::Text),
            (&["yes", "no"], ColumnType::Text),
            (&["", "", "?"], ColumnType::Float),
        ];
        for (cells, expected) in cases {
            let mut guess = TypeInference::default();
            cells.iter().for_each(|cell| guess.observe_text(cell));
            assert_eq!(guess.column_type(), expected, "{cells:?}");
        }
    }
}
