//! Tables at rest: files that people bring, the prediction log, and SQL over both.
//!
//! Invariants: a table that is read is whole and typed, or the error names the file and what is wrong with it; a file
//! that is written is whole or absent; a partition of the log never changes; everything that reads bytes from outside
//! works within a bound of memory, and neither panics nor guesses.
//!
//! Everything offered is concrete, without generics or traits of Arrow and DataFusion: their code is compiled
//! here once, and not in every crate above.
//!
//! Out of scope: what a column means, which rows count (`app`), and where bytes lie by digest (`blobs`).

#![warn(missing_docs)]

mod arrow_types;
mod builder;
mod claims;
mod columns;
mod csv;
mod error;
mod format;
mod infer_schema;
mod jsonl;
mod name_hint;
mod parquet;
mod partitions;
mod read;
mod read_options;
mod scan;
mod source;
mod sql;
mod sql_error;
mod sql_options;
mod summary;
mod text_writer;
mod write;

pub use columns::{TableColumns, Values};
pub use error::LakeError;
pub use format::Format;
pub use partitions::{ID_COLUMN, KnownPartition, Lake, Listing, LogKind, Partition, StagedPartition, TIME_COLUMN};
pub use read::{
    ReadOptions, Schema, column_names, read_table, schema_of, set_table_memory, table_memory, unread_columns,
};
pub use sql::{QueryResult, sql, sql_async, sql_over_logs};
pub use sql_error::SqlError;
pub use sql_options::SqlOptions;
pub use summary::{ColumnSummary, Distinct, MAX_DISTINCT, NumberSummary, TOP_VALUES, summaries};
pub use write::write_table;
