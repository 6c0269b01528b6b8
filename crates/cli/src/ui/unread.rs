//! Columns of a file that are not read, for the end of an answer.

use std::path::Path;

use kilter_lake::unread_columns;
use serde::Serialize;

use crate::ui::error::CliError;

/// A column that is not read, because its type has no place in a table.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Unread {
    column: String,
    #[serde(rename = "type")]
    found: String,
}

impl Unread {
    /// Those of a table, each with its type.
    pub(crate) fn all(unread: &[(String, String)]) -> Vec<Self> {
        unread.iter().map(|(column, found)| Self { column: column.clone(), found: found.clone() }).collect()
    }

    /// Those of a file.
    pub(crate) fn of_file(path: &Path) -> Result<Vec<Self>, CliError> {
        Ok(Self::all(&unread_columns(path)?))
    }

    pub(crate) fn column(&self) -> &str {
        &self.column
    }

    /// As a sentence.
    pub(crate) fn words(&self) -> String {
        format!("`{}` was left out: it holds {}", self.column, self.found)
    }
}
