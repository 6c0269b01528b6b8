//! What keeps a retraining that is due from starting.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::time::{Span, Timestamp};

/// Why a retraining that is due does not start. Two that are equal are one answer to one question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum RetrainBlocker {
    /// A version has not reached production yet.
    CandidateInRollout {
        /// Its number.
        version: u32,
    },
    /// The last training is too recent.
    CoolDown {
        /// The pause after a training.
        cool_down: Span,
    },
    /// Trainings failed one after another.
    RepeatedFailures {
        /// How many.
        failures: u32,
        /// When the next one may start.
        until: Timestamp,
    },
    /// The budget of the contract is used up.
    BudgetUsed {
        /// Trainings at most.
        runs: u32,
        /// In this time.
        per: Span,
    },
    /// The data does not meet its requirements.
    UnfitData {
        /// What does not hold.
        reasons: Vec<String>,
    },
}

impl fmt::Display for RetrainBlocker {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CandidateInRollout { version } => {
                write!(out, "version {version} is still on its way to production")
            }
            Self::CoolDown { cool_down } => write!(out, "the cool-down of {cool_down} is not over"),
            Self::RepeatedFailures { failures, until } => {
                let trainings = if *failures == 1 { "the last training" } else { "the last trainings" };
                write!(out, "{trainings} failed ({failures} in a row): the next one waits until {until}")
            }
            Self::BudgetUsed { runs, per } => write!(out, "the budget of {runs} runs / {per} is used up"),
            Self::UnfitData { reasons } => {
                write!(out, "its data may not be trained on: {}", reasons.join("; "))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blocker_reads_back_as_it_was() {
        let blockers = [
            RetrainBlocker::CandidateInRollout { version: 3 },
            RetrainBlocker::CoolDown { cool_down: Span::days(2) },
            RetrainBlocker::RepeatedFailures { failures: 2, until: Timestamp(1_500_000) },
            RetrainBlocker::BudgetUsed { runs: 2, per: Span::months(1) },
            RetrainBlocker::UnfitData { reasons: vec!["dataset `people`: id repeats".to_owned()] },
        ];
        for blocker in blockers {
            let text = serde_json::to_string(&blocker).unwrap();
            assert_eq!(serde_json::from_str::<RetrainBlocker>(&text).unwrap(), blocker, "{text}");
        }
    }
}
