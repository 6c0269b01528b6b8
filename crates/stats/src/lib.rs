//! Statistics of models in use: numbers in, numbers out.
//!
//! Slices of numbers go in; estimates with intervals, distances with their null expectations, e-values and frozen
//! profiles come out. Holds true: every answer is a pure function of its arguments (seeds are handed in), an answer
//! that cannot be given says why ([`Unmeasured`]), and no NaN is dressed as a number. Deliberately absent: files,
//! clocks, sockets, databases, and every word of the product's domain. `design/monitoring.md` holds the definitions.

pub mod association;
pub mod boost;
pub mod causes;
pub mod compare;
pub mod drift;
pub mod estimated;
pub mod evidence;
pub mod explain;
pub mod fairness;
pub mod hash;
pub mod interval;
pub mod labels;
pub mod multivariate;
pub mod online;
pub mod outcome;
pub mod peers;
pub mod performance;
pub mod profile;
pub mod random;
pub mod sketch;
pub mod tails;
pub mod unstructured;

pub use outcome::{Estimate, Outcome, Unmeasured};
