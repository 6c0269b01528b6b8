//! What SQLite and PostgreSQL spell differently in statements that are put together at run time.

use std::fmt::Write;

use serde::Serialize;

use super::value::Value;

/// How a database spells what the other spells differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    Sqlite,
    Postgres,
}

impl Dialect {
    /// The parameter of this number, from 1.
    pub(crate) fn placeholder(self, number: usize) -> String {
        match self {
            Self::Sqlite => format!("?{number}"),
            Self::Postgres => format!("${number}"),
        }
    }

    /// Whether a text is like a pattern, which [`Self::pattern`] made: `%` is any text, `_` one character, and nothing else is
    /// special. Case counts, or only that of other letters than A to Z.
    pub(crate) fn like(self, text: &str, pattern: &str, by_case: bool) -> String {
        match (self, by_case) {
            // LIKE of SQLite never distinguishes A from a, GLOB always does.
            (Self::Sqlite, true) => format!("{text} GLOB {pattern}"),
            (Self::Sqlite, false) => format!("{text} LIKE {pattern}"),
            (Self::Postgres, true) => format!("{text} LIKE {pattern} ESCAPE ''"),
            // By the collation of our columns: A to Z.
            (Self::Postgres, false) => format!("{text} COLLATE \"C\" ILIKE {pattern} ESCAPE ''"),
        }
    }

    /// The pattern as [`Self::like`] wants it.
    pub(crate) fn pattern(self, pattern: &str, by_case: bool) -> String {
        if self == Self::Postgres || !by_case {
            return pattern.to_owned();
        }
        let mut glob = String::with_capacity(pattern.len());
        for letter in pattern.chars() {
            match letter {
                '%' => glob.push('*'),
                '_' => glob.push('?'),
                // A set of one is that character.
                '*' | '?' | '[' => drop(write!(glob, "[{letter}]")),
                other => glob.push(other),
            }
        }
        glob
    }

    /// Whether a text is one of a list, which [`Self::list`] made.
    pub(crate) fn is_one_of_texts(self, text: &str, list: &str) -> String {
        match self {
            Self::Sqlite => format!("{text} IN (SELECT value FROM json_each({list}))"),
            Self::Postgres => {
                format!("{text} = ANY (ARRAY(SELECT json_array_elements_text(CAST({list} AS JSON)) COLLATE \"C\"))")
            }
        }
    }

    /// Whether a whole number is one of a list, which [`Self::list`] made.
    pub(crate) fn is_one_of_integers(self, number: &str, list: &str) -> String {
        match self {
            Self::Sqlite => format!("{number} IN (SELECT value FROM json_each({list}))"),
            Self::Postgres => {
                format!("{number} = ANY (ARRAY(SELECT CAST(json_array_elements_text(CAST({list} AS JSON)) AS BIGINT)))")
            }
        }
    }

    /// A list as one parameter, however long it is.
    pub(crate) fn list<T: Serialize>(self, values: &[T]) -> Value {
        // Texts and numbers are always JSON.
        Value::Text(serde_json::to_string(values).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_percent_and_underscore_are_special_in_a_pattern() {
        let by_case = |pattern: &str| Dialect::Sqlite.pattern(pattern, true);
        assert_eq!(by_case("a%b_c"), "a*b?c");
        assert_eq!(by_case("[a-z]*?\\^"), "[[]a-z][*][?]\\^");
        assert_eq!(Dialect::Sqlite.pattern("a%*", false), "a%*");
        assert_eq!(Dialect::Postgres.pattern("a%*\\", true), "a%*\\");
    }
}
