//! What can go wrong between a file and a table. Each text says what was attempted, on which thing, why,
//! and what to do next.

use std::{
    io,
    path::{Path, PathBuf},
};

use kilter_domain::{
    digest::Digest,
    table::{ColumnType, TableError},
};
use kilter_storage::ObjectError;

use crate::{format::Format, name_hint::hint, sql_error::SqlError};

/// Why a table could not be read, written, listed or queried.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the message of each variant says what it is")]
pub enum LakeError {
    #[error("could not {doing} `{}`", .path.display())]
    Io { doing: &'static str, path: PathBuf, source: io::Error },
    #[error(
        "`{}` has no known ending: name it .parquet, .csv, .tsv, .jsonl or .ndjson", .path.display()
    )]
    UnknownFormat { path: PathBuf },
    #[error("`{}` is named like {named} but holds {found}: rename it, or write it again", .path.display())]
    WrongFormat { path: PathBuf, named: Format, found: &'static str },
    #[error(
        "`{}` is {found}, not a file: tables are read more than once; write it to a file first", .path.display()
    )]
    NotAFile { path: PathBuf, found: &'static str },
    #[error("folder `{}` holds folders in folders, more than {limit} deep: is there a link to a folder above?", .path.display())]
    TooDeep { path: PathBuf, limit: usize },
    #[error("`{}` is empty: a table needs at least its column names", .path.display())]
    Empty { path: PathBuf },
    #[error("folder `{}` holds no table file: put .parquet, .csv, .tsv or .jsonl files into it", .path.display())]
    EmptyFolder { path: PathBuf },
    #[error(
        "folder `{}` holds `{first}` and `{other}`: the files of one table have one format; move the others out",
        .path.display()
    )]
    MixedFormats { path: PathBuf, first: String, other: String },
    #[error(
        "`{}` is a folder of a key (`key=value`), and such keys are not read as columns: \
         write the key as a column of the files",
        .path.display()
    )]
    PartitionKey { path: PathBuf },
    #[error("`{}` holds more than {limit} files: one table has at most that many", .path.display())]
    TooManyFiles { path: PathBuf, limit: usize },
    #[error(
        "`{}` line {line} has {cells} cells, its header {expected}: quote cells that hold the delimiter, \
         or complete the row",
        .path.display()
    )]
    Ragged { path: PathBuf, line: u64, cells: usize, expected: usize },
    #[error("`{}` names column `{name}` twice (columns {first} and {second}): rename one", .path.display())]
    DuplicateHeader { path: PathBuf, name: String, first: usize, second: usize },
    #[error("`{}` names no column {position}: every column needs a name in the first line", .path.display())]
    UnnamedColumn { path: PathBuf, position: usize },
    #[error("`{}` has more than {limit} columns: split it", .path.display())]
    TooManyColumns { path: PathBuf, limit: usize },
    #[error("`{}` line {line}, column `{column}` is not UTF-8: save the file in that encoding", .path.display())]
    NotUtf8 { path: PathBuf, line: u64, column: String },
    #[error(
        "`{}` line {line}, column `{column}`: `{text}` is not {}: correct it, or let the column have another type",
        .path.display(), article(*.wanted)
    )]
    BadCell { path: PathBuf, line: u64, column: String, text: String, wanted: ColumnType },
    #[error(
        "`{}` line {line} begins a row of more than {limit} bytes: look there for a quote that is never closed",
        .path.display()
    )]
    HugeRow { path: PathBuf, line: u64, limit: usize },
    #[error("`{}` line {line} is not a JSON object with plain values: {what}", .path.display())]
    BadJson { path: PathBuf, line: u64, what: String },
    #[error("`{}` is damaged or cut short: {what}; restore it from a copy, or write it again", .path.display())]
    Damaged { path: PathBuf, what: String },
    #[error(
        "`{}` column `{column}` holds {found}, which has no place in a table of numbers, texts, yes/no and times: \
         leave the column out, or convert it with `kilter sql`",
        .path.display()
    )]
    UnsupportedType { path: PathBuf, column: String, found: String },
    #[error(
        "`{}` column `{column}` holds a value outside of what {} can hold ({what}): convert it with `kilter sql`",
        .path.display(), article(*.wanted)
    )]
    OutOfRange { path: PathBuf, column: String, wanted: ColumnType, what: String },
    #[error("`{}` does not fit to the table's first file `{}`: {what}", .path.display(), .first.display())]
    DifferentColumns { path: PathBuf, first: PathBuf, what: String },
    #[error("`{}` has no column `{name}`{}", .path.display(), hint(.nearest.as_deref()))]
    UnknownColumn { path: PathBuf, name: String, nearest: Option<String> },
    #[error(
        "`{}` needs more than the {limit} bytes of memory allowed for a table (after {rows} rows): \
         read fewer columns, cut it down with `kilter sql`, or raise KILTER_TABLE_MEMORY (like 8GiB)",
        .path.display()
    )]
    TooLarge { path: PathBuf, limit: usize, rows: usize },
    #[error(
        "`{}` has {rows} rows, which would take {bytes} bytes of memory, more than the {limit} allowed for a table: read fewer columns, cut it down with `kilter sql`, or raise KILTER_TABLE_MEMORY (like 8GiB)",
        .path.display()
    )]
    TooManyRows { path: PathBuf, limit: usize, rows: u64, bytes: u64 },
    #[error(
        "`{}` has pages that unpack to {bytes} bytes at a time, more than the {limit} allowed for a table: write it with smaller \
         pages or fewer columns, or raise KILTER_TABLE_MEMORY (like 8GiB)", .path.display()
    )]
    PagesTooLarge { path: PathBuf, bytes: u64, limit: usize },
    #[error("could not write `{}`: column `{column}` row {row} holds {what}; write Parquet instead", .path.display())]
    Unwritable { path: PathBuf, column: String, row: usize, what: &'static str },
    #[error(
        "`{}` is missing, and the index of the prediction log knows it: restore it from a backup (`kilter restore`), or \
         accept that its rows are lost with `kilter doctor --accept-loss`", .path.display()
    )]
    PartitionMissing { path: PathBuf },
    #[error("a partition for `{}` needs a time column `{column}` without missing values{}", .path.display(), at_row(*.row))]
    NoTime { path: PathBuf, column: &'static str, row: Option<usize> },
    #[error(
        "`{}` is damaged: it has digest {found}, and {expected} was recorded; restore it from a backup \
         (`kilter restore`), or accept that its rows are lost with `kilter doctor --accept-loss`", .path.display()
    )]
    Changed { path: PathBuf, expected: Digest, found: Digest },
    #[error("`{}` does not make a table", .path.display())]
    Table { path: PathBuf, source: TableError },
    #[error(transparent)]
    Sql(#[from] SqlError),
    #[error(transparent)]
    Storage(#[from] ObjectError),
}

impl LakeError {
    /// True when a partition of the prediction log is missing or has other bytes than were written.
    pub const fn is_damaged(&self) -> bool {
        match self {
            Self::PartitionMissing { .. } | Self::Changed { .. } => true,
            Self::Storage(error) => error.is_damaged(),
            _ => false,
        }
    }
}

/// The bytes of `path` are no table, and why.
pub(crate) fn damaged(path: &Path, what: impl ToString) -> LakeError {
    LakeError::Damaged { path: path.to_owned(), what: what.to_string() }
}

fn at_row(row: Option<usize>) -> String {
    row.map_or_else(String::new, |row| format!("; row {row} has none"))
}

fn article(wanted: ColumnType) -> &'static str {
    match wanted {
        ColumnType::Float => "a number",
        ColumnType::Int => "a whole number of 64 bits",
        ColumnType::Bool => "true or false",
        ColumnType::Text => "a text",
        ColumnType::Time => "a time like 2026-03-01T12:00:00Z",
    }
}
