//! What the server does without being asked.

pub(crate) mod certificates;
pub(crate) mod checkpoints;
pub(crate) mod events;
pub(crate) mod flush_column_stats;
pub(crate) mod follow;
pub(crate) mod model_memory;
pub(crate) mod publish;
pub(crate) mod reconcile;
pub(crate) mod replicate;
pub(crate) mod schedule;

#[cfg(test)]
mod tests;
