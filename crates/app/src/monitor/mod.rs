//! Monitors: every window of an endpoint is read once when it ends, and again when more of its labels are known.
//!
//! Invariants: a reading says when it was made and how many labels it rests on; what is estimated without labels is
//! never called measured; rows are compared with the reference of the version that answered them.

pub(crate) mod corrections;
pub(crate) mod default_rules;
pub(crate) mod drift_detector;
pub(crate) mod endpoint_monitor;
pub(crate) mod error;
pub(crate) mod estimates;
pub(crate) mod evaluate;
pub(crate) mod judge;
pub(crate) mod labelled_window;
pub(crate) mod missing_labels;
pub(crate) mod promotion;
pub(crate) mod readings;
pub(crate) mod root_cause;
pub(crate) mod rows_read;
pub(crate) mod rule_span;
pub(crate) mod sample_ratio;
pub(crate) mod superseded_versions;
pub(crate) mod unknown_classes;
pub(crate) mod usage;
pub(crate) mod version_context;
pub(crate) mod window;
pub(crate) mod window_data;

#[cfg(test)]
mod tests;

pub use endpoint_monitor::calendar;
pub use error::MonitorError;
pub use evaluate::evaluate_monitors;
pub use kilter_stats::compare::Level;
pub use readings::level_of_drift;
pub use window::Calendar;
