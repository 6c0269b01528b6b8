//! What the platform decided, in the words of the timeline. Each decision is an entry of the audit table: its kind is
//! the action, its numbers are the evidence.
//!
//! Invariants: whatever a replay, a status page or an alert says about a decision is read back from that entry.

use std::{collections::BTreeMap, fmt, str::FromStr};

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $word:literal;)*) => {
        /// What was decided.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum DecisionKind {
            $($(#[$doc])* $name,)*
        }

        impl DecisionKind {
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The word in documents and in the audit table.
            pub const fn word(self) -> &'static str {
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
    GatePassed = "gate_passed";
    GateRefused = "gate_refused";
    /// Something was not measured; this blocks.
    GateUndecided = "gate_undecided";
    Approved = "approved";
    ShadowStarted = "shadow_started";
    CanaryStarted = "canary_started";
    /// A canary took the next share of the traffic.
    CanaryStep = "canary_step";
    Promoted = "promoted";
    RolledBack = "rolled_back";
    DataAlert = "data_alert";
    DriftAlert = "drift_alert";
    PerformanceAlert = "performance_alert";
    /// Performance estimated without labels left its bounds.
    EstimateAlert = "estimate_alert";
    /// The metric is surely worse than before a promotion.
    PromotionAlert = "promotion_alert";
    BiasAlert = "bias_alert";
    UsageAlert = "usage_alert";
    AlertResolved = "alert_resolved";
    RetrainStarted = "retrain_started";
    RetrainSkipped = "retrain_skipped";
    ThresholdChanged = "threshold_changed";
}

impl fmt::Display for DecisionKind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.word())
    }
}

impl FromStr for DecisionKind {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.iter().copied().find(|kind| kind.word() == text).ok_or(())
    }
}

/// The numbers of a decision, by name. Only finite numbers stand here.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EventMetrics(BTreeMap<String, f64>);

impl EventMetrics {
    /// Adds a number; one that is not finite is left out, because it would say nothing.
    pub fn with(mut self, name: impl Into<String>, value: f64) -> Self {
        self.put(name, value);
        self
    }

    pub fn put(&mut self, name: impl Into<String>, value: f64) {
        if value.is_finite() {
            self.0.insert(name.into(), value);
        }
    }

    /// Adds the numbers of another decision; names that are there already keep the new value.
    pub fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// As evidence of an audit entry: `auc=0.7123`.
    pub fn evidence(&self) -> Vec<String> {
        self.0.iter().map(|(name, value)| format!("{name}={value}")).collect()
    }

    /// Reads evidence back; items that are no numbers (digests, names) are passed over.
    pub fn read(evidence: &[String]) -> BTreeMap<String, f64> {
        let number = |item: &String| {
            let (name, value) = item.split_once('=')?;
            Some((name.to_owned(), value.parse().ok().filter(|value: &f64| value.is_finite())?))
        };
        evidence.iter().filter_map(number).collect()
    }
}

/// The name under which an entry's evidence holds the version that it is about.
pub const VERSION: &str = "version";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_back_from_the_evidence() {
        let numbers = EventMetrics::default().with("auc", 0.7123).with("rows", 3717.0).with("lost", f64::NAN);
        let mut evidence = numbers.evidence();
        evidence.push("model:3f=x".to_owned());
        assert_eq!(EventMetrics::read(&evidence), BTreeMap::from([("auc".into(), 0.7123), ("rows".into(), 3717.0)]));
    }

    #[test]
    fn every_kind_reads_back_its_word() {
        for &kind in DecisionKind::ALL {
            assert_eq!(kind.word().parse(), Ok(kind));
        }
    }
}
