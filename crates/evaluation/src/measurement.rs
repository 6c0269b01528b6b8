//! Estimates of `stats` in the words of the rule language.

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
