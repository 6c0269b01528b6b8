//! The formats of tables.

use std::fmt;

/// How a table lies in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// Columns in compressed pages, with types.
    Parquet,
    /// Comma-separated text with a header line; `;`, tab and `|` are recognised by the header.
    Csv,
    /// Tab-separated text with a header line.
    Tsv,
    /// One JSON object a line.
    JsonLines,
}

impl fmt::Display for Format {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Parquet => "Parquet",
            Self::Csv => "CSV",
            Self::Tsv => "tab-separated text",
            Self::JsonLines => "JSON lines",
        })
    }
}
