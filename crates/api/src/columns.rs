//! What an endpoint was asked and answered, by column.

use kilter_domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::words::{ColumnDataType, ColumnKind, DriftLevel, ServingRole};

/// What an endpoint was asked and answered in a span of hours, beside the references of its versions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ColumnStats {
    /// The name of the endpoint.
    pub endpoint: String,
    /// The start of the span that was asked for; the hour that it is in counts as a whole.
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
    /// The end of the span that was asked for; the hour that it is in counts as a whole.
    #[schema(value_type = String, format = DateTime)]
    pub until: Timestamp,
    /// Each version, its roles apart; empty when nothing was answered.
    pub versions: Vec<VersionColumnStats>,
    /// Files of the span that could not be read: their rows are not counted here.
    pub unreadable_files: u64,
    /// Rows that the process could not keep, because nothing could be written for days.
    pub lost_rows: u64,
}

/// What one version answered in one role.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct VersionColumnStats {
    /// The name of the model.
    pub model: String,
    /// The number of the version.
    pub version: u64,
    /// Its role at that time.
    pub role: ServingRole,
    /// The first hour with a row, and the end of the last one.
    #[schema(value_type = String, format = DateTime)]
    pub from: Timestamp,
    /// The end of the last hour with a row, which is no part of it.
    #[schema(value_type = String, format = DateTime)]
    pub to: Timestamp,
    /// Rows that it answered.
    pub rows: u64,
    /// Features in the order of the signature, then score and prediction.
    pub columns: Vec<ColumnSummary>,
}

/// What one column held.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ColumnSummary {
    /// The name of the column.
    pub column: String,
    /// What it is to the model.
    pub kind: ColumnKind,
    /// What its values are.
    pub data_type: ColumnDataType,
    /// Rows that the shares are of.
    pub rows: u64,
    /// Share of rows without a value, here and in the reference.
    pub missing_share: f64,
    /// Share of the rows of the reference without a value, 0 to 1.
    pub reference_missing_share: f64,
    /// Share of rows with a value that the reference never had; of categories.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unseen_share: Option<f64>,
    /// The first of these values.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unseen_values: Vec<String>,
    /// Share of rows with a value outside of the reference's range or infinite; of numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub out_of_range_share: Option<f64>,
    /// Rows below and above the range, and infinite ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub below: Option<u64>,
    /// Rows above the range of the reference; of numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub above: Option<u64>,
    /// Rows with an infinite value; of numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub infinite: Option<u64>,
    /// How far it is from its reference: `psi`, then `w1_over_sd` (numbers) or `tvd` (categories).
    pub distances: Vec<ColumnDistance>,
    /// What it was compared with: rows of which season, and what says how far windows are off by themselves.
    #[serde(default)]
    pub compared: String,
    /// How far it drifted, by the last distance.
    pub level: DriftLevel,
}

/// A distance from the reference.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ColumnDistance {
    /// The name of the measure: `psi`, `w1_over_sd`, `ks` or `tvd`.
    pub measure: String,
    /// The distance; 0 if both are alike.
    pub value: f64,
    /// What chance alone makes of it with so many rows.
    pub expected: f64,
    /// What is left of it beyond chance.
    pub effect: f64,
}

/// Which rows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ColumnStatsQuery {
    /// From this time on (RFC 3339). Default: a day before `until`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<String>, format = DateTime)]
    pub since: Option<Timestamp>,
    /// Up to this time. Default: now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<String>, format = DateTime)]
    pub until: Option<Timestamp>,
}
