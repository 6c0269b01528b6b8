//! What there is and how it stands, in one answer.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{alerts::Alert, endpoints::EndpointStatus, health::TaskStatus};

/// What there is and how it stands (`GET /api/v1/status`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Status {
    /// Endpoints, newest first.
    pub endpoints: Vec<EndpointStatus>,
    /// Alerts that are open, newest first.
    pub alerts: Vec<Alert>,
    /// Entries of the audit table.
    pub audit_entries: u64,
    /// What the server does beside requests: seals, monitors and trainings. Empty where no server runs.
    #[serde(default)]
    pub tasks: Vec<TaskStatus>,
    /// What of the data folder is damaged or missing, each with the file and what to do.
    #[serde(default)]
    pub damage: Vec<String>,
}
