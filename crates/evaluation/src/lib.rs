//! Measuring: from tables, answers and references to the numbers that rules are held against.
//!
//! Invariants: gates, data checks, canaries and monitors measure a quantity by the same code, so a rule means the same
//! wherever it stands. What cannot be measured says so and how to get it.

pub mod bins;
pub mod column_stats;
pub mod drift;
pub mod drift_over_time;
pub mod explain;
pub mod fairness;
pub mod gate_metrics;
pub mod label_leakage;
pub mod labelled_predictions;
pub mod latency;
pub mod monitor_metrics;
mod range_names;
pub mod reference;
pub mod reference_format;
pub mod season;
pub mod table_compare;
pub mod variation;

use kilter_domain::rule::{Measurement, NotMeasured};
use kilter_stats::{Estimate, Unmeasured};

/// An estimate of `stats` as a measurement of the rule language.
pub fn measurement(estimate: &Estimate) -> Measurement {
    Measurement {
        value: estimate.value,
        whole: None,
        interval: Some((estimate.low, estimate.high)),
        count: estimate.count,
        estimated: false,
        note: None,
    }
}

/// Why `stats` has no number, with the way to one.
pub fn not_measured(what: &str, reason: &Unmeasured) -> NotMeasured {
    let how = match reason {
        Unmeasured::TooFew { .. } => "wait for more labelled rows, or measure over a longer time",
        Unmeasured::Undefined { .. } => "measure on rows where it is defined, or choose another metric",
        Unmeasured::BadInput { .. } => "correct the rule or the input that it names",
        Unmeasured::UnknownLabels { .. } => "write the labels in the words of the model, or train it on theirs",
    };
    NotMeasured { missing: format!("`{what}`: {reason}"), how: how.to_owned() }
}
