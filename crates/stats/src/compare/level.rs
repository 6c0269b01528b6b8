//! How much a difference matters, and the correction of p-values for the number of columns.

use serde::{Deserialize, Serialize};

use crate::drift::Measure;

/// How much a change matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Within what chance does, or too little to matter.
    Calm,
    /// Not compared: such columns always differ, or nothing is defined on them.
    Unjudged,
    /// Too few values to say anything.
    TooFew,
    /// Worth a note.
    Info,
    /// Worth a look.
    Warn,
    /// Worth acting on.
    Alert,
}

impl Level {
    /// The level of an effect, by the thresholds of its measure; for commands, profiles and monitors alike.
    pub fn of_effect(measure: Measure, effect: f64) -> Self {
        let [info, warn, alert] = measure.steps();
        match effect {
            effect if effect >= alert => Level::Alert,
            effect if effect >= warn => Level::Warn,
            effect if effect >= info => Level::Info,
            _ => Level::Calm,
        }
    }

    /// The word that people read.
    pub const fn word(self) -> &'static str {
        match self {
            Level::Calm => "calm",
            Level::Unjudged => "not compared",
            Level::TooFew => "too few",
            Level::Info => "note",
            Level::Warn => "warn",
            Level::Alert => "alert",
        }
    }
}

/// Adjusted p-values (Benjamini & Hochberg 1995): those at or below `alpha` are the discoveries whose expected share of
/// false ones is at most `alpha`, where the tests are independent or depend positively.
pub fn benjamini_hochberg(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|a, b| p[*b].total_cmp(&p[*a]));
    let mut adjusted = vec![1.0; p.len()];
    let mut least: f64 = 1.0;
    for (from_top, index) in order.into_iter().enumerate() {
        let rank = p.len() - from_top;
        least = least.min(p[index] * p.len() as f64 / rank as f64);
        adjusted[index] = least;
    }
    adjusted
}
