//! Two tables beside each other: which columns changed, by how much, how surely, and in which order to look at them.
//!
//! Holds true: a distance is judged after its expectation without drift was taken off, at the thresholds of the
//! monitoring page; it gets a level only where a test supports it, after Benjamini and Hochberg's correction for the number
//! of columns; missing, infinite, unseen and out-of-range values are rates with evidence of their own. A column with
//! fewer than 50 values in either table is too thin for a distance. Absent: time; evidence that adds up over windows is
//! `sequential`.

mod chart_data;
mod column;
mod range;
mod table;

pub use chart_data::ChartData;
pub use column::{ColumnDrift, ColumnRate, CurrentColumn, EVIDENCE, MIN_ROWS, ReadingKind, RowCounts};
pub use table::{SchemaChange, TableDrift};

use crate::drift::Measure;
use serde::{Deserialize, Serialize};

/// How much a change matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Within what chance does, or too little to matter.
    Calm,
    /// Not compared: such columns always differ, or nothing is defined on them.
    Unjudged,
    /// Too few values to say anything.
    Thin,
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
            Level::Thin => "too few",
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adjusted_p_values_agree_with_scipy() {
        // scipy.stats.false_discovery_control([0.01, 0.04, 0.03, 0.005, 0.5])
        let got = benjamini_hochberg(&[0.01, 0.04, 0.03, 0.005, 0.5]);
        for (got, want) in got.iter().zip([0.025, 0.05, 0.05, 0.025, 0.5]) {
            assert!((got - want).abs() < 1e-12, "{got} {want}");
        }
        assert!(benjamini_hochberg(&[]).is_empty());
    }
}
