//! HDDM-A and HDDM-W (Frias-Blanco et al. 2015): a rise of the error rate by Hoeffding's and McDiarmid's bounds.

use super::running_mean::Mean;
use serde::{Deserialize, Serialize};

/// Drift detection by the average and Hoeffding's bound.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HddmA {
    /// Probability of a false detection at one comparison.
    pub drift_confidence: f64,
    /// Whether a fall of the rate is a detection, too.
    pub two_sided: bool,
    all: Mean,
    low: Mean,
    high: Mean,
    detected: bool,
}

impl Default for HddmA {
    fn default() -> Self {
        HddmA {
            drift_confidence: 0.001,
            two_sided: false,
            all: Mean::default(),
            low: Mean::default(),
            high: Mean::default(),
            detected: false,
        }
    }
}

impl HddmA {
    /// Takes whether the next row was an error; `true` when a change is detected.
    pub fn add(&mut self, error: bool) -> bool {
        if self.detected {
            (self.all, self.low, self.high) = (Mean::default(), Mean::default(), Mean::default());
        }
        self.all.add(f64::from(u8::from(error)));
        if self.low.count == 0 {
            self.low = self.all;
        }
        if self.high.count == 0 {
            self.high = self.all;
        }
        let bound = |n: u64| ((1.0 / self.drift_confidence).ln() / (2.0 * n as f64)).sqrt();
        if self.low.value + bound(self.low.count) >= self.all.value + bound(self.all.count) {
            self.low = self.all;
        }
        if self.high.value - bound(self.high.count) <= self.all.value - bound(self.all.count) {
            self.high = self.all;
        }
        let rise = self.all.value - self.low.value;
        let fall = self.high.value - self.all.value;
        self.detected = self.beyond(self.low.count, rise) || (self.two_sided && self.beyond(self.high.count, fall));
        self.detected
    }

    fn beyond(&self, cut: u64, change: f64) -> bool {
        let (cut, all) = (cut as f64, self.all.count as f64);
        if cut == all {
            return false;
        }
        let rarity = (all - cut) / cut / all;
        change >= (rarity / 2.0 * (2.0 / self.drift_confidence).ln()).sqrt()
    }
}

/// Drift detection by exponentially weighted means and McDiarmid's bound.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HddmW {
    /// Probability of a false detection at one comparison.
    pub drift_confidence: f64,
    /// Weight of the newest value.
    pub lambda: f64,
    state: Weighted,
    detected: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Ewma {
    mean: Option<f64>,
    /// Sum of squared weights.
    squares: f64,
}

impl Ewma {
    const NEW: Ewma = Ewma { mean: None, squares: 1.0 };

    fn add(&mut self, value: f64, lambda: f64) {
        self.mean = Some(self.mean.map_or(value, |mean| lambda * value + (1.0 - lambda) * mean));
        self.squares = lambda * lambda + (1.0 - lambda) * (1.0 - lambda) * self.squares;
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Weighted {
    all: Ewma,
    before: Ewma,
    after: Ewma,
    cut: Option<f64>,
}

impl Weighted {
    const NEW: Weighted = Weighted { all: Ewma::NEW, before: Ewma::NEW, after: Ewma::NEW, cut: None };
}

impl Default for HddmW {
    fn default() -> Self {
        HddmW { drift_confidence: 0.001, lambda: 0.05, state: Weighted::NEW, detected: false }
    }
}

impl HddmW {
    /// Takes whether the next row was an error; `true` when a rise is detected.
    pub fn add(&mut self, error: bool) -> bool {
        if self.detected {
            self.state = Weighted::NEW;
        }
        let value = f64::from(u8::from(error));
        let log = (1.0 / self.drift_confidence).ln();
        let state = &mut self.state;
        state.all.add(value, self.lambda);
        let reach = state.all.mean.unwrap_or(0.0) + (state.all.squares * log / 2.0).sqrt();
        if state.cut.is_none_or(|cut| reach < cut) {
            state.cut = Some(reach);
            state.before = state.all;
            state.after = Ewma::NEW;
        } else {
            state.after.add(value, self.lambda);
        }
        self.detected = match (state.before.mean, state.after.mean) {
            (Some(before), Some(after)) => {
                after - before > ((state.before.squares + state.after.squares) * log / 2.0).sqrt()
            }
            _ => false,
        };
        self.detected
    }
}
