//! Commands that write or query tables.

pub(crate) mod split;
pub(crate) mod sql;
