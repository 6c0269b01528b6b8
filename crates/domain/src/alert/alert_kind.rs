//! The kinds of alerts.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The kind of an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertKind {
    /// Rules about the quality of the columns that requests bring.
    Data,
    /// Rules about the distance from the reference.
    Drift,
    /// Rules about metrics that were measured on labels.
    Performance,
    /// Rules about metrics that were estimated before labels came.
    EstimatedPerformance,
    /// Rules about differences between groups.
    Bias,
    /// Rules about rows, errors and latency.
    Usage,
    /// Labels that stopped coming.
    MissingLabels,
    /// A class that labels name and the live version cannot answer.
    UnknownClass,
    /// Labels that are written in other words than those of the model.
    UnknownLabels,
    /// The metric is worse than before the last promotion.
    Promotion,
    /// A version answers without its approval, and nobody has reviewed why.
    BreakGlass,
    /// The versions that share the traffic did not receive the shares that were set.
    SampleRatio,
    /// An objective misses its target.
    Objective,
}

impl AlertKind {
    /// Every kind.
    pub const ALL: [Self; 13] = [
        Self::Data,
        Self::Drift,
        Self::Performance,
        Self::EstimatedPerformance,
        Self::Bias,
        Self::Usage,
        Self::MissingLabels,
        Self::UnknownClass,
        Self::UnknownLabels,
        Self::Promotion,
        Self::BreakGlass,
        Self::SampleRatio,
        Self::Objective,
    ];

    /// Its word: `drift`, `unknown_class`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Data => "data",
            Self::Drift => "drift",
            Self::Performance => "performance",
            Self::EstimatedPerformance => "estimated_performance",
            Self::Bias => "bias",
            Self::Usage => "usage",
            Self::MissingLabels => "missing_labels",
            Self::UnknownClass => "unknown_class",
            Self::UnknownLabels => "unknown_labels",
            Self::Promotion => "promotion",
            Self::BreakGlass => "break_glass",
            Self::SampleRatio => "sample_ratio",
            Self::Objective => "objective",
        }
    }
}

impl fmt::Display for AlertKind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_written_as_its_word() {
        for kind in AlertKind::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
    }
}
