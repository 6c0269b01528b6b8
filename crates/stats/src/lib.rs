//! Statistics of models in use: numbers in, numbers out.
//!
//! Slices of numbers go in; estimates with intervals, distances with their null expectations, e-values and frozen
//! profiles come out. Invariants: every answer is a pure function of its arguments (seeds are handed in), an answer
//! that cannot be given says why ([`Unmeasured`]), and no NaN is dressed as a number. Out of scope: files,
//! clocks, sockets, databases, and every word of the product's domain. `docs/reference/statistics.md` lists the definitions and what they were compared with.

#![warn(missing_docs)]

pub mod association;
pub mod boost;
pub mod change_detection;
pub mod compare;
pub mod distributions;
pub mod drift;
pub mod explain;
pub mod fairness;
pub mod hash;
pub mod interval;
pub mod label_delay;
pub mod multivariate;
pub mod outcome;
pub mod performance;
pub mod performance_estimation;
pub mod profile;
pub mod random;
pub mod reference_impls;
pub mod root_cause;
pub mod sequential;
pub mod sketch;
pub mod text_embedding;

pub use outcome::{Estimate, MetricResult, Unmeasured};
