//! Pages: every list is read in bounded pieces, each saying where the next one begins.
//!
//! Invariants: a walk by cursor sees each row that was there when it began once, whatever is added meanwhile.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::StoreError;

/// Rows of a page, when nothing else was asked for.
pub const DEFAULT_LIMIT: u32 = 100;
/// Rows of a page at most.
pub const MAX_LIMIT: u32 = 1000;

/// Where a page ends and the next begins. Opaque: what a list gave out goes back to the same list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cursor(String);

impl Cursor {
    fn new(list: &str, key: i64) -> Self {
        Self(format!("{list}.{key}"))
    }

    fn key(&self, list: &str) -> Result<i64, StoreError> {
        self.0
            .strip_prefix(list)
            .and_then(|rest| rest.strip_prefix('.'))
            .and_then(|key| key.parse().ok())
            .ok_or_else(|| StoreError::InvalidCursor(self.0.chars().take(80).collect()))
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl FromStr for Cursor {
    type Err = std::convert::Infallible;

    /// Takes any text; whether it belongs to a list is found out by that list.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

/// Which page of a list is wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PageRequest {
    limit: Option<u32>,
    after: Option<Cursor>,
}

impl PageRequest {
    /// The first page of at most `limit` rows (1 to [`MAX_LIMIT`]; anything else is brought into that range).
    pub fn first(limit: u32) -> Self {
        Self { limit: Some(limit), after: None }
    }

    /// The page that begins where `cursor` was given out.
    pub fn after(self, cursor: Cursor) -> Self {
        Self { after: Some(cursor), ..self }
    }

    pub(crate) fn limit(&self) -> u32 {
        self.limit.unwrap_or(DEFAULT_LIMIT).clamp(1, MAX_LIMIT)
    }

    /// The key to go on below (newest first), or one above all keys.
    pub(crate) fn below(&self, list: &str) -> Result<i64, StoreError> {
        self.after.as_ref().map_or(Ok(i64::MAX), |cursor| cursor.key(list))
    }

    /// The key to go on above (oldest first), or one below all keys.
    pub(crate) fn above(&self, list: &str) -> Result<i64, StoreError> {
        self.after.as_ref().map_or(Ok(i64::MIN), |cursor| cursor.key(list))
    }

    /// One row more than the page, to see whether there is a next one.
    pub(crate) fn probe(&self) -> u32 {
        self.limit() + 1
    }

    /// The page made of `rows`, which were read with [`Self::probe`] as their limit, each with its key.
    pub(crate) fn page<T>(&self, list: &str, mut rows: Vec<(i64, T)>) -> Page<T> {
        let limit = self.limit() as usize;
        let has_next = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| has_next).map(|(key, _)| Cursor::new(list, *key));
        Page { items: rows.into_iter().map(|(_, item)| item).collect(), next }
    }
}

/// A bounded piece of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// At most as many as were asked for.
    pub items: Vec<T>,
    /// Where the next page begins; `None` on the last one.
    pub next: Option<Cursor>,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_cursor_belongs_to_the_list_that_gave_it_out() {
        let cursor = Cursor::new("run", 7);
        assert_eq!(cursor.key("run").unwrap(), 7);
        assert!(matches!(cursor.key("alert"), Err(StoreError::InvalidCursor(_))));
    }

    #[test]
    fn a_page_has_at_least_one_row_and_at_most_a_thousand() {
        assert_eq!(PageRequest::first(0).limit(), 1);
        assert_eq!(PageRequest::first(u32::MAX).limit(), MAX_LIMIT);
    }

    proptest! {
        #[test]
        fn any_text_is_a_cursor_or_a_clear_error(text in ".*") {
            let cursor: Cursor = text.parse().unwrap();
            match cursor.key("run") {
                Ok(key) => prop_assert_eq!(text.strip_prefix("run.").and_then(|rest| rest.parse().ok()), Some(key)),
                Err(error) => prop_assert!(error.to_string().len() < 500),
            }
        }

        #[test]
        fn every_cursor_reads_back(key: i64) {
            prop_assert_eq!(Cursor::new("run", key).key("run").unwrap(), key);
        }
    }
}
