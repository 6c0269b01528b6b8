//! From a path to a table in memory, within a bound.

use std::path::Path;

use kilter_domain::table::{Column, ColumnType, Table};

use crate::{
    arrow_types,
    csv::CsvRecords,
    error::LakeError,
    format::Format,
    parquet::{Merge, ParquetTable, survey},
    read_options::MemoryBound,
    scan::Scan,
    source::Source,
};

pub use crate::read_options::{ReadOptions, set_table_memory, table_memory};

/// Rows that are parsed between two looks at the memory bound.
const CHUNK_ROWS: usize = 4096;

/// Names, types and length of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schema {
    /// Name and type of each column, in order.
    pub columns: Vec<(String, ColumnType)>,
    /// How many rows it has.
    pub rows: u64,
}

/// Reads a table: Parquet, CSV, TSV or JSON lines by its ending, or a folder of such files in name order.
///
/// Types of text files are judged over all rows: whole numbers, numbers, `true`/`false`, ISO dates and times
/// (UTC where no offset stands), else text. An empty cell is missing; in columns that are not text so are `NA`,
/// `N/A`, `NaN`, `null`, `None` and `?`.
///
/// # Errors
/// A file that is not what its name says, is damaged, has ragged rows, duplicate names, other columns than the first
/// file of its folder, or needs more memory than allowed. The error names the file, and where it can the line and the
/// column. Columns of a Parquet file whose type has no place in a table (lists, binary) are left out, unless
/// [`ReadOptions::columns`] names them; [`unread_columns`] says which.
pub fn read_table(path: &Path, options: &ReadOptions) -> Result<Table, LakeError> {
    let source = Source::open(path)?;
    let limit = options.limit.unwrap_or(usize::MAX);
    let bound = MemoryBound { bytes: options.memory_bytes };
    let (names, columns) = match source.format {
        Format::Parquet => {
            let table = ParquetTable::plan(source, options, false)?;
            let columns = table.read(limit, &bound)?;
            (table.columns, columns)
        }
        _ => {
            let scan = Scan::plan(source, options)?;
            let columns = read_text(path, &scan, limit, &bound)?;
            (scan.columns, columns)
        }
    };
    let named = names.into_iter().map(|(name, _)| name).zip(columns).collect();
    Table::new(named).map_err(|source| LakeError::Table { path: path.to_owned(), source })
}

/// The columns that [`read_table`] leaves out because their type has no place in a table, with that type.
///
/// # Errors
/// As [`read_table`].
pub fn unread_columns(path: &Path) -> Result<Vec<(String, String)>, LakeError> {
    let source = Source::open(path)?;
    if source.format != Format::Parquet {
        return Ok(Vec::new());
    }
    let survey = survey(&source, Merge::Equal)?;
    let unread = survey.fields.into_iter().filter(|(_, data_type)| arrow_types::column_type(data_type).is_none());
    Ok(unread.map(|(name, data_type)| (name, data_type.to_string())).collect())
}

/// The names of a table's columns, without its rows (JSON lines are read: each may bring another name).
///
/// # Errors
/// As [`read_table`].
pub fn column_names(path: &Path) -> Result<Vec<String>, LakeError> {
    let source = Source::open(path)?;
    match (source.format, source.files.first()) {
        (Format::Csv | Format::Tsv, Some(first)) => Ok(CsvRecords::open(first, source.format)?.names().to_vec()),
        (Format::Parquet, _) => Ok(survey(&source, Merge::Equal)?.fields.into_iter().map(|(name, _)| name).collect()),
        _ => Ok(Scan::plan(source, &ReadOptions::default())?.columns.into_iter().map(|(name, _)| name).collect()),
    }
}

/// Reads the columns of a table, and counts its rows, without holding it in memory.
///
/// # Errors
/// As [`read_table`].
pub fn schema_of(path: &Path) -> Result<Schema, LakeError> {
    let source = Source::open(path)?;
    let options = ReadOptions::default();
    let (columns, rows) = match source.format {
        Format::Parquet => {
            let table = ParquetTable::plan(source, &options, false)?;
            (table.columns, table.rows)
        }
        _ => {
            let scan = Scan::plan(source, &options)?;
            (scan.columns, scan.rows)
        }
    };
    Ok(Schema { columns, rows })
}

fn read_text(path: &Path, scan: &Scan, limit: usize, bound: &MemoryBound) -> Result<Vec<Column>, LakeError> {
    let mut chunks = scan.chunks();
    let mut left = limit;
    while left > 0 {
        match chunks.advance(left.min(CHUNK_ROWS))? {
            0 => break,
            read => left -= read,
        }
        bound.check(path, chunks.builders())?;
    }
    Ok(chunks.take())
}
