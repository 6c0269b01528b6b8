//! Column statistics: counts per column and hour of what an endpoint served.

pub(crate) mod bucket;
pub(crate) mod collect;
pub(crate) mod error;
pub(crate) mod file;
pub(crate) mod folder;
pub(crate) mod summary;
pub(crate) mod sums;

pub use collect::{endpoint_column_stats, keep_column_stats};
pub use error::ColumnStatsError;
pub use file::ColumnStatsFileError;
pub use summary::{ColumnReading, EndpointColumnStats, VersionColumnStats};
pub use sums::Span;
