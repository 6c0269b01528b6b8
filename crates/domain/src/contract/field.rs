//! One value of a TOML text as the type that its key asks for; what does not fit becomes an error with its place.

use std::{fmt::Display, ops::Range, str::FromStr};

use toml::de::DeValue;

use super::{path, reader::Reader};
use crate::{
    input_rule::InputValue,
    rule::Rule,
    time::{Span, Timestamp},
};

/// How many elements a list has at most.
const MAX_LIST: usize = 1_000;

/// A value and where it stands.
pub(super) struct Field<'r, 't> {
    pub(super) reader: &'r Reader<'t>,
    pub path: String,
    pub place: Range<usize>,
    pub(super) value: &'r DeValue<'t>,
}

impl<'r, 't> Field<'r, 't> {
    pub(super) fn new(reader: &'r Reader<'t>, path: String, place: Range<usize>, value: &'r DeValue<'t>) -> Self {
        reader.remember(&path, &place);
        Self { reader, path, place, value }
    }

    pub(super) fn error(&self, message: impl Into<String>, hint: impl Into<Option<String>>) {
        self.reader.error(self.place.clone(), message, hint);
    }

    pub(super) fn key(&self) -> &str {
        let mut parts = self.path.rsplit('.').skip_while(|part| part.bytes().all(|c| c.is_ascii_digit()));
        parts.next().unwrap_or(&self.path)
    }

    pub(super) fn wrong_type(&self, wanted: &str, hint: Option<String>) {
        let found = match self.value {
            DeValue::String(_) => "a text",
            DeValue::Integer(_) => "a whole number",
            DeValue::Float(_) => "a number",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        };
        self.error(format!("`{}` must be {wanted}, found {found}", self.key()), hint);
    }

