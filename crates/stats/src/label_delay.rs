//! Labels that arrive late: how mature a cohort is, and when it will be.
//!
//! Invariants: predictions that still wait are censored, not lost, so the curve is not biased towards quick labels
//! (Kaplan & Meier 1958); a share that never arrives shows as a ceiling. Out of scope: ids, joins, clocks.

use crate::distributions::normal_margin;
use crate::outcome::{Estimate, MetricResult, Unmeasured, same_length};
use serde::{Deserialize, Serialize};

/// The share of predictions that are labelled by each age.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LabelDelay {
    /// Ages at which labels arrived, ascending, with the share labelled from there on and Greenwood's variance factor.
    steps: Vec<(f64, f64, f64)>,
    rows: u64,
}

impl LabelDelay {
    /// From each prediction's age and, where its label is in, the lag of the label (at most the age). Any unit of time.
    pub fn of(age: &[f64], lag: &[Option<f64>]) -> MetricResult<Self> {
        let rows = same_length("predictions", &[age.len(), lag.len()])?;
        let mut events: Vec<(f64, bool)> = Vec::with_capacity(rows);
        for (age, lag) in age.iter().zip(lag) {
            let at = lag.unwrap_or(*age);
            if !at.is_finite() || at < 0.0 {
                return Err(Unmeasured::bad_input(
                    "lag",
                    format!("{at} is no age; a label cannot precede its prediction"),
                ));
            }
            events.push((at, lag.is_some()));
        }
        // At one age, labels come before those who leave unlabelled.
        events.sort_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)));
        let (mut waiting, mut unlabelled, mut factor) = (rows as f64, 1.0, 0.0);
        let mut steps: Vec<(f64, f64, f64)> = Vec::new();
        let mut place = 0;
        while place < events.len() {
            let at = events[place].0;
            let here = events[place..].iter().take_while(|event| event.0 == at);
            let (arrived, gone) = here.fold((0.0, 0), |(a, g), event| (a + f64::from(u8::from(event.1)), g + 1));
            if arrived > 0.0 {
                unlabelled *= 1.0 - arrived / waiting;
                factor += if waiting > arrived { arrived / (waiting * (waiting - arrived)) } else { 0.0 };
                steps.push((at, 1.0 - unlabelled, factor));
            }
            waiting -= gone as f64;
            place += gone;
        }
        if rows == 0 {
            return Err(Unmeasured::too_few("predictions", 0, 1));
        }
        Ok(LabelDelay { steps, rows: rows as u64 })
    }

    /// The share of predictions labelled by `age`, with Greenwood's interval on the log-log scale.
    pub fn share_by(&self, age: f64, level: f64) -> MetricResult<Estimate> {
        let passed = self.steps.partition_point(|step| step.0 <= age);
        let Some((_, share, factor)) = passed.checked_sub(1).map(|last| self.steps[last]) else {
            return Estimate::new(0.0, 0.0, 3.7 / (self.rows as f64 + 3.7), level, self.rows);
        };
        let survival: f64 = 1.0 - share;
        if survival <= 0.0 || survival >= 1.0 {
            let edge = 3.7 / (self.rows as f64 + 3.7);
            return Estimate::new(share, share - edge, share, level, self.rows);
        }
        let log = survival.ln();
        let margin = normal_margin(level) * factor.sqrt() / log.abs();
        let bound = |sign: f64| 1.0 - survival.powf((sign * margin).exp());
        let (a, b) = (bound(1.0), bound(-1.0));
        Estimate::new(share, a.min(b), a.max(b), level, self.rows)
    }

    /// The age by which `share` of the predictions are labelled; `None` when that many never are, as far as one can see.
    pub fn age_when(&self, share: f64) -> Option<f64> {
        self.steps.iter().find(|step| step.1 >= share).map(|step| step.0)
    }

    /// The share that has ever arrived: the ceiling of the curve.
    pub fn ceiling(&self) -> f64 {
        self.steps.last().map_or(0.0, |step| step.1)
    }
}
