//! Commands that measure a model or a table, and write the result as text, JSON or an HTML report.

pub(crate) mod drift;
pub(crate) mod evaluate;
pub(crate) mod explain;
pub(crate) mod fairness;
pub(crate) mod profile;
