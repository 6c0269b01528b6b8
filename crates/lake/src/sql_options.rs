//! Bounds of one query.

use std::path::PathBuf;

/// Within which bounds a query runs.
#[derive(Clone, Debug)]
pub struct SqlOptions {
    /// Memory for sorting, joining and grouping, in bytes; past it DataFusion goes on in temporary files.
    pub memory_bytes: usize,
    /// Room for those files, in bytes.
    pub disk_bytes: u64,
    /// Where they lie; the system's folder when `None`.
    pub temporary: Option<PathBuf>,
    /// Threads. With more than one, rows without `ORDER BY` come in any order, and sums of floats may
    /// differ in their last digit from run to run.
    pub threads: usize,
    /// Allows `now()`, `random()`, `uuid()` and their like, with which a query is another one every time.
    pub volatile: bool,
}

impl Default for SqlOptions {
    fn default() -> Self {
        Self { memory_bytes: 1 << 30, disk_bytes: 32 << 30, temporary: None, threads: 1, volatile: false }
    }
}
