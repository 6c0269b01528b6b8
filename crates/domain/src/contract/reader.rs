//! Tables, keys and values of a TOML text with their places; what does not fit becomes an error, and reading goes on.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    fmt::Display,
    ops::Range,
    str::FromStr,
};

use toml::de::{DeTable, DeValue};

use super::{
    error::{ContractError, MAX_ERRORS},
    keys::{Kind, SectionSpec, spec},
};
use crate::{
    nearest::nearest,
    rule::Rule,
    time::{Span, Timestamp},
};

/// How many elements a list has at most.
const MAX_LIST: usize = 1_000;

/// What has been found so far.
pub(super) struct Reader<'t> {
    text: &'t str,
    errors: RefCell<Vec<ContractError>>,
    places: RefCell<BTreeMap<String, Range<usize>>>,
}

impl<'t> Reader<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, errors: RefCell::default(), places: RefCell::default() }
    }

    pub(super) fn error(&self, place: Range<usize>, message: impl Into<String>, hint: impl Into<Option<String>>) {
        let mut errors = self.errors.borrow_mut();
        if errors.len() < MAX_ERRORS {
            errors.push(ContractError { place, message: message.into(), hint: hint.into(), line: 0, column: 0 });
        }
    }

    /// Where the value of that path (`step.train.in.0`) stands; else where its nearest parent does.
    pub(super) fn place(&self, path: &str) -> Range<usize> {
        let places = self.places.borrow();
        let mut path = path;
        loop {
            match (places.get(path), path.rfind('.')) {
                (Some(place), _) => return place.clone(),
                (None, Some(dot)) => path = &path[..dot],
                (None, None) => return 0..0,
            }
        }
    }

    pub(super) fn into_errors(self) -> Vec<ContractError> {
        self.errors.into_inner()
    }

    fn remember(&self, path: &str, place: &Range<usize>) {
        self.places.borrow_mut().insert(path.to_owned(), place.clone());
    }
}

/// A named entry of a table, in the order of the file.
pub(super) struct Entry<'r, 't> {
    pub name: &'r str,
    pub place: Range<usize>,
    pub field: Field<'r, 't>,
}

/// A table whose keys are known.
pub(super) struct Section<'r, 't> {
    reader: &'r Reader<'t>,
    /// As the user wrote it: `data.customers`.
    pub path: String,
    spec: &'static SectionSpec,
    table: &'r DeTable<'t>,
    place: Range<usize>,
    asked: RefCell<BTreeSet<&'static str>>,
}

impl<'r, 't> Section<'r, 't> {
    /// The value of a key, when it is there.
    pub(super) fn field(&self, key: &'static str) -> Option<Field<'r, 't>> {
        self.asked.borrow_mut().insert(key);
        let (_, value) = self.table.iter().find(|(name, _)| name.get_ref().as_ref() == key)?;
        Some(Field::new(self.reader, format!("{}.{key}", self.path), value.span(), value.get_ref()))
    }

    /// The value of a key that must be there.
    pub(super) fn needed(&self, key: &'static str) -> Option<Field<'r, 't>> {
        let field = self.field(key);
        if field.is_none() {
            let example = self.spec.keys.iter().find(|known| known.name == key).map_or("...", |known| known.example);
            let message = format!("[{}] needs `{key}`", self.path);
            self.reader.error(self.place.clone(), message, format!("add `{key} = {example}`"));
        }
        field
    }

    pub(super) fn text(&self, key: &'static str) -> Option<String> {
        self.field(key)?.text().map(str::to_owned)
    }

    pub(super) fn texts(&self, key: &'static str) -> Vec<String> {
        self.list(key).iter().filter_map(Field::text).map(str::to_owned).collect()
    }

    pub(super) fn parsed<T: FromStr<Err: Display>>(&self, key: &'static str) -> Option<T> {
        self.field(key)?.parsed()
    }

    pub(super) fn span(&self, key: &'static str) -> Option<Span> {
        self.field(key)?.span()
    }

