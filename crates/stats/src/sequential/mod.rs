//! Evidence over time: e-values, detectors and confidence sequences. One may look after every window, stop whenever
//! one likes, and the stated rate of false alarms still holds.
//!
//! Invariants: every e-value here has mean at most one when nothing has changed, given the past; so products, sums over
//! starting times and averages over columns keep their meaning under any dependence between columns. Rows of one column
//! must be exchangeable with the reference's: rows that repeat an entity overstate the evidence, and seasons need
//! strata. Out of scope: effect sizes (`drift`), severities, the life of an alert.

mod alarm;
mod bets;
mod column;
mod conformal;
mod directions;
mod rate;
mod sample_ratio;
mod sequence;
mod series;
mod windows;

pub use alarm::{e_benjamini_hochberg, model_detector, model_e_process, p_to_e};
pub use column::ColumnEvidence;
pub use conformal::ConformalMartingale;
pub use directions::{Basis, Direction, Directions, MIN_BLOCKS};
pub use rate::{RateReading, RateVerdict, count_e_value, judge_rate, rate_e_value};
pub use sample_ratio::SampleRatio;
pub use sequence::{BettingSequence, EmpiricalBernstein, distribution_band, msprt, msprt_two_arms, paired_difference};
pub use series::Trend;
pub use windows::{WindowEvidence, WindowReference};
