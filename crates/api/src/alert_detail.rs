//! What is known about an alert: what breached, in which window, and the root cause.
//!
//! Invariant: a number that is not finite is `null`.

use kilter_domain::{alert, time::Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What is known about an alert.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AlertDetail {
    /// The start of the window that opened it.
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
    /// The start of the newest window that breached.
    #[schema(value_type = String, format = DateTime)]
    pub window_start: Timestamp,
    /// Its end, which is no part of it.
    #[schema(value_type = String, format = DateTime)]
    pub window_end: Timestamp,
    /// What it has notified of so far.
    pub notified: Vec<Breach>,
    /// The columns, slices or groups that breach.
    pub columns: Vec<String>,
    /// What breaches, in one line.
    pub text: String,
    /// Why, in one line; absent if nothing can be said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub explanation: Option<String>,
    /// Why, in numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root_cause: Option<RootCause>,
}

/// A rule that breached, or one part of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Breach {
    /// The rule as the contract writes it: `auc >= 0.8`.
    pub rule: String,
    /// The column, slice or group, if the rule has parts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<String>,
}

/// The columns, slices and share of the loss behind an alert.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RootCause {
    /// The columns in which a change is proven.
    pub changed_columns: Vec<ChangedColumn>,
    /// How the mean loss changed; absent without held-out rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loss: Option<LossChange>,
    /// By how much the drift of each column alone would change the mean loss; largest first.
    pub loss_by_drift: Vec<ColumnEffect>,
    /// By how much the mean raw score moved; absent if it cannot be divided among columns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score_shift: Option<ScoreShift>,
    /// Where the loss is larger than elsewhere, worst first.
    pub weak_slices: Vec<WeakSlice>,
    /// Columns that lack values far more often than they did.
    pub missing: Vec<MissingValues>,
}

/// A column that changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChangedColumn {
    /// The name of the column.
    pub column: String,
    /// Since when it differs from the reference.
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
}

/// The mean loss per row, now and on the held-out rows of the version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LossChange {
    /// The mean loss per held-out row of the version.
    pub before: Option<f64>,
    /// `null` while too few labels are known.
    pub now: Option<f64>,
    /// The labelled rows that `now` rests on.
    pub rows: Option<u64>,
    /// By how much the drift of the score alone would change it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub explained_by_drift: Option<Effect>,
}

/// A value with its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Effect {
    /// In units of the loss or of the raw score.
    pub value: Option<f64>,
    /// The lower end of the interval; `null` if it is open.
    pub low: Option<f64>,
    /// The upper end of the interval; `null` if it is open.
    pub high: Option<f64>,
}

/// What one column contributes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ColumnEffect {
    /// The name of the column.
    pub column: String,
    /// Its part, in units of the loss or of the raw score.
    pub value: Option<f64>,
    /// The lower end of the 95 % interval; `null` if it is open.
    pub low: Option<f64>,
    /// The upper end of the 95 % interval; `null` if it is open.
    pub high: Option<f64>,
}

/// By how much the mean raw score moved, and the part of each column; the parts add up to the total.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ScoreShift {
    /// The mean raw score now minus that on the held-out rows.
    pub total: Option<f64>,
    /// The part of each column, largest first.
    pub columns: Vec<ColumnEffect>,
}

/// Rows on which the loss is larger than on the rest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct WeakSlice {
    /// `age >= 40 and region = north`.
    pub conditions: String,
    /// Rows of the slice whose label is known.
    pub rows: u64,
    /// The mean loss per row.
    pub loss: Option<f64>,
    /// The same on the held-out rows of the version; `null` if they are too few.
    pub loss_before: Option<f64>,
    /// By how much it is larger than on the rest.
    pub excess: Effect,
    /// Evidence that the loss is larger here, as an e-value: 20 is like p = 0.05. `null` if it has no upper end.
    pub e_value: Option<f64>,
}

/// The share of the rows in which a column has no value, now and in the reference.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MissingValues {
    /// The name of the column.
    pub column: String,
    /// The share now, 0 to 1.
    pub share: Option<f64>,
    /// The share in the reference, 0 to 1.
    pub share_before: Option<f64>,
}

fn finite(value: f64) -> Option<f64> {
    Some(value).filter(|value| value.is_finite())
}

impl From<&alert::AlertDetail> for AlertDetail {
    fn from(detail: &alert::AlertDetail) -> Self {
        let breach = |breach: &alert::Breach| Breach { rule: breach.rule.clone(), part: breach.part.clone() };
        Self {
            since: detail.since,
            window_start: detail.window.start,
            window_end: detail.window.end,
            notified: detail.notified.iter().map(breach).collect(),
            columns: detail.columns.clone(),
            text: detail.text.clone(),
            explanation: detail.explanation.clone(),
            root_cause: detail.root_cause.as_ref().map(RootCause::from),
        }
    }
}

impl From<&alert::RootCause> for RootCause {
    fn from(cause: &alert::RootCause) -> Self {
        let changed = |found: &alert::ChangedColumn| ChangedColumn { column: found.column.clone(), since: found.since };
        let missing = |found: &alert::MissingValues| MissingValues {
            column: found.column.clone(),
            share: finite(found.share),
            share_before: finite(found.share_before),
        };
        let slice = |found: &alert::WeakSlice| WeakSlice {
            conditions: found.conditions.clone(),
            rows: found.rows,
            loss: finite(found.loss),
            loss_before: found.loss_before.and_then(finite),
            excess: found.excess.into(),
            e_value: finite(found.e_value),
        };
        Self {
            changed_columns: cause.changed_columns.iter().map(changed).collect(),
            loss: cause.loss.as_ref().map(|loss| LossChange {
                before: finite(loss.before),
                now: loss.now.and_then(finite),
                rows: loss.rows,
                explained_by_drift: loss.explained_by_drift.map(Effect::from),
            }),
            loss_by_drift: cause.loss_by_drift.iter().map(ColumnEffect::from).collect(),
            score_shift: cause.score_shift.as_ref().map(|shift| ScoreShift {
                total: finite(shift.total),
                columns: shift.columns.iter().map(ColumnEffect::from).collect(),
            }),
            weak_slices: cause.weak_slices.iter().map(slice).collect(),
            missing: cause.missing.iter().map(missing).collect(),
        }
    }
}

impl From<alert::Effect> for Effect {
    fn from(effect: alert::Effect) -> Self {
        Self { value: finite(effect.value), low: finite(effect.low), high: finite(effect.high) }
    }
}

impl From<&alert::ColumnEffect> for ColumnEffect {
    fn from(found: &alert::ColumnEffect) -> Self {
        let Effect { value, low, high } = found.effect.into();
        Self { column: found.column.clone(), value, low, high }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_effect_without_an_upper_end_has_null_there_and_reads_back() {
        let effect = alert::ColumnEffect {
            column: "age".to_owned(),
            effect: alert::Effect { value: 0.1, low: 0.05, high: f64::INFINITY },
        };
        let effect = ColumnEffect::from(&effect);
        let json = serde_json::to_value(&effect).unwrap();
        assert_eq!(json, serde_json::json!({ "column": "age", "value": 0.1, "low": 0.05, "high": null }));
        assert_eq!(serde_json::from_value::<ColumnEffect>(json).unwrap(), effect);
    }
}
