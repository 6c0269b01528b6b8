//! Alerts, and what is done about them.

use kilter_domain::{alert::AlertKey, time::Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    alert_detail::AlertDetail,
    words::{AlertKind, AlertState, MonitorKind},
};

/// A reading that stayed out of bounds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Alert {
    /// The id, unique on this platform; the routes of one alert take it.
    pub id: String,
    /// The endpoint that it is about.
    pub endpoint: String,
    /// What makes alerts about the same thing one: `churn/drift`, `tickets/unknown_class:macOS`. One key has at most one
    /// alert that is not resolved.
    #[schema(value_type = String, example = "churn/drift")]
    pub key: AlertKey,
    /// What it is about.
    pub kind: AlertKind,
    /// What of its kind: the class of an unknown class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The kind of its monitor.
    pub monitor: MonitorKind,
    /// Where it is in its life.
    pub state: AlertState,
    /// When its rule failed first.
    #[schema(value_type = String, format = DateTime)]
    pub opened: Timestamp,
    /// When enough windows had failed; absent while it is pending, and if it was resolved before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub fired: Option<Timestamp>,
    /// When it was over; absent while it is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub resolved: Option<Timestamp>,
    /// What is known about it: window, columns, root cause.
    pub detail: AlertDetail,
}

/// Keeps an alert silent for a time (`POST /api/v1/alerts/{id}/mute`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Mute {
    /// RFC 3339; a mute always ends.
    #[schema(value_type = String, format = DateTime)]
    pub until: Timestamp,
    /// Why, for the audit table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Which alerts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AlertQuery {
    /// Only alerts that are not over.
    #[serde(default)]
    pub open: bool,
    /// Rows of a page: 1 to 1000. Default: 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// The `next` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}
