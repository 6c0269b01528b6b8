//! Page's cumulative sum test of a mean.

use serde::{Deserialize, Serialize};

use super::running_mean::Mean;

/// Page's (1954) cumulative sum test of a mean, in both directions, with forgetting.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PageHinkley {
    /// Values before the first detection.
    pub min_instances: u64,
    /// Change that is tolerated.
    pub delta: f64,
    /// Sum that is a detection.
    pub threshold: f64,
    /// Forgetting factor of the sums.
    pub alpha: f64,
    /// Which direction counts.
    pub direction: Direction,
    state: Page,
    detected: bool,
}

/// Which change of a mean counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// A rise.
    Up,
    /// A fall.
    Down,
    /// Either.
    Both,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Page {
    mean: Mean,
    rise: f64,
    fall: f64,
    lowest: Option<f64>,
    highest: f64,
}

impl Page {
    fn new() -> Self {
        Page { mean: Mean::default(), rise: 0.0, fall: 0.0, lowest: None, highest: -1.0 }
    }
}

impl Default for PageHinkley {
    fn default() -> Self {
        PageHinkley {
            min_instances: 30,
            delta: 0.005,
            threshold: 50.0,
            alpha: 1.0 - 1e-4,
            direction: Direction::Both,
            state: Page::new(),
            detected: false,
        }
    }
}

impl PageHinkley {
    /// Takes the next value; `true` when a change is detected at it. Values that are not finite are ignored.
    pub fn add(&mut self, value: f64) -> bool {
        if !value.is_finite() {
            return false;
        }
        if self.detected {
            self.state = Page::new();
        }
        let state = &mut self.state;
        state.mean.add(value);
        let away = value - state.mean.value;
        state.rise = self.alpha * state.rise + away - self.delta;
        state.fall = self.alpha * state.fall + away + self.delta;
        let lowest = state.lowest.map_or(state.rise, |lowest| lowest.min(state.rise));
        state.lowest = Some(lowest);
        state.highest = state.highest.max(state.fall);
        let (up, down) = (state.rise - lowest > self.threshold, state.highest - state.fall > self.threshold);
        self.detected = state.mean.count >= self.min_instances
            && match self.direction {
                Direction::Up => up,
                Direction::Down => down,
                Direction::Both => up || down,
            };
        self.detected
    }
}
