//! A number as documents and pages tell it: with its interval, or why there is none.

use clap::ValueEnum;
use kilter_report::number;
use kilter_stats::{Estimate, MetricResult};
use serde::Serialize;

/// The level at which a command ends with exit code 3.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum FailOn {
    Alert,
    Warn,
}

/// A number with its interval. An end that the data leave open is absent.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct EstimateValue {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) value: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) low: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) high: Option<f64>,
    /// Why it was not measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) missing: Option<String>,
}

impl EstimateValue {
    pub(crate) fn missing(why: impl ToString) -> Self {
        Self { missing: Some(why.to_string()), ..Self::default() }
    }

    pub(crate) fn of(outcome: &MetricResult) -> Self {
        outcome.as_ref().map_or_else(Self::missing, Self::from)
    }

    /// Value and ends for a picture; an open end is infinite.
    pub(crate) fn ends(&self) -> Option<(f64, f64, f64)> {
        let (low, high) = (self.low.unwrap_or(f64::NEG_INFINITY), self.high.unwrap_or(f64::INFINITY));
        self.value.map(|value| (value, low, high))
    }

    /// The value with its interval, or a dash.
    pub(crate) fn words(&self) -> String {
        match self.value {
            Some(value) => format!("{}{}", number(value), self.interval()),
            None => "–".to_owned(),
        }
    }

    fn interval(&self) -> String {
        let end = |end: Option<f64>, open: &str| end.map_or_else(|| open.to_owned(), number);
        match (self.low, self.high) {
            (None, None) => String::new(),
            (low, high) => format!(" ({} to {})", end(low, "-∞"), end(high, "∞")),
        }
    }
}

impl From<&Estimate> for EstimateValue {
    fn from(estimate: &Estimate) -> Self {
        let finite = |number: f64| number.is_finite().then_some(number);
        match finite(estimate.value) {
            Some(value) => {
                Self { value: Some(value), low: finite(estimate.low), high: finite(estimate.high), missing: None }
            }
            None => Self::missing("it is infinite on these rows"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_open_end_is_absent_and_a_missing_number_is_a_dash() {
        let open = Estimate { value: 0.5, low: 0.25, high: f64::INFINITY, level: 0.95, count: 9 };
        let value = EstimateValue::from(&open);
        assert_eq!((value.high, value.words().as_str()), (None, "0.5 (0.25 to ∞)"));
        assert_eq!(EstimateValue::missing("too few").words(), "–");
        assert_eq!(EstimateValue::from(&Estimate { value: f64::INFINITY, ..open }).value, None);
    }
}