    pub(super) fn text(&self) -> Option<&'r str> {
        if let DeValue::String(text) = self.value {
            return Some(text.as_ref());
        }
        let raw = self.reader.source(&self.place);
        let hint = match self.value {
            DeValue::Array(_) | DeValue::Table(_) => None,
            _ => Some(format!("put it in quotes: \"{raw}\"")),
        };
        self.wrong_type("a text", hint);
        None
    }

    /// A text, or a number or truth value as it would be written.
    pub(super) fn word(&self) -> Option<String> {
        match self.value {
            DeValue::Integer(number) => Some(number.to_string()),
            DeValue::Float(number) => Some(number.to_string()),
            DeValue::Boolean(value) => Some(value.to_string()),
            _ => self.text().map(str::to_owned),
        }
    }

    /// A text, a finite number or a truth value.
    pub(super) fn input_value(&self) -> Option<InputValue> {
        match self.value {
            DeValue::Boolean(value) => Some(InputValue::Bool(*value)),
            DeValue::Integer(number) => match integer(number) {
                Some(number) => Some(InputValue::Whole(number)),
                None => {
                    self.error(format!("`{number}` is too large a number"), None);
                    None
                }
            },
            DeValue::Float(_) => self.number(f64::MIN, f64::MAX).map(InputValue::Number),
            DeValue::String(text) => Some(InputValue::Text(text.as_ref().to_owned())),
            _ => {
                self.wrong_type("a text, a number, or true or false", None);
                None
            }
        }
    }

    pub(super) fn parsed<T: FromStr<Err: Display>>(&self) -> Option<T> {
        self.read(|text| text.parse::<T>().map_err(|error| error.to_string()))
    }

    /// A text that `read` understands, or its error.
    pub(super) fn read<T>(&self, read: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        match read(self.text()?) {
            Ok(value) => Some(value),
            Err(message) => {
                self.error(message, None);
                None
            }
        }
    }

    pub(super) fn span(&self) -> Option<Span> {
        let span: Span = self.parsed()?;
        if span.count == 0 {
            self.error(
                format!("`{}` must be longer than nothing", self.key()),
                "write a length of time like \"7d\"".to_owned(),
            );
            return None;
        }
        Some(span)
    }

    pub(super) fn bool(&self) -> Option<bool> {
        let DeValue::Boolean(value) = self.value else {
            self.wrong_type("true or false", Some("write true or false, without quotes".to_owned()));
            return None;
        };
        Some(*value)
    }

    /// A number above `least` (or equal to it where that is zero or the smallest there is), at most `most`.
    pub(super) fn number(&self, least: f64, most: f64) -> Option<f64> {
        let number = self.any_number()?;
        if number.is_finite() && number <= most && (number > least || least == f64::MIN) {
            return Some(number);
        }
        let hint = (least != f64::MIN).then(|| format!("write a number above {least}, at most {most}"));
        self.error(format!("`{}` cannot be {number}", self.key()), hint);
        None
    }

    pub(super) fn any_number(&self) -> Option<f64> {
        let number = match self.value {
            DeValue::Integer(number) => integer(number).map(|number| number as f64),
            DeValue::Float(number) => number.as_str().parse().ok(),
            _ => None,
        };
        if number.is_none() {
            self.wrong_type("a number", None);
        }
        number
    }

    pub(super) fn count(&self, least: u64, most: u64) -> Option<u64> {
        let DeValue::Integer(number) = self.value else {
            self.wrong_type("a whole number", None);
            return None;
        };
        let count = integer(number).and_then(|number| u64::try_from(number).ok());
        let count = count.filter(|count| (least..=most).contains(count));
        if count.is_none() {
            self.error(
                format!("`{}` cannot be {number}", self.key()),
                format!("write a whole number from {least} to {most}"),
            );
        }
        count
    }

    /// 0 to 1, or a percentage as text.
    pub(super) fn share(&self) -> Option<f64> {
        let share = match self.value {
            DeValue::String(text) => {
                text.strip_suffix('%').and_then(|n| n.trim().parse::<f64>().ok()).map(|n| n / 100.0)
            }
            _ => Some(self.any_number()?),
        };
        let share = share.filter(|share| (0.0..=1.0).contains(share));
        if share.is_none() {
            self.error(
                format!("`{}` must be a share", self.key()),
                "write a number from 0 to 1, or a percentage like \"30%\"".to_owned(),
            );
        }
        share
    }

    /// A date, a time, or a year (a whole number from 1000 to 9999).
    pub(super) fn time(&self) -> Option<Timestamp> {
        let year = |number: &toml::de::DeInteger<'_>| {
            let year = integer(number).filter(|year| (1000..=9999).contains(year))?;
            Timestamp::from_date(i16::try_from(year).ok()?, 1, 1)
        };
        let time = match self.value {
            DeValue::Datetime(time) => time.to_string().parse().ok(),
            DeValue::String(text) => text.parse().ok(),
            DeValue::Integer(number) => year(number),
            _ => None,
        };
        if time.is_none() {
            self.error(
                format!("`{}` is not a time", self.key()),
                "write a date like \"2015-01-01\" or a year like 2015".to_owned(),
            );
        }
        time
    }

    pub(super) fn is_number_below_one(&self) -> bool {
        matches!(self.value, DeValue::Float(_)) || matches!(self.value, DeValue::String(text) if text.ends_with('%'))
    }

    pub(super) fn path(&self) -> Option<String> {
        let text = self.text()?;
        match path::inside(text) {
            Ok(path) => Some(path),
            Err(why) => {
                self.error(format!("`{text}` {why}"), path::STAY_INSIDE.to_owned());
                None
            }
        }
    }

    pub(super) fn rule(&self) -> Option<Rule> {
        let text = self.text()?;
        match Rule::parse(text) {
            Ok(rule) => Some(rule),
            Err(error) => {
                let place = self.inside_text(text, error.start..error.end);
                self.reader.error(place, format!("in rule `{text}`: {}", error.message()), error.hint);
                None
            }
        }
    }

    /// The place of a part of a text, where the text stands in the file as it is.
    fn inside_text(&self, text: &str, part: Range<usize>) -> Range<usize> {
        let raw = self.reader.source(&self.place);
        let quotes = raw.len().checked_sub(text.len()).map_or(0, |extra| extra / 2);
        match raw.get(quotes..quotes + text.len()) {
            Some(inner) if inner == text => {
                let start = self.place.start + quotes;
                start + part.start..start + part.end.max(part.start + 1)
            }
            _ => self.place.clone(),
        }
    }

    pub(super) fn list(&self) -> Vec<Field<'r, 't>> {
        let DeValue::Array(items) = self.value else {
            let raw = self.reader.source(&self.place);
            let hint = matches!(self.value, DeValue::String(_)).then(|| format!("write [{raw}]"));
            self.wrong_type("a list", hint);
            return Vec::new();
        };
        if items.len() > MAX_LIST {
            self.error(format!("`{}` has {} elements, more than {MAX_LIST}", self.key(), items.len()), None);
            return Vec::new();
        }
        let item = |(at, item): (usize, &'r toml::Spanned<DeValue<'t>>)| {
            Field::new(self.reader, format!("{}.{at}", self.path), item.span(), item.get_ref())
        };
        items.iter().enumerate().map(item).collect()
    }

    pub(super) fn is_list(&self) -> bool {
        self.value.is_array()
    }

    pub(super) fn is_table(&self) -> bool {
        self.value.is_table()
    }
}

pub(super) fn integer(number: &toml::de::DeInteger<'_>) -> Option<i64> {
    i64::from_str_radix(number.as_str(), number.radix()).ok()
}