    pub(super) fn bool(&self, key: &'static str) -> Option<bool> {
        self.field(key)?.bool()
    }

    /// A path inside of the project, or a pattern of them.
    pub(super) fn path(&self, key: &'static str) -> Option<String> {
        self.field(key)?.path()
    }

    pub(super) fn paths(&self, key: &'static str) -> Vec<String> {
        self.list(key).iter().filter_map(Field::path).collect()
    }

    /// A number between the ends that the list of keys states.
    pub(super) fn number(&self, key: &'static str) -> Option<f64> {
        let field = self.field(key)?;
        match self.kind(key) {
            Kind::Number(least, most) => field.number(least, most),
            _ => None,
        }
    }

    /// A whole number between the ends that the list of keys states.
    pub(super) fn count(&self, key: &'static str) -> Option<u64> {
        let field = self.field(key)?;
        match self.kind(key) {
            Kind::Count(least, most) => field.count(least, most),
            _ => None,
        }
    }

    /// One of the words that the list of keys states: its place in that list.
    pub(super) fn choice(&self, key: &'static str) -> Option<usize> {
        let field = self.field(key)?;
        let Kind::Choice(words) = self.kind(key) else { return None };
        let text = field.text()?;
        let found = words.iter().position(|word| *word == text);
        if found.is_none() {
            field.error(format!("`{text}` is not a {key}"), did_you_mean(text, words.iter().copied()));
        }
        found
    }

    pub(super) fn rules(&self, key: &'static str) -> Vec<Rule> {
        self.list(key).iter().filter_map(Field::rule).collect()
    }

    /// The elements of a list; empty when the key is not there.
    pub(super) fn list(&self, key: &'static str) -> Vec<Field<'r, 't>> {
        self.field(key).map(|field| field.list()).unwrap_or_default()
    }

    /// The table of a key, whose own keys are listed under `spec_path`.
    pub(super) fn section(&self, key: &'static str) -> Option<Section<'r, 't>> {
        let Kind::Section(spec_path) = self.kind(key) else { return None };
        self.field(key)?.section(spec_path)
    }

    pub(super) fn error(&self, message: impl Into<String>, hint: impl Into<Option<String>>) {
        self.reader.error(self.place.clone(), message, hint);
    }

    fn kind(&self, key: &str) -> Kind {
        self.spec.keys.iter().find(|known| known.name == key).map_or(Kind::Any, |known| known.kind)
    }

    /// Refuses what is not a key of the section. Every section is finished once all its keys were asked for.
    pub(super) fn finish(self) {
        let known = || self.spec.keys.iter().map(|key| key.name);
        debug_assert_eq!(
            known().collect::<BTreeSet<_>>(),
            *self.asked.borrow(),
            "the reader of [{}] asks for exactly the keys of the list",
            self.spec.path
        );
        for (name, value) in self.table.iter() {
            let key = name.get_ref().as_ref();
            if known().any(|known| known == key) {
                continue;
            }
            let is_table = value.get_ref().is_table();
            let elsewhere = super::keys::top_level().into_iter().find(|top| *top == key && is_table);
            let hint = match elsewhere {
                Some(top) => Some(format!("`{top}` is a section of its own: write `[{top}]` at the start of a line")),
                None => did_you_mean(key, known()),
            };
            self.reader.error(name.span(), format!("unknown key `{key}` in [{}]", self.path), hint);
        }
    }
}

/// `did you mean X?`, or the list of what there is.
pub(super) fn did_you_mean<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    let known: Vec<&str> = known.collect();
    match nearest(word, known.iter().copied()) {
        Some(near) => Some(format!("did you mean `{near}`?")),
        None if known.is_empty() => None,
        None => Some(format!("there are: {}", known.join(", "))),
    }
}

/// A value and where it stands.
pub(super) struct Field<'r, 't> {
    reader: &'r Reader<'t>,
    pub path: String,
    pub place: Range<usize>,
    value: &'r DeValue<'t>,
}

