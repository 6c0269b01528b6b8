//! Fairness: what decisions do to groups, from one pass over the rows.
//!
//! Everything is a function of the counts of (group, truth, decision); an intersection of attributes is a group like
//! any other. Invariants: each rate has an interval; groups below the minimum count are named and left out of gaps and
//! ratios rather than judged on noise; gaps carry Newcombe intervals. Definitions are fairlearn's and AIF360's.
//! Out of scope: which definition is the right one.

mod calibration;
mod gaps;
mod groups;

pub use self::groups::{Groups, MAX_GROUPS, MINIMUM, RATES};
pub use calibration::{CalibrationByGroup, GroupCalibration, calibration_by_group};
pub use gaps::{Gap, GapSummary, equalized_odds};
