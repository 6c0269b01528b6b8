//! What is read of a table, and how much memory it may take.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::atomic::{AtomicUsize, Ordering},
};

use kilter_domain::table::ColumnType;

use crate::{builder::ColumnBuilder, error::LakeError};

/// The most that a table may take where nothing else is said, in bytes.
pub(crate) static TABLE_MEMORY: AtomicUsize = AtomicUsize::new(4 << 30);

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

/// What a row takes beside its cells, in bytes: whoever reads a table of few columns makes a label, a score and their like
/// of each row.
pub(crate) const ROW_BYTES: usize = 64;

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
        if bytes <= self.bytes as u64 {
            Ok(())
        } else {
            Err(LakeError::TooManyRows { path: path.to_owned(), limit: self.bytes, rows, bytes })
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
