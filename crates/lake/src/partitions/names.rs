//! Names of columns that every partition of a log has.

/// The column that orders the rows of the log: when it was predicted, or when the label came to be known.
/// Names that begin with `_` are Kilter's own, so no feature bears this one.
pub const TIME_COLUMN: &str = "_time";

/// The column of texts by which rows of two logs are joined: each partition keeps a filter of its values.
pub const ID_COLUMN: &str = "__id";
