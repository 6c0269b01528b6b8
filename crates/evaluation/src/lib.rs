//! Measuring: from tables, answers and references to the numbers that rules are held against.
//!
//! Invariants: gates, data checks, canaries and monitors measure a quantity by the same code, so a rule means the same
//! wherever it stands. What cannot be measured says so and how to get it.

#![deny(missing_docs, clippy::missing_errors_doc)]

pub mod bins;
pub mod column_reference;
pub mod column_stats;
pub mod column_view;
pub mod counted_rows;
pub mod drift;
pub mod drift_over_time;
pub mod event_time;
pub mod explain;
pub mod fairness;
pub mod gate_metrics;
pub mod label_leakage;
pub mod labelled_predictions;
pub mod latency;
pub mod measurement;
pub mod monitor_metrics;
mod range_names;
pub mod reference;
pub mod reference_format;
pub mod season;
pub mod table_compare;
pub mod variation;
pub mod weak_slices;

pub use measurement::{measurement, not_measured};
