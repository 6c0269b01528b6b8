//! The life of an alert: `pending → firing → acknowledged | muted → resolved`, with hold counts.
//!
//! Invariants: a window that was not measured moves nothing, neither towards firing nor towards resolved.
//! A resolved alert stays so; the next breach opens a new one.

mod alert_kind;
mod detail;
mod key;
mod monitor_kind;

use serde::{Deserialize, Serialize};

pub use self::{
    alert_kind::AlertKind,
    detail::{
        AlertDetail, Breach, ChangedColumn, ColumnEffect, Effect, LossChange, MissingValues, RootCause, ScoreShift,
        WeakSlice,
    },
    key::{AlertKey, AlertTopic, InvalidAlertKey},
    monitor_kind::{InvalidMonitorKind, MonitorKind},
};
use crate::time::Timestamp;

/// Where an alert is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum AlertState {
    /// Out of bounds for so many windows in a row, not yet long enough.
    Pending {
        /// Windows out of bounds in a row.
        breaches: u32,
    },
    /// Someone should look. `clean` counts the windows in bounds since the last breach.
    Firing {
        /// Windows in bounds since the last breach.
        clean: u32,
    },
    /// Someone looks.
    Acknowledged {
        /// Windows in bounds since the last breach.
        clean: u32,
    },
    /// Known, and silent until then.
    Muted {
        /// When it fires again if it is still out of bounds.
        until: Timestamp,
        /// Windows in bounds since the last breach.
        clean: u32,
    },
    /// Over. A new breach opens another alert.
    Resolved,
}

/// How many windows it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hysteresis {
    /// Breaches in a row until it fires; at least 1.
    pub fire_after: u32,
    /// Clean windows in a row until it is resolved; at least 1.
    pub resolve_after: u32,
}

impl Default for Hysteresis {
    /// Fires at the first breach, resolved after three clean windows.
    fn default() -> Self {
        Self { fire_after: 1, resolve_after: 3 }
    }
}

/// What happens to an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "event")]
pub enum AlertEvent {
    /// A window out of bounds.
    Breached,
    /// A window in bounds.
    Clean,
    /// A window that could not be judged.
    NotMeasured,
    /// Someone takes care of it.
    Acknowledged,
    /// Someone silences it.
    Muted {
        /// Until when.
        until: Timestamp,
    },
    /// Someone ends the silence.
    Unmuted,
    /// By a person, or because its version no longer serves.
    Resolved,
}

/// A move that an alert cannot make.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an alert that is {from} cannot be {attempted}: {needs}")]
pub struct IllegalAlertTransition {
    /// The state that it is in.
    pub from: &'static str,
    /// What was tried, as a participle: `muted`.
    pub attempted: &'static str,
    /// What would be needed.
    pub needs: &'static str,
}

impl AlertState {
    /// The alert that the first breach opens.
    pub const fn opened(hold: Hysteresis) -> Self {
        match hold.fire_after {
            0 | 1 => Self::Firing { clean: 0 },
            _ => Self::Pending { breaches: 1 },
        }
    }

    /// `pending`, `firing`, `acknowledged`, `muted` or `resolved`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending { .. } => "pending",
            Self::Firing { .. } => "firing",
            Self::Acknowledged { .. } => "acknowledged",
            Self::Muted { .. } => "muted",
            Self::Resolved => "resolved",
        }
    }

    /// Whether it is neither pending nor resolved: what it watches is failing.
    pub const fn is_failing(self) -> bool {
        matches!(self, Self::Firing { .. } | Self::Acknowledged { .. } | Self::Muted { .. })
    }

    /// The state as `event`, happening at `now`, leaves it. Every transition there is stands in this match.
    /// A mute that has run out ends with the next event.
    pub fn after(self, event: AlertEvent, hold: Hysteresis, now: Timestamp) -> Result<Self, IllegalAlertTransition> {
        use AlertEvent as Event;
        let state = self.awake(now);
        match (state, event) {
            (Self::Pending { breaches }, Event::Breached) if breaches + 1 >= hold.fire_after => {
                Ok(Self::Firing { clean: 0 })
            }
            (Self::Pending { breaches }, Event::Breached) => Ok(Self::Pending { breaches: breaches + 1 }),
            // It did not last: nobody was called.
            (Self::Pending { .. }, Event::Clean) => Ok(Self::Resolved),
            (Self::Firing { .. }, Event::Breached) => Ok(Self::Firing { clean: 0 }),
            (Self::Acknowledged { .. }, Event::Breached) => Ok(Self::Acknowledged { clean: 0 }),
            (Self::Muted { until, .. }, Event::Breached) => Ok(Self::Muted { until, clean: 0 }),
            (Self::Firing { clean }, Event::Clean) => Ok(cleaner(clean, hold, |clean| Self::Firing { clean })),
            (Self::Acknowledged { clean }, Event::Clean) => {
                Ok(cleaner(clean, hold, |clean| Self::Acknowledged { clean }))
            }
            (Self::Muted { until, clean }, Event::Clean) => {
                Ok(cleaner(clean, hold, |clean| Self::Muted { until, clean }))
            }
            (Self::Resolved, Event::Clean | Event::NotMeasured) => Ok(Self::Resolved),
            (state, Event::NotMeasured) => Ok(state),
            (Self::Firing { clean }, Event::Acknowledged) => Ok(Self::Acknowledged { clean }),
            (
                Self::Firing { clean } | Self::Acknowledged { clean } | Self::Muted { clean, .. },
                Event::Muted { until },
            ) if until > now => Ok(Self::Muted { until, clean }),
            (Self::Muted { clean, .. }, Event::Unmuted) => Ok(Self::Firing { clean }),
            (
                Self::Pending { .. } | Self::Firing { .. } | Self::Acknowledged { .. } | Self::Muted { .. },
                Event::Resolved,
            ) => Ok(Self::Resolved),
            (state, event) => Err(state.refusal(event)),
        }
    }

    const fn awake(self, now: Timestamp) -> Self {
        match self {
            Self::Muted { until, clean } if until.millis() <= now.millis() => Self::Firing { clean },
            state => state,
        }
    }

    const fn refusal(self, event: AlertEvent) -> IllegalAlertTransition {
        let attempted = match event {
            AlertEvent::Breached => "breached",
            AlertEvent::Clean => "clean",
            AlertEvent::NotMeasured => "left unmeasured",
            AlertEvent::Acknowledged => "acknowledged",
            AlertEvent::Muted { .. } => "muted",
            AlertEvent::Unmuted => "unmuted",
            AlertEvent::Resolved => "resolved",
        };
        let needs = match (self, event) {
            (Self::Resolved, _) => "it is over; the next breach opens a new alert",
            (Self::Pending { .. }, AlertEvent::Acknowledged | AlertEvent::Muted { .. }) => "it has not fired yet",
            (_, AlertEvent::Muted { .. }) => "a mute ends in the future; give a later time",
            (_, AlertEvent::Unmuted) => "it is not muted",
            (_, AlertEvent::Acknowledged) => "it is already acknowledged, or muted: unmute it first",
            _ => "this does not happen in that state",
        };
        IllegalAlertTransition { from: self.as_str(), attempted, needs }
    }
}

fn cleaner(clean: u32, hold: Hysteresis, keep: impl FnOnce(u32) -> AlertState) -> AlertState {
    match clean.saturating_add(1) {
        clean if clean >= hold.resolve_after => AlertState::Resolved,
        clean => keep(clean),
    }
}
