//! Monitors: every window of an endpoint is read once when it ends, and again when more of its labels are known.
//!
//! Holds true: a reading says when it was made and how many labels it rests on; what is estimated without labels is
//! never called measured; rows are compared with the reference of the version that answered them.

pub mod alerts;
pub mod calendar;
mod causes;
pub(crate) mod corrections;
pub mod defaults;
mod due;
mod estimates;
pub mod evidence;
mod handle;
mod labels;
mod look;
mod past;
mod promotion;
mod readings;
mod tell;
mod usage;

pub use alerts::Subject;
pub use calendar::{Calendar, Window};
pub use readings::level_of_drift;
pub use tell::ALERT_LOG;