impl<'r, 't> Field<'r, 't> {
    pub(super) fn new(reader: &'r Reader<'t>, path: String, place: Range<usize>, value: &'r DeValue<'t>) -> Self {
        reader.remember(&path, &place);
        Self { reader, path, place, value }
    }

    pub(super) fn error(&self, message: impl Into<String>, hint: impl Into<Option<String>>) {
        self.reader.error(self.place.clone(), message, hint);
    }

    fn key(&self) -> &str {
        let mut parts = self.path.rsplit('.').skip_while(|part| part.bytes().all(|c| c.is_ascii_digit()));
        parts.next().unwrap_or(&self.path)
    }

    fn wrong_type(&self, wanted: &str, hint: Option<String>) {
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
        let raw = self.reader.text.get(self.place.clone()).unwrap_or_default();
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
    fn number(&self, least: f64, most: f64) -> Option<f64> {
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
        match super::path::inside(text) {
            Ok(path) => Some(path),
            Err(why) => {
                let hint = "paths are relative to the folder of kilter.toml and stay inside of it".to_owned();
                self.error(format!("`{text}` {why}"), hint);
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
        let raw = self.reader.text.get(self.place.clone()).unwrap_or_default();
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
            let raw = self.reader.text.get(self.place.clone()).unwrap_or_default();
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

    /// The entries of a table, in the order of the file.
    pub(super) fn entries(&self) -> Vec<Entry<'r, 't>> {
        let DeValue::Table(table) = self.value else {
            self.wrong_type("a table", Some("write { name = ... }".to_owned()));
            return Vec::new();
        };
        entries(self.reader, &self.path, table)
    }

    /// The table with known keys that this value is.
    pub(super) fn section(&self, spec_path: &'static str) -> Option<Section<'r, 't>> {
        let DeValue::Table(table) = self.value else {
            self.wrong_type("a table", None);
            return None;
        };
        Some(Section {
            reader: self.reader,
            path: self.path.clone(),
            spec: spec(spec_path)?,
            table,
            place: self.place.clone(),
            asked: RefCell::default(),
        })
    }

    /// The value as JSON.
    pub(super) fn json(&self) -> Option<serde_json::Value> {
        use serde_json::Value;
        Some(match self.value {
            DeValue::String(text) => Value::from(text.as_ref()),
            DeValue::Integer(number) => match integer(number) {
                Some(number) => Value::from(number),
                None => {
                    self.error(format!("`{number}` is too large a number"), None);
                    return None;
                }
            },
            DeValue::Float(_) => {
                let number = self.any_number()?;
                if !number.is_finite() {
                    self.error(format!("`{}` must be a finite number", self.key()), None);
                    return None;
                }
                Value::from(number)
            }
            DeValue::Boolean(value) => Value::from(*value),
            DeValue::Datetime(time) => Value::from(time.to_string()),
            DeValue::Array(_) => Value::Array(self.list().iter().filter_map(Field::json).collect()),
            DeValue::Table(_) => Value::Object(
                self.entries().iter().filter_map(|entry| Some((entry.name.to_owned(), entry.field.json()?))).collect(),
            ),
        })
    }
}

/// The entries of a table, in the order of the file.
pub(super) fn entries<'r, 't>(reader: &'r Reader<'t>, path: &str, table: &'r DeTable<'t>) -> Vec<Entry<'r, 't>> {
    let mut entries: Vec<Entry<'r, 't>> = table
        .iter()
        .map(|(name, value)| {
            let full = if path.is_empty() { name.get_ref().to_string() } else { format!("{path}.{}", name.get_ref()) };
            // A table that opened with a header is shown by its name, not by its whole body.
            let place = if value.get_ref().is_table() { name.span() } else { value.span() };
            Entry {
                name: name.get_ref().as_ref(),
                place: name.span(),
                field: Field::new(reader, full, place, value.get_ref()),
            }
        })
        .collect();
    entries.sort_by_key(|entry| entry.place.start);
    entries
}

fn integer(number: &toml::de::DeInteger<'_>) -> Option<i64> {
    i64::from_str_radix(number.as_str(), number.radix()).ok()
}
