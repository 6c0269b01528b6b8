//! `[data.*]`: where a dataset is, what its columns are for, and what must hold of it.

use crate::{ids::DatasetName, rule::Rule, time::Span};

/// A dataset as the contract states it.
#[derive(Clone, Debug, PartialEq)]
pub struct Dataset {
    /// `NAME` of `[data.NAME]`.
    pub name: DatasetName,
    /// Where its rows are; `None` if steps do not read it.
    pub path: Option<Location>,
    /// Where the address of the database is that `sql:` asks; `None` for every other place.
    pub database: Option<DatabaseSource>,
    /// JSON Schema file of its rows, relative to the project.
    pub schema: Option<String>,
    /// The event-time column: timestamps, dates as text, whole years, or a number of the row.
    pub time: Option<String>,
    /// The columns that identify a row, and so a prediction.
    pub id: Vec<String>,
    /// The column to predict.
    pub label: Option<String>,
    /// The column that says when the label became known.
    pub label_time: Option<String>,
    /// How long after the event the label becomes known, when no column says it.
    pub label_delay: Option<Span>,
    /// The class that counts as positive, as text.
    pub positive: Option<String>,
    /// The column of row weights.
    pub weight: Option<String>,
    /// Columns by which fairness is watched.
    pub sensitive: Vec<String>,
    /// Columns that are never features.
    pub ignore: Vec<String>,
    /// Columns that may tell the label alone: they are known when a prediction is made and do not follow from it.
    pub not_leaking: Vec<String>,
    /// Columns that are categories, whatever their type.
    pub categorical: Vec<String>,
    /// What must hold before the data is used.
    pub require: Vec<Rule>,
}

/// Where bytes come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// Relative to the project, inside of it.
    File(String),
    /// `s3://`, `http://`, `https://`, `sql:`: as written.
    Remote(String),
}

impl Location {
    /// As written.
    pub fn as_str(&self) -> &str {
        match self {
            Self::File(text) | Self::Remote(text) => text,
        }
    }
}

/// Where the address of a database is: never in the contract, because it may hold a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DatabaseSource {
    /// `env:NAME`: in a variable of the environment.
    Variable(String),
    /// `file:PATH`: in a file of this machine, relative to the project or absolute.
    File(String),
}
