//! Threshold updates: the operating threshold of a binary model follows labels that matured, without a retraining.

pub(crate) mod complete_labels;
pub(crate) mod siblings;
pub(crate) mod tune;
pub(crate) mod version;
