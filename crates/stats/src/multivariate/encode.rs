//! Turning mixed columns into complete numbers, by what the reference says: means and frequencies.

use crate::outcome::{MetricResult, Unmeasured};
use std::collections::HashMap;

/// How a numeric column is completed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MeanFill {
    mean: f64,
}

impl MeanFill {
    /// The mean of the finite values; fails without any.
    pub fn fit(reference: &[f64]) -> MetricResult<Self> {
        let (sum, count) = reference.iter().filter(|x| x.is_finite()).fold((0.0, 0.0), |(s, n), x| (s + x, n + 1.0));
        if count == 0.0 { Err(Unmeasured::too_few("finite values", 0, 1)) } else { Ok(MeanFill { mean: sum / count }) }
    }

    /// The column with what is missing or infinite replaced by the mean.
    pub fn complete(&self, values: &[f64]) -> Vec<f64> {
        values.iter().map(|x| if x.is_finite() { *x } else { self.mean }).collect()
    }
}

/// Categories as their relative frequency in the reference; unseen ones are 0, missing ones the most frequent value
/// (the first in order, when several are).
#[derive(Debug, Clone, PartialEq)]
pub struct FrequencyCode {
    share: HashMap<String, f64>,
    missing: f64,
}

impl FrequencyCode {
    /// Counts the reference; fails without any value.
    pub fn fit<'a>(reference: impl IntoIterator<Item = Option<&'a str>>) -> MetricResult<Self> {
        let mut counts: HashMap<&str, f64> = HashMap::new();
        let (mut rows, mut missing) = (0.0, 0.0);
        for value in reference {
            rows += 1.0;
            match value {
                Some(value) => *counts.entry(value).or_default() += 1.0,
                None => missing += 1.0,
            }
        }
        let most = counts.iter().max_by(|a, b| a.1.total_cmp(b.1).then(b.0.cmp(a.0))).map(|(value, _)| *value);
        let Some(most) = most else { return Err(Unmeasured::too_few("values", 0, 1)) };
        *counts.entry(most).or_default() += missing;
        let share: HashMap<String, f64> =
            counts.into_iter().map(|(value, count)| (value.to_owned(), count / rows)).collect();
        let missing = share.get(most).copied().unwrap_or(0.0);
        Ok(FrequencyCode { share, missing })
    }

    /// A column's codes.
    pub fn encode<'a>(&self, values: impl IntoIterator<Item = Option<&'a str>>) -> Vec<f64> {
        values
            .into_iter()
            .map(|value| value.map_or(self.missing, |value| self.share.get(value).copied().unwrap_or(0.0)))
            .collect()
    }
}
