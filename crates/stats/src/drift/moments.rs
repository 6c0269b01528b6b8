//! Count, mean, variance, skewness, kurtosis, minimum and maximum: one pass, mergeable (Pebay 2008).

use crate::outcome::{MetricResult, Unmeasured};
use serde::{Deserialize, Serialize};

/// Moments of finite numbers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Moments {
    /// Values.
    pub count: u64,
    pub(super) mean: f64,
    pub(super) m2: f64,
    pub(super) m3: f64,
    pub(super) m4: f64,
    /// `None` without values.
    pub(super) range: Option<(f64, f64)>,
}

impl Default for Moments {
    fn default() -> Self {
        Moments { count: 0, mean: 0.0, m2: 0.0, m3: 0.0, m4: 0.0, range: None }
    }
}

impl Moments {
    /// Adds a finite value.
    pub fn add(&mut self, value: f64) {
        let one = Moments { count: 1, mean: value, m2: 0.0, m3: 0.0, m4: 0.0, range: Some((value, value)) };
        self.merge(&one);
    }

    /// Adds a column of finite values, in two passes (faster and closer than one by one).
    pub fn add_all(&mut self, values: &[f64]) {
        if values.is_empty() {
            return;
        }
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let (mut m2, mut m3, mut m4) = (0.0, 0.0, 0.0);
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for value in values {
            let d = value - mean;
            let square = d * d;
            m2 += square;
            m3 += square * d;
            m4 += square * square;
            low = low.min(*value);
            high = high.max(*value);
        }
        let mut added = Moments { count: values.len() as u64, mean, m2, m3, m4, range: Some((low, high)) };
        added.bound();
        self.merge(&added);
    }

    /// Adds the values behind another.
    pub fn merge(&mut self, other: &Moments) {
        if other.count == 0 {
            return;
        }
        if self.count == 0 {
            *self = *other;
            return;
        }
        let (a, b) = (self.count as f64, other.count as f64);
        let n = a + b;
        let d = other.mean - self.mean;
        let d2 = d * d;
        let m4 = self.m4
            + other.m4
            + d2 * d2 * a * b * (a * a - a * b + b * b) / (n * n * n)
            + 6.0 * d2 * (a * a * other.m2 + b * b * self.m2) / (n * n)
            + 4.0 * d * (a * other.m3 - b * self.m3) / n;
        let m3 = self.m3 + other.m3 + d2 * d * a * b * (a - b) / (n * n) + 3.0 * d * (a * other.m2 - b * self.m2) / n;
        self.m2 += other.m2 + d2 * a * b / n;
        self.m3 = m3;
        self.m4 = m4;
        self.mean += d * b / n;
        self.count += other.count;
        self.range = match (self.range, other.range) {
            (Some(x), Some(y)) => Some((x.0.min(y.0), x.1.max(y.1))),
            (x, y) => x.or(y),
        };
        self.bound();
    }

    /// The moments of the same values, each larger by `by`.
    pub fn shifted(mut self, by: f64) -> Self {
        self.mean += by;
        self.range = self.range.map(|(low, high)| (low + by, high + by));
        self
    }

    /// Powers of huge numbers leave the floats; infinity says so, where NaN would be no moments at all.
    fn bound(&mut self) {
        for power in [&mut self.mean, &mut self.m2, &mut self.m3, &mut self.m4] {
            if power.is_nan() {
                *power = f64::INFINITY;
            }
        }
    }

    /// Refuses stored moments that no values have.
    pub(crate) fn check(&self) -> MetricResult<()> {
        let numbers = [self.mean, self.m2, self.m3, self.m4];
        let range_fits = match self.range {
            None => self.count == 0,
            Some((low, high)) => self.count > 0 && low <= high,
        };
        if numbers.iter().any(|x| x.is_nan()) || self.m2 < 0.0 || self.m4 < 0.0 || !range_fits {
            return Err(Unmeasured::bad_input("stored moments", "no values have them"));
        }
        Ok(())
    }

    /// Mean; `TooFew` without values.
    pub fn mean(&self) -> MetricResult<f64> {
        if self.count == 0 { Err(Unmeasured::too_few("values", 0, 1)) } else { Ok(self.mean) }
    }

    /// Standard deviation, `ddof` degrees of freedom taken off.
    pub fn sd(&self, ddof: u64) -> MetricResult<f64> {
        if self.count <= ddof {
            return Err(Unmeasured::too_few("values", self.count as usize, ddof as usize + 1));
        }
        Ok((self.m2 / (self.count - ddof) as f64).sqrt())
    }

    /// Skewness (biased, as scipy's default).
    pub fn skewness(&self) -> MetricResult<f64> {
        self.spread("skewness")?;
        let n = self.count as f64;
        finite("skewness", n.sqrt() * self.m3 / self.m2.powf(1.5))
    }

    /// Excess kurtosis (Fisher, biased, as scipy's default).
    pub fn kurtosis(&self) -> MetricResult<f64> {
        self.spread("kurtosis")?;
        finite("kurtosis", self.count as f64 * self.m4 / (self.m2 * self.m2) - 3.0)
    }

    fn spread(&self, what: &str) -> MetricResult<()> {
        if self.count == 0 {
            return Err(Unmeasured::too_few("values", 0, 1));
        }
        if self.m2 <= 0.0 { Err(Unmeasured::undefined(what, "the values are constant")) } else { Ok(()) }
    }

    /// Smallest and largest value.
    pub fn range(&self) -> MetricResult<(f64, f64)> {
        self.range.ok_or_else(|| Unmeasured::too_few("values", 0, 1))
    }
}

fn finite(what: &str, value: f64) -> MetricResult<f64> {
    if value.is_finite() { Ok(value) } else { Err(Unmeasured::undefined(what, "the values are too large for it")) }
}
