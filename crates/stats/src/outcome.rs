//! What a measurement can answer: an [`Estimate`] with its interval, or the reason why there is none.
//!
//! Invariants: an `Estimate` never carries NaN; "too few rows" and "undefined" are answers of their own, so that a
//! missing number can neither be mistaken for zero nor slip through a comparison. Out of scope: severities and thresholds.

use serde::{Deserialize, Serialize};

/// The answer to a measurement: the number, or why there is none.
pub type MetricResult<T = Estimate> = Result<T, Unmeasured>;

/// A measured number with the interval that the data support.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The point estimate, in the unit of the metric. Never NaN.
    pub value: f64,
    /// Lower end of the interval; `-inf` when the data bound nothing from below.
    pub low: f64,
    /// Upper end of the interval; `+inf` when the data bound nothing from above.
    pub high: f64,
    /// Confidence of the interval, e.g. 0.95.
    pub level: f64,
    /// Rows (or queries, or units) that the number rests on.
    pub count: u64,
}

impl Estimate {
    /// An estimate whose interval is widened, where rounding demands it, to hold its value.
    pub fn new(value: f64, low: f64, high: f64, level: f64, count: u64) -> MetricResult {
        if value.is_nan() || low.is_nan() || high.is_nan() {
            return Err(Unmeasured::undefined("estimate", "the arithmetic left the numbers"));
        }
        Ok(Estimate { value, low: low.min(value), high: high.max(value), level, count })
    }

    /// `value ± quantile * error`, cut to `range`.
    pub fn around(value: f64, margin: f64, range: (f64, f64), level: f64, count: u64) -> MetricResult {
        Estimate::new(value, (value - margin).max(range.0), (value + margin).min(range.1), level, count)
    }

    /// The same estimate after an increasing map of its three numbers.
    pub fn map_increasing(self, f: impl Fn(f64) -> f64) -> MetricResult {
        Estimate::new(f(self.value), f(self.low), f(self.high), self.level, self.count)
    }

    /// The same estimate after a decreasing map of its three numbers.
    pub fn map_decreasing(self, f: impl Fn(f64) -> f64) -> MetricResult {
        Estimate::new(f(self.value), f(self.high), f(self.low), self.level, self.count)
    }

    /// Whether the interval holds `value`.
    pub fn holds(&self, value: f64) -> bool {
        self.low <= value && value <= self.high
    }
}

/// Why a number is not there. Each says on which thing, and what would make it measurable.
#[derive(Debug, Clone, PartialEq, thiserror::Error, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum Unmeasured {
    /// There are data, but fewer than the measure needs.
    #[error("too few {what}: {have}, and {need} are needed")]
    TooFew {
        /// What is counted, e.g. `rows` or `positive rows`.
        what: String,
        /// How many there are.
        have: u64,
        /// How many are needed.
        need: u64,
    },
    /// The definition has no value on these data, however many rows there are.
    #[error("{what} is undefined here: {why}")]
    Undefined {
        /// The measure.
        what: String,
        /// The reason, e.g. `all rows are of one class`.
        why: String,
    },
    /// The numbers handed in contradict each other or the measure.
    #[error("cannot measure {what}: {why}")]
    BadInput {
        /// The measure or argument.
        what: String,
        /// What is wrong with it, and what would be right.
        why: String,
    },
    /// Too many labels name none of the classes that were decided between.
    #[error("{why}")]
    UnknownLabels {
        /// How many, and the words that came.
        why: String,
    },
}

impl Unmeasured {
    /// Shorthand for [`Unmeasured::TooFew`].
    pub fn too_few(what: &str, have: usize, need: usize) -> Self {
        Unmeasured::TooFew { what: what.to_owned(), have: have as u64, need: need as u64 }
    }

    /// Shorthand for [`Unmeasured::Undefined`].
    pub fn undefined(what: &str, why: impl Into<String>) -> Self {
        Unmeasured::Undefined { what: what.to_owned(), why: why.into() }
    }

    /// Shorthand for [`Unmeasured::BadInput`].
    pub fn bad_input(what: &str, why: impl Into<String>) -> Self {
        Unmeasured::BadInput { what: what.to_owned(), why: why.into() }
    }
}

/// Refuses slices whose lengths differ.
pub(crate) fn same_length(what: &str, lengths: &[usize]) -> MetricResult<usize> {
    match lengths.first() {
        Some(first) if lengths.iter().all(|length| length == first) => Ok(*first),
        Some(_) => Err(Unmeasured::bad_input(what, format!("the columns have {lengths:?} rows; they must agree"))),
        None => Err(Unmeasured::too_few("columns", 0, 1)),
    }
}

/// Refuses a slice with NaN or infinite numbers.
pub(crate) fn all_finite(what: &str, values: &[f64]) -> MetricResult<()> {
    match values.iter().position(|value| !value.is_finite()) {
        None => Ok(()),
        Some(row) => Err(Unmeasured::bad_input(
            what,
            format!("row {row} is {}; drop or fill rows that are not finite first", values[row]),
        )),
    }
}

/// A number at five digits: what is learned from samples is not known closer, and is stored often.
pub(crate) fn rounded(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return value;
    }
    let scale = 10f64.powi(4 - value.abs().log10().floor() as i32);
    if scale.is_finite() && scale > 0.0 { (value * scale).round() / scale } else { value }
}
