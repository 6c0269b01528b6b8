//! From a path to a table in memory, within a bound.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::atomic::{AtomicUsize, Ordering},
};

use kilter_domain::table::{Column, ColumnType, Table};

use crate::{
    arrow_types,
    builder::ColumnBuilder,
    csv::CsvRecords,
    error::LakeError,
    format::{Format, Source},
    parquet::{Merge, ParquetTable, survey},
    scan::Scan,
};

/// Rows that are parsed between two looks at the memory bound.
const CHUNK_ROWS: usize = 4096;

/// The most that a table may take where nothing else is said, in bytes.
static TABLE_MEMORY: AtomicUsize = AtomicUsize::new(4 << 30);

/// The most bytes of memory that a table may take, where [`ReadOptions`] do not say otherwise.
pub fn table_memory() -> usize {
    TABLE_MEMORY.load(Ordering::Relaxed)
}

/// Sets how many bytes of memory a table may take from now on, for the whole process.
pub fn set_table_memory(bytes: usize) {
    TABLE_MEMORY.store(bytes.max(1), Ordering::Relaxed);
}

/// What to read of a table.
#[derive(Clone, Debug)]
pub struct ReadOptions {
    /// These columns in this order; all when `None`.
    pub columns: Option<Vec<String>>,
    /// At most so many rows, from the first.
    pub limit: Option<usize>,
    /// Columns whose type is known better than by looking: `plz` is a text though it looks like a number.
    pub types: BTreeMap<String, ColumnType>,
    /// At most so many bytes of memory for the table, roughly.
    pub memory_bytes: usize,
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self { columns: None, limit: None, types: BTreeMap::new(), memory_bytes: table_memory() }
    }
}

/// Names, types and length of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schema {
    /// Name and type of each column, in order.
    pub columns: Vec<(String, ColumnType)>,
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

/// What a row takes beside its cells, in bytes: whoever reads a table of few columns makes a label, a score and their like
/// of each row.
const ROW_BYTES: usize = 64;

/// How much memory a table may take, with what is made of its rows.
pub(crate) struct MemoryBound {
    pub bytes: usize,
}

impl MemoryBound {
    /// Refuses so many rows of these columns when their cells alone are too much.
    pub fn check_rows(&self, path: &Path, builders: &[ColumnBuilder], rows: u64) -> Result<(), LakeError> {
        let cells: usize = builders.iter().map(ColumnBuilder::cell_bytes).sum();
        let bytes = (ROW_BYTES + cells) as u64;
        let bytes = bytes.saturating_mul(rows);
        match bytes <= self.bytes as u64 {
            true => Ok(()),
            false => Err(LakeError::TooManyRows { path: path.to_owned(), limit: self.bytes, rows, bytes }),
        }
    }

    pub fn check(&self, path: &Path, builders: &[ColumnBuilder]) -> Result<(), LakeError> {
        let rows = builders.first().map_or(0, ColumnBuilder::len);
        let held: usize = rows * ROW_BYTES + builders.iter().map(ColumnBuilder::bytes).sum::<usize>();
        if held <= self.bytes {
            return Ok(());
        }
        Err(LakeError::TooLarge { path: path.to_owned(), limit: self.bytes, rows })
    }
}
