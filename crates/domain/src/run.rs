//! The life of a run and of a step, and why a run was started.
//!
//! Invariants: an ended run stays ended; what it was started for is known for ever.

use serde::{Deserialize, Serialize};

use crate::{actor::Actor, alert::MonitorKind, digest::Digest, ids::DatasetName};

/// Why a run was started. Only ids travel back to an earlier module: a run knows the alert's id, and nothing else of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Cause {
    /// A person or a service asked for it.
    Manual {
        /// Who.
        by: Actor,
    },
    /// `[retrain]`: its time came.
    Schedule {
        /// As in the contract: `0 3 1 * *` or `every 30d`.
        schedule: String,
    },
    /// `[retrain]`: an alert fires.
    Alert {
        /// The alert.
        id: String,
        /// The kind of monitor that opened it.
        monitor: MonitorKind,
    },
    /// `[retrain]`: a dataset grew.
    NewData {
        /// Which one.
        dataset: DatasetName,
        /// Of the rows that it trains on.
        digest: Digest,
    },
    /// The first training of a replay.
    Replay,
    /// A trial of a sweep.
    Sweep {
        /// The run that the trial belongs to.
        parent: String,
        /// Its number, from 0.
        trial: u32,
    },
}

impl Cause {
    /// Whether the platform started it without being asked.
    pub const fn is_automatic(&self) -> bool {
        matches!(self, Self::Schedule { .. } | Self::Alert { .. } | Self::NewData { .. })
    }
}

/// Where a run is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// Waits to be started.
    Queued,
    /// At least one step was started.
    Running,
    /// Every step succeeded.
    Succeeded,
    /// A step failed.
    Failed,
    /// Someone stopped it.
    Cancelled,
    /// Never started: over budget, data requirement not met, no right.
    Refused,
}

/// What happens to a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunEvent {
    /// queued → running.
    Started,
    /// running → succeeded.
    Succeeded,
    /// running → failed.
    Failed,
    /// queued or running → cancelled.
    Cancelled,
    /// queued → refused.
    Refused,
}

/// Where a step is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepState {
    /// Waits for the steps before it.
    Queued,
    /// An attempt runs, or waits to be repeated.
    Running,
    /// Its outputs are complete.
    Succeeded,
    /// Its last attempt failed.
    Failed,
    /// Its run was stopped.
    Cancelled,
    /// Answered from the cache.
    Cached,
    /// Not run because a step before it did not succeed.
    Skipped,
    /// Not run because something it requires does not hold.
    Refused,
}

/// What happens to a step. A retry is an attempt inside of `running`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepEvent {
    /// queued → running.
    Started,
    /// running → succeeded.
    Succeeded,
    /// running → failed.
    Failed,
    /// queued or running → cancelled.
    Cancelled,
    /// queued → cached.
    FoundInCache,
    /// queued → skipped.
    Skipped,
    /// queued → refused.
    Refused,
}

/// A move that a run or a step cannot make.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a {subject} that is {from} cannot become {to}: {needs}")]
pub struct IllegalRunTransition {
    /// `run` or `step`.
    pub subject: &'static str,
    /// The state that it is in.
    pub from: &'static str,
    /// The state that it cannot reach.
    pub to: &'static str,
    /// What would be needed.
    pub needs: &'static str,
}

impl RunState {
    /// Every state.
    pub const ALL: [Self; 6] =
        [Self::Queued, Self::Running, Self::Succeeded, Self::Failed, Self::Cancelled, Self::Refused];

    /// As stored and shown: `queued`, `running`, ...
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Refused => "refused",
        }
    }

    /// Whether nothing more happens to it.
    pub const fn is_ended(self) -> bool {
        !matches!(self, Self::Queued | Self::Running)
    }

    /// The state as `event` leaves it. Every transition there is stands in this match.
    pub fn after(self, event: RunEvent) -> Result<Self, IllegalRunTransition> {
        match (self, event) {
            (Self::Queued, RunEvent::Started) => Ok(Self::Running),
            (Self::Queued, RunEvent::Refused) => Ok(Self::Refused),
            (Self::Queued | Self::Running, RunEvent::Cancelled) => Ok(Self::Cancelled),
            (Self::Running, RunEvent::Succeeded) => Ok(Self::Succeeded),
            (Self::Running, RunEvent::Failed) => Ok(Self::Failed),
            (from, event) => Err(IllegalRunTransition {
                subject: "run",
                from: from.as_str(),
                to: event.target().as_str(),
                needs: needs(from.is_ended(), from == Self::Running),
            }),
        }
    }
}

impl RunEvent {
    /// Every event.
    pub const ALL: [Self; 5] = [Self::Started, Self::Succeeded, Self::Failed, Self::Cancelled, Self::Refused];

    const fn target(self) -> RunState {
        match self {
            Self::Started => RunState::Running,
            Self::Succeeded => RunState::Succeeded,
            Self::Failed => RunState::Failed,
            Self::Cancelled => RunState::Cancelled,
            Self::Refused => RunState::Refused,
        }
    }
}

