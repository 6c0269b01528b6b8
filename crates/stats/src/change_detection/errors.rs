//! Detectors on a stream of errors: DDM (Gama et al. 2004) watches the error rate, EDDM (Baena-Garcia et al. 2006) the
//! distance between errors.

use super::running_mean::Mean;
use serde::{Deserialize, Serialize};

/// Drift detection method.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ddm {
    /// Rows before the first detection.
    pub warm_start: u64,
    /// Standard deviations above the best rate that are a detection.
    pub drift: f64,
    rate: Mean,
    best: Option<(f64, f64)>,
    detected: bool,
}

impl Default for Ddm {
    fn default() -> Self {
        Ddm { warm_start: 30, drift: 3.0, rate: Mean::default(), best: None, detected: false }
    }
}

impl Ddm {
    /// Takes whether the next row was an error; `true` when a change is detected.
    pub fn add(&mut self, error: bool) -> bool {
        if self.detected {
            (self.rate, self.best) = (Mean::default(), None);
        }
        self.rate.add(f64::from(u8::from(error)));
        let p = self.rate.value;
        let s = (p * (1.0 - p) / self.rate.count as f64).sqrt();
        self.detected = false;
        if self.rate.count > self.warm_start {
            let (best_p, best_s) = match self.best {
                Some((best_p, best_s)) if p + s > best_p + best_s => (best_p, best_s),
                _ => (p, s),
            };
            self.best = Some((best_p, best_s));
            self.detected = p + s > best_p + self.drift * best_s;
        }
        self.detected
    }
}

/// Early drift detection method.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Eddm {
    /// Errors before the first detection.
    pub warm_start: u64,
    /// Share of the longest distance between errors below which it is a detection.
    pub beta: f64,
    state: Distances,
    detected: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Distances {
    rows: u64,
    last_error: u64,
    gaps: Mean,
    squares: f64,
    longest: f64,
}

impl Distances {
    fn new() -> Self {
        Distances { rows: 0, last_error: 0, gaps: Mean::default(), squares: 0.0, longest: -1.0 }
    }
}

impl Default for Eddm {
    fn default() -> Self {
        Eddm { warm_start: 30, beta: 0.9, state: Distances::new(), detected: false }
    }
}

impl Eddm {
    /// Takes whether the next row was an error; `true` when a change is detected.
    pub fn add(&mut self, error: bool) -> bool {
        if self.detected {
            self.state = Distances::new();
        }
        self.detected = false;
        let state = &mut self.state;
        state.rows += 1;
        if !error {
            return false;
        }
        let gap = (state.rows - state.last_error) as f64;
        let before = state.gaps.value;
        state.gaps.add(gap);
        state.squares += (gap - before) * (gap - state.gaps.value);
        state.last_error = state.rows;
        if state.rows > self.warm_start {
            let errors = state.gaps.count;
            let variance = if errors > 1 { state.squares / (errors - 1) as f64 } else { 0.0 };
            let reach = state.gaps.value + 2.0 * variance.sqrt();
            if reach > state.longest {
                state.longest = reach;
            } else if errors > self.warm_start {
                self.detected = reach / state.longest < self.beta;
            }
        }
        self.detected
    }
}
