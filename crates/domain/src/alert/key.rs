//! What an alert is about, and the key by which alerts about the same thing are one.
//!
//! Invariants: of each key at most one alert is open; a key reads back from its text.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{alert_kind::AlertKind, monitor_kind::MonitorKind};
use crate::ids::EndpointName;

/// What an alert is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AlertTopic {
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
    UnknownClass(String),
    /// Labels that are written in other words than those of the model.
    UnknownLabels,
    /// The metric is worse than before the last promotion.
    Promotion,
    /// A version answers without its approval, and nobody has reviewed why.
    BreakGlass,
    /// The versions that share the traffic did not receive the shares that were set.
    SampleRatio,
    /// An objective misses its target; its name.
    Objective(String),
}

/// Between the topic and the class that it is about.
const SUBJECT: char = ':';

impl AlertTopic {
    /// What the rules of a monitor raise.
    pub const fn of_rules(kind: MonitorKind) -> Self {
        match kind {
            MonitorKind::Data => Self::Data,
            MonitorKind::Performance => Self::Performance,
            MonitorKind::Drift => Self::Drift,
            MonitorKind::Bias => Self::Bias,
            MonitorKind::Usage => Self::Usage,
        }
    }

    /// The monitor that it belongs to.
    pub const fn monitor(&self) -> MonitorKind {
        match self {
            Self::Data | Self::MissingLabels | Self::UnknownClass(_) | Self::UnknownLabels => MonitorKind::Data,
            Self::Drift => MonitorKind::Drift,
            Self::Performance | Self::EstimatedPerformance | Self::Promotion | Self::Objective(_) => {
                MonitorKind::Performance
            }
            Self::Bias => MonitorKind::Bias,
            Self::Usage | Self::BreakGlass | Self::SampleRatio => MonitorKind::Usage,
        }
    }

    /// Its kind.
    pub const fn kind(&self) -> AlertKind {
        match self {
            Self::Data => AlertKind::Data,
            Self::Drift => AlertKind::Drift,
            Self::Performance => AlertKind::Performance,
            Self::EstimatedPerformance => AlertKind::EstimatedPerformance,
            Self::Bias => AlertKind::Bias,
            Self::Usage => AlertKind::Usage,
            Self::MissingLabels => AlertKind::MissingLabels,
            Self::UnknownClass(_) => AlertKind::UnknownClass,
            Self::UnknownLabels => AlertKind::UnknownLabels,
            Self::Promotion => AlertKind::Promotion,
            Self::BreakGlass => AlertKind::BreakGlass,
            Self::SampleRatio => AlertKind::SampleRatio,
            Self::Objective(_) => AlertKind::Objective,
        }
    }

    /// The topic of a kind and what of it it is about; `None` where one is missing or too much.
    fn of_kind(kind: AlertKind, subject: Option<&str>) -> Option<Self> {
        Some(match (kind, subject) {
            (AlertKind::UnknownClass, class) => Self::UnknownClass(class?.to_owned()),
            (AlertKind::Objective, name) => Self::Objective(name?.to_owned()),
            (_, Some(_)) => return None,
            (AlertKind::Data, None) => Self::Data,
            (AlertKind::Drift, None) => Self::Drift,
            (AlertKind::Performance, None) => Self::Performance,
            (AlertKind::EstimatedPerformance, None) => Self::EstimatedPerformance,
            (AlertKind::Bias, None) => Self::Bias,
            (AlertKind::Usage, None) => Self::Usage,
            (AlertKind::MissingLabels, None) => Self::MissingLabels,
            (AlertKind::UnknownLabels, None) => Self::UnknownLabels,
            (AlertKind::Promotion, None) => Self::Promotion,
            (AlertKind::BreakGlass, None) => Self::BreakGlass,
            (AlertKind::SampleRatio, None) => Self::SampleRatio,
        })
    }

    /// What of its kind it is about, where each has an alert of its own.
    pub fn subject(&self) -> Option<&str> {
        match self {
            Self::UnknownClass(subject) | Self::Objective(subject) => Some(subject),
            _ => None,
        }
    }

    /// Whether it is over with the version that it is about.
    pub const fn ends_with_version(&self) -> bool {
        !matches!(self, Self::BreakGlass | Self::Objective(_))
    }

    /// Whether a new training could end it: no model learns from labels that do not come, or that are written in
    /// other words, a promotion that made it worse is taken back, or explained, and a split that is broken is mended.
    pub const fn is_learnable(&self) -> bool {
        !matches!(
            self,
            Self::MissingLabels
                | Self::UnknownLabels
                | Self::Promotion
                | Self::BreakGlass
                | Self::SampleRatio
                | Self::Objective(_)
        )
    }
}

impl fmt::Display for AlertTopic {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.kind().as_str())?;
        self.subject().map_or(Ok(()), |subject| write!(out, "{SUBJECT}{subject}"))
    }
}

/// The identity of an alert: what, and at which endpoint. Of each key at most one alert is open.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AlertKey {
    /// Where.
    pub endpoint: EndpointName,
    /// What it is about.
    pub topic: AlertTopic,
}

impl AlertKey {
    /// The key of an alert about a topic at an endpoint.
    pub const fn new(endpoint: EndpointName, topic: AlertTopic) -> Self {
        Self { endpoint, topic }
    }
}

/// `churn/drift`, `tickets/unknown_class:macOS`.
impl fmt::Display for AlertKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{}", self.endpoint, self.topic)
    }
}

/// A text that is no key of an alert.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not the key of an alert: write it like `churn/drift` or `tickets/unknown_class:macOS`")]
pub struct InvalidAlertKey(pub String);

impl FromStr for AlertTopic {
    type Err = InvalidAlertKey;

    fn from_str(text: &str) -> Result<Self, InvalidAlertKey> {
        let (word, subject) = text.split_once(SUBJECT).map_or((text, None), |(word, class)| (word, Some(class)));
        let kind = AlertKind::ALL.into_iter().find(|kind| kind.as_str() == word);
        let topic = kind.and_then(|kind| Self::of_kind(kind, subject));
        topic.ok_or_else(|| InvalidAlertKey(text.chars().take(80).collect()))
    }
}

impl FromStr for AlertKey {
    type Err = InvalidAlertKey;

    fn from_str(text: &str) -> Result<Self, InvalidAlertKey> {
        let invalid = || InvalidAlertKey(text.chars().take(80).collect());
        let (endpoint, topic) = text.split_once('/').ok_or_else(invalid)?;
        let endpoint = endpoint.parse().map_err(|_| invalid())?;
        Ok(Self { endpoint, topic: topic.parse().map_err(|_: InvalidAlertKey| invalid())? })
    }
}

impl Serialize for AlertKey {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        out.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for AlertKey {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        String::deserialize(input)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_reads_back_from_its_text() {
        let keys = ["churn/drift", "tickets/unknown_class:a/b: c", "churn/estimated_performance", "x/missing_labels"];
        for text in keys {
            assert_eq!(text.parse::<AlertKey>().unwrap().to_string(), text);
        }
        for wrong in ["churn", "churn/", "/drift", "churn/drift:x", "churn/nothing", "churn/unknown_class"] {
            assert!(wrong.parse::<AlertKey>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_rules_of_a_monitor_raise_belongs_to_that_monitor() {
        for kind in MonitorKind::ALL {
            assert_eq!(AlertTopic::of_rules(kind).monitor(), kind);
        }
    }
}