fn needs(is_ended: bool, is_running: bool) -> &'static str {
    match (is_ended, is_running) {
        (true, _) => "what has ended stays so; start a new run",
        (false, true) => "it has started already; it can succeed, fail or be cancelled",
        (false, false) => "it has not started yet",
    }
}

impl StepState {
    /// Every state.
    pub const ALL: [Self; 8] = [
        Self::Queued,
        Self::Running,
        Self::Succeeded,
        Self::Failed,
        Self::Cancelled,
        Self::Cached,
        Self::Skipped,
        Self::Refused,
    ];

    /// As stored and shown: `queued`, `cached`, ...
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Cached => "cached",
            Self::Skipped => "skipped",
            Self::Refused => "refused",
        }
    }

    /// Whether nothing more happens to it.
    pub const fn is_ended(self) -> bool {
        !matches!(self, Self::Queued | Self::Running)
    }

    /// Whether its outputs are there for the steps behind it.
    pub const fn has_outputs(self) -> bool {
        matches!(self, Self::Succeeded | Self::Cached)
    }

    /// The state as `event` leaves it. Every transition there is stands in this match.
    pub fn after(self, event: StepEvent) -> Result<Self, IllegalRunTransition> {
        match (self, event) {
            (Self::Queued, StepEvent::Started) => Ok(Self::Running),
            (Self::Queued, StepEvent::FoundInCache) => Ok(Self::Cached),
            (Self::Queued, StepEvent::Skipped) => Ok(Self::Skipped),
            (Self::Queued, StepEvent::Refused) => Ok(Self::Refused),
            (Self::Queued | Self::Running, StepEvent::Cancelled) => Ok(Self::Cancelled),
            (Self::Running, StepEvent::Succeeded) => Ok(Self::Succeeded),
            (Self::Running, StepEvent::Failed) => Ok(Self::Failed),
            (from, event) => Err(IllegalRunTransition {
                subject: "step",
                from: from.as_str(),
                to: event.target().as_str(),
                needs: needs(from.is_ended(), from == Self::Running),
            }),
        }
    }
}

impl StepEvent {
    /// Every event.
    pub const ALL: [Self; 7] = [
        Self::Started,
        Self::Succeeded,
        Self::Failed,
        Self::Cancelled,
        Self::FoundInCache,
        Self::Skipped,
        Self::Refused,
    ];

    const fn target(self) -> StepState {
        match self {
            Self::Started => StepState::Running,
            Self::Succeeded => StepState::Succeeded,
            Self::Failed => StepState::Failed,
            Self::Cancelled => StepState::Cancelled,
            Self::FoundInCache => StepState::Cached,
            Self::Skipped => StepState::Skipped,
            Self::Refused => StepState::Refused,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_move_of_a_run_is_in_the_list_and_no_other() {
        use RunState::{Cancelled, Failed, Queued, Refused, Running, Succeeded};
        let legal = [
            (Queued, RunEvent::Started, Running),
            (Queued, RunEvent::Refused, Refused),
            (Queued, RunEvent::Cancelled, Cancelled),
            (Running, RunEvent::Cancelled, Cancelled),
            (Running, RunEvent::Succeeded, Succeeded),
            (Running, RunEvent::Failed, Failed),
        ];
        for from in RunState::ALL {
            for event in RunEvent::ALL {
                let wanted =
                    legal.iter().find(|(state, cause, _)| (*state, *cause) == (from, event)).map(|(_, _, to)| *to);
                match from.after(event) {
                    Ok(to) => assert_eq!(Some(to), wanted, "{from:?} {event:?}"),
                    Err(error) => {
                        assert_eq!(wanted, None, "{from:?} {event:?}");
                        assert!(error.to_string().contains(from.as_str()) && !error.needs.is_empty());
                    }
                }
            }
        }
    }

    #[test]
    fn every_move_of_a_step_is_in_the_list_and_no_other() {
        use StepState::{Cached, Cancelled, Failed, Queued, Refused, Running, Skipped, Succeeded};
        let legal = [
            (Queued, StepEvent::Started, Running),
            (Queued, StepEvent::FoundInCache, Cached),
            (Queued, StepEvent::Skipped, Skipped),
            (Queued, StepEvent::Refused, Refused),
            (Queued, StepEvent::Cancelled, Cancelled),
            (Running, StepEvent::Cancelled, Cancelled),
            (Running, StepEvent::Succeeded, Succeeded),
            (Running, StepEvent::Failed, Failed),
        ];
        for from in StepState::ALL {
            for event in StepEvent::ALL {
                let wanted =
                    legal.iter().find(|(state, cause, _)| (*state, *cause) == (from, event)).map(|(_, _, to)| *to);
                assert_eq!(from.after(event).ok(), wanted, "{from:?} {event:?}");
            }
        }
    }
}
