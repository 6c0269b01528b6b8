//! Tables of a contract: their known keys, their entries, and which key was probably meant.

use std::{cell::RefCell, collections::BTreeSet, fmt::Display, ops::Range, str::FromStr};

use toml::de::{DeTable, DeValue};

use super::{
    field::{Field, integer},
    keys::{KeyKind, SectionSpec, spec, top_level},
    reader::Reader,
};
use crate::{nearest::nearest, rule::Rule, time::Span};

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
    /// The table that stands at `path`; `place` is what an error about the whole of it points at.
    pub(super) fn new(
        reader: &'r Reader<'t>,
        path: String,
        spec: &'static SectionSpec,
        table: &'r DeTable<'t>,
        place: Range<usize>,
    ) -> Self {
        Self { reader, path, spec, table, place, asked: RefCell::default() }
    }

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
            KeyKind::Number(least, most) => field.number(least, most),
            _ => None,
        }
    }

    /// A whole number between the ends that the list of keys states.
    pub(super) fn count(&self, key: &'static str) -> Option<u64> {
        let field = self.field(key)?;
        match self.kind(key) {
            KeyKind::Count(least, most) => field.count(least, most),
            _ => None,
        }
    }

    /// One of the words that the list of keys states: its place in that list.
    pub(super) fn choice(&self, key: &'static str) -> Option<usize> {
        let field = self.field(key)?;
        let KeyKind::Choice(words) = self.kind(key) else { return None };
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
        let KeyKind::Section(spec_path) = self.kind(key) else { return None };
        self.field(key)?.section(spec_path)
    }

    pub(super) fn error(&self, message: impl Into<String>, hint: impl Into<Option<String>>) {
        self.reader.error(self.place.clone(), message, hint);
    }

    fn kind(&self, key: &str) -> KeyKind {
        self.spec.keys.iter().find(|known| known.name == key).map_or(KeyKind::Any, |known| known.kind)
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
            let elsewhere = top_level().into_iter().find(|top| *top == key && is_table);
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

impl<'r, 't> Field<'r, 't> {
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
        Some(Section::new(self.reader, self.path.clone(), spec(spec_path)?, table, self.place.clone()))
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
