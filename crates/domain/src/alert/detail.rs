//! What an alert knows: the rules that it has notified of, the newest window that breached, and the root cause.
//!
//! Invariants: every number has its unit and, where one is known, its interval; what is not known is absent.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::{
    rule::{RuleOutcome, RuleVerdict},
    time::{Interval, Timestamp},
};

/// What breached: a rule, or one part of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Breach {
    /// The rule as text.
    pub rule: String,
    /// The column, slice or group, where the rule has parts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<String>,
}

impl Breach {
    /// What breached in outcomes, one by one: a rule, and where it has parts each part that failed.
    pub fn all_of(outcomes: &[RuleOutcome]) -> BTreeSet<Self> {
        let of = |outcome: &RuleOutcome| -> Vec<Self> {
            let breach = |part: Option<String>| Self { rule: outcome.rule.clone(), part };
            let failed = outcome.parts.iter().filter(|part| part.verdict == RuleVerdict::Failed);
            let parts: Vec<Self> = failed.map(|part| breach(Some(part.name.clone()))).collect();
            if parts.is_empty() { vec![breach(None)] } else { parts }
        };
        outcomes.iter().filter(|outcome| outcome.is_failed()).flat_map(of).collect()
    }

    /// Whether it is a breach of this rule.
    pub fn is_of(&self, outcome: &RuleOutcome) -> bool {
        self.rule == outcome.rule
    }
}

/// What an alert knows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AlertDetail {
    /// The start of the window that opened it.
    pub since: Timestamp,
    /// The newest window that breached.
    pub window: Interval,
    /// What it has notified of so far.
    #[serde(default)]
    pub notified: BTreeSet<Breach>,
    /// The columns, slices or groups that breach.
    #[serde(default)]
    pub columns: Vec<String>,
    /// What breaches, in one line.
    pub text: String,
    /// Why, in one line; absent where nothing can be said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub explanation: Option<String>,
    /// Why, in numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root_cause: Option<RootCause>,
}

impl AlertDetail {
    /// The detail of an alert that a window opened; nothing else is known yet.
    pub fn new(window: Interval, text: impl Into<String>) -> Self {
        Self {
            since: window.start,
            window,
            notified: BTreeSet::new(),
            columns: Vec::new(),
            text: text.into(),
            explanation: None,
            root_cause: None,
        }
    }
}

/// The columns, slices and share of the loss behind an alert.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RootCause {
    /// The columns in which a change is proven, with the time since when.
    pub changed_columns: Vec<ChangedColumn>,
    /// The change of the mean loss; absent without held-out rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loss: Option<LossChange>,
    /// By how much each column's drift alone would change the mean loss; largest first.
    pub loss_by_drift: Vec<ColumnEffect>,
    /// By how much the mean raw score moved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score_shift: Option<ScoreShift>,
    /// Where the loss is larger than elsewhere, worst first.
    pub weak_slices: Vec<WeakSlice>,
    /// Columns that lack values far more often than they did.
    pub missing: Vec<MissingValues>,
}

/// A column that changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChangedColumn {
    /// Its name.
    pub column: String,
    /// Since when it differs.
    pub since: Timestamp,
}

/// The mean loss per row, now and on the held-out rows of the version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LossChange {
    /// On the held-out rows.
    pub before: f64,
    /// Absent while too few labels are known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub now: Option<f64>,
    /// The labelled rows that `now` rests on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<u64>,
    /// By how much the drift of the score alone would change it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub explained_by_drift: Option<Effect>,
}

/// A value with its 95 % confidence interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Effect {
    /// The value, in units of the loss or of the score.
    #[serde(with = "crate::rule::float")]
    pub value: f64,
    /// The lower end of its interval.
    #[serde(with = "crate::rule::float")]
    pub low: f64,
    /// The upper end of its interval.
    #[serde(with = "crate::rule::float")]
    pub high: f64,
}

/// What one column contributes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ColumnEffect {
    /// Its name.
    pub column: String,
    /// Its part.
    #[serde(flatten)]
    pub effect: Effect,
}

/// By how much the mean raw score moved, and each column's part; the parts add up to the total.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScoreShift {
    /// The mean raw score now minus that on the held-out rows.
    pub total: f64,
    /// The part of each column, largest first.
    pub columns: Vec<ColumnEffect>,
}

/// Rows on which the loss is larger than on the rest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WeakSlice {
    /// `age >= 40 and region = north`.
    pub conditions: String,
    /// The rows that it holds.
    pub rows: u64,
    /// The mean loss per row.
    pub loss: f64,
    /// The same on the held-out rows of the version; absent where they are too few.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loss_before: Option<f64>,
    /// By how much it is larger than on the rest.
    pub excess: Effect,
    /// The evidence that it is larger, against "not larger": 20 is like p = 0.05.
    #[serde(with = "crate::rule::float")]
    pub e_value: f64,
}

/// The share of the rows in which a column has no value, now and in the reference.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MissingValues {
    /// Its name.
    pub column: String,
    /// The share now, 0 to 1.
    pub share: f64,
    /// The share in the reference, 0 to 1.
    pub share_before: f64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::PartOutcome;

    #[test]
    fn a_rule_with_parts_breaches_by_each_part_that_failed() {
        let part = |name: &str, verdict| PartOutcome { name: name.to_owned(), verdict, measurement: None };
        let outcome = RuleOutcome {
            parts: vec![part("age", RuleVerdict::Failed), part("city", RuleVerdict::Passed)],
            ..RuleOutcome::new("missing(*) <= 1%", "missing(*)".parse().unwrap(), RuleVerdict::Failed, "")
        };
        let [breach] = &Breach::all_of(std::slice::from_ref(&outcome)).into_iter().collect::<Vec<_>>()[..] else {
            panic!("one")
        };
        assert!(breach.is_of(&outcome) && breach.part.as_deref() == Some("age"));
        let passed = RuleOutcome { verdict: RuleVerdict::Passed, ..outcome };
        assert!(Breach::all_of(&[passed]).is_empty());
    }
}
