//! The five monitors of the contract.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// What a monitor watches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MonitorKind {
    /// Missing, unseen and out-of-range values; labels that stop or do not fit.
    Data,
    /// Metrics that need labels, and their estimates before labels are known.
    Performance,
    /// Distances of features and scores from the reference.
    Drift,
    /// Differences between groups.
    Bias,
    /// Requests, errors, latency, consumers.
    Usage,
}

impl MonitorKind {
    /// Every monitor, in the order of the contract.
    pub const ALL: [Self; 5] = [Self::Data, Self::Performance, Self::Drift, Self::Bias, Self::Usage];

    /// As written in `[monitor]` and in triggers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Data => "data",
            Self::Performance => "performance",
            Self::Drift => "drift",
            Self::Bias => "bias",
            Self::Usage => "usage",
        }
    }
}

impl fmt::Display for MonitorKind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

/// A text that names no monitor.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a monitor: write data, performance, drift, bias or usage")]
pub struct InvalidMonitorKind(pub String);

impl FromStr for MonitorKind {
    type Err = InvalidMonitorKind;

    fn from_str(text: &str) -> Result<Self, InvalidMonitorKind> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or_else(|| InvalidMonitorKind(text.chars().take(80).collect()))
    }
}
