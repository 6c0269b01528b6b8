//! Events: what the platform decided, about which version, and the metrics behind it. Each is an entry of the audit log:
//! its kind is the action, version and metrics are evidence.
//!
//! Invariants: whatever a replay, a status page or an alert says of a decision reads back from that entry; metrics are
//! finite. Out of scope: entries that only count, such as a window of an alert, which are no events.

use std::{
    collections::{BTreeMap, btree_map},
    fmt,
    str::FromStr,
};

use serde::{Deserialize, Serialize};

use crate::{
    alert::{AlertTopic, MonitorKind},
    audit::Entry,
    ids::VersionId,
    rule::RuleOutcome,
    time::Timestamp,
};

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $word:literal;)*) => {
        /// What was decided.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum EventKind {
            $($(#[$doc])* #[serde(rename = $word)] $name,)*
        }

        impl EventKind {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The word in documents and in the audit log.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }
        }
    };
}

kinds! {
    /// A run produced a version.
    Trained = "trained";
    /// A run ended without a version.
    TrainingFailed = "training_failed";
    /// All gates passed.
    GatePassed = "gate_passed";
    /// A gate failed.
    GateRefused = "gate_refused";
    /// Something was not measured; this blocks.
    GateUndecided = "gate_undecided";
    /// A version was approved.
    Approved = "approved";
    /// A version scores requests unseen.
    ShadowStarted = "shadow_started";
    /// A version answers a share of the requests.
    CanaryStarted = "canary_started";
    /// A canary took the next share of the traffic.
    CanaryStep = "canary_step";
    /// A version went live.
    Promoted = "promoted";
    /// A version was taken back.
    RolledBack = "rolled_back";
    /// A rule about the data failed, or labels do not fit.
    DataAlert = "data_alert";
    /// A rule about the distance from the reference failed.
    DriftAlert = "drift_alert";
    /// A rule about a metric on labelled rows failed.
    PerformanceAlert = "performance_alert";
    /// Performance estimated without labels left its bounds.
    EstimateAlert = "estimate_alert";
    /// The metric is surely worse than before a promotion.
    PromotionAlert = "promotion_alert";
    /// A rule about differences between groups failed.
    BiasAlert = "bias_alert";
    /// A rule about rows, errors or latency failed.
    UsageAlert = "usage_alert";
    /// A version answers without its approval.
    BreakGlassAlert = "break_glass_alert";
    /// The versions that share the traffic did not receive the shares that were set.
    SampleRatioAlert = "sample_ratio_alert";
    /// An objective misses its target.
    ObjectiveAlert = "objective_alert";
    /// An alert is over.
    AlertResolved = "alert_resolved";
    /// A retraining was started.
    RetrainStarted = "retrain_started";
    /// A retraining was due and did not start.
    RetrainSkipped = "retrain_skipped";
    /// The live version has another threshold.
    ThresholdChanged = "threshold_changed";
}

impl EventKind {
    /// Whether an alert began to fire, or has something new to say.
    pub const fn is_alert(self) -> bool {
        matches!(
            self,
            Self::DataAlert
                | Self::DriftAlert
                | Self::PerformanceAlert
                | Self::EstimateAlert
                | Self::PromotionAlert
                | Self::BiasAlert
                | Self::UsageAlert
                | Self::BreakGlassAlert
                | Self::SampleRatioAlert
                | Self::ObjectiveAlert
        )
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

/// A text that names no kind of event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a kind of event")]
pub struct InvalidEventKind(pub String);

impl FromStr for EventKind {
    type Err = InvalidEventKind;

    fn from_str(text: &str) -> Result<Self, InvalidEventKind> {
        let found = Self::ALL.iter().copied().find(|kind| kind.as_str() == text);
        found.ok_or_else(|| InvalidEventKind(text.chars().take(80).collect()))
    }
}

/// The event when an alert about a topic begins to fire.
impl From<&AlertTopic> for EventKind {
    fn from(topic: &AlertTopic) -> Self {
        match (topic, topic.monitor()) {
            (AlertTopic::EstimatedPerformance, _) => Self::EstimateAlert,
            (AlertTopic::Promotion, _) => Self::PromotionAlert,
            (AlertTopic::BreakGlass, _) => Self::BreakGlassAlert,
            (AlertTopic::SampleRatio, _) => Self::SampleRatioAlert,
            (AlertTopic::Objective(_), _) => Self::ObjectiveAlert,
            (_, MonitorKind::Performance) => Self::PerformanceAlert,
            (_, MonitorKind::Data) => Self::DataAlert,
            (_, MonitorKind::Drift) => Self::DriftAlert,
            (_, MonitorKind::Bias) => Self::BiasAlert,
            (_, MonitorKind::Usage) => Self::UsageAlert,
        }
    }
}

/// One metric of an event, with what is known about it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EventMetric {
    /// In the unit of the metric: a share, rows, milliseconds.
    pub value: f64,
    /// The lower end of its confidence interval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub low: Option<f64>,
    /// The upper end of its confidence interval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub high: Option<f64>,
    /// The bound that its rule sets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<f64>,
    /// The rows that it rests on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
}

impl EventMetric {
    /// A value with its confidence interval.
    pub const fn with_interval(value: f64, low: f64, high: f64) -> Self {
        Self { value, low: Some(low), high: Some(high), limit: None, count: None }
    }
}

/// The metrics of an event, by name. Only finite numbers are kept: another one would say nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EventMetrics(BTreeMap<String, EventMetric>);

impl EventMetrics {
    /// Adds a plain number.
    pub fn with(mut self, name: impl Into<String>, value: f64) -> Self {
        self.put(name, value);
        self
    }

    /// Adds a plain number.
    pub fn put(&mut self, name: impl Into<String>, value: f64) {
        self.put_metric(name, EventMetric { value, ..EventMetric::default() });
    }

    /// Adds a metric with what is known about it; the ends that are not finite are left out.
    pub fn put_metric(&mut self, name: impl Into<String>, metric: EventMetric) {
        let finite = |end: Option<f64>| end.filter(|end| end.is_finite());
        if metric.value.is_finite() {
            let (low, high, limit) = (finite(metric.low), finite(metric.high), finite(metric.limit));
            self.0.insert(name.into(), EventMetric { low, high, limit, ..metric });
        }
    }

    /// Adds value, interval and bound of a rule under the name of its metric; a difference to the champion under
    /// `METRIC_difference`. Of two rules about one metric the bound of the first is kept if the second has none.
    pub fn put_outcome(&mut self, outcome: &RuleOutcome) {
        let Some(measured) = &outcome.measured else { return };
        let suffix = if outcome.is_relative { "_difference" } else { "" };
        let (low, high) = measured.interval.unzip();
        let name = format!("{}{suffix}", outcome.metric);
        let known = self.get(&name).and_then(|known| known.limit);
        let limit = outcome.limits.low.or(outcome.limits.high).or(known);
        self.put_metric(name, EventMetric { value: measured.value, low, high, limit, count: Some(measured.count) });
    }

    /// Adds the metrics of another event; of a name that is here already the new value stands.
    pub fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// The metric of a name.
    pub fn get(&self, name: &str) -> Option<&EventMetric> {
        self.0.get(name)
    }

    /// Every metric, by name.
    pub fn iter(&self) -> btree_map::Iter<'_, String, EventMetric> {
        self.0.iter()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// As evidence of an audit entry.
    pub fn to_evidence(&self) -> Vec<String> {
        EventPayload { version: None, metrics: self.clone() }.to_evidence()
    }
}

/// What an audit entry keeps of an event besides its kind.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EventPayload {
    /// The version that it is about, where the object of the entry does not name it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
    /// Its metrics.
    #[serde(default, skip_serializing_if = "EventMetrics::is_empty")]
    pub metrics: EventMetrics,
}

/// Before the document of a payload among the evidence of an entry.
const EVIDENCE: &str = "event:";

impl EventPayload {
    /// As evidence of an audit entry; nothing where there is nothing to keep.
    pub fn to_evidence(&self) -> Vec<String> {
        if *self == Self::default() {
            return vec![];
        }
        let document = serde_json::to_string(self).expect("texts and finite numbers always serialise");
        vec![format!("{EVIDENCE}{document}")]
    }

    /// Reads the evidence of an entry; other items (digests, names) are passed over.
    pub fn from_evidence(evidence: &[String]) -> Self {
        let documents = evidence.iter().filter_map(|item| item.strip_prefix(EVIDENCE));
        documents.filter_map(|document| serde_json::from_str(document).ok()).next().unwrap_or_default()
    }
}

/// One event of a timeline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TimelineEvent {
    /// When.
    pub at: Timestamp,
    /// What was decided.
    pub kind: EventKind,
    /// The number of the version that it is about.
    pub version: Option<u32>,
    /// Why, for a person.
    pub reason: String,
    /// The numbers behind it.
    pub metrics: EventMetrics,
}

impl TimelineEvent {
    /// The event that an audit entry records; `None` where it records another change.
    pub fn of_entry(entry: &Entry, reason: Option<&str>) -> Option<Self> {
        let kind = entry.action.parse().ok()?;
        let EventPayload { version, metrics } = EventPayload::from_evidence(&entry.evidence);
        let version = VersionId::of_object(&entry.object).map(|version| version.number).or(version);
        Some(Self { at: entry.at, kind, version, reason: reason.unwrap_or_default().to_owned(), metrics })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_reads_back_from_the_evidence_of_its_entry() {
        let mut metrics = EventMetrics::default().with("rows", 3717.0).with("lost", f64::NAN);
        metrics.put_metric("auc", EventMetric::with_interval(0.1 + 0.2, 0.25, f64::INFINITY));
        let payload = EventPayload { version: Some(3), metrics };
        let mut evidence = payload.to_evidence();
        assert_eq!(evidence.len(), 1);
        evidence.insert(0, "model:3f".to_owned());
        let read = EventPayload::from_evidence(&evidence);
        assert_eq!(read, payload, "not one bit is lost");
        let auc = read.metrics.get("auc").unwrap();
        assert_eq!((auc.value, auc.low, auc.high), (0.1 + 0.2, Some(0.25), None));
        assert_eq!(read.metrics.get("lost"), None);
        assert!(EventPayload::default().to_evidence().is_empty());
    }

    #[test]
    fn every_kind_reads_back_its_word() {
        for &kind in EventKind::ALL {
            assert_eq!(kind.as_str().parse(), Ok(kind));
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
    }

    #[test]
    fn what_an_alert_raises_is_an_alert() {
        let topics = ["data", "drift", "performance", "estimated_performance", "bias", "usage", "promotion"];
        for topic in topics {
            assert!(EventKind::from(&topic.parse::<AlertTopic>().unwrap()).is_alert(), "{topic}");
        }
        assert!(!EventKind::AlertResolved.is_alert());
    }
}
