//! What there is and how it stands, in one answer.

use kilter_domain::time::Timestamp;
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
    /// Whether a name alone is an identity: nobody has an account, and whoever reaches the platform is trusted.
    #[serde(default)]
    pub single_user: bool,
    /// Entries of the audit table.
    pub audit_entries: u64,
    /// What the server does beside requests: seals, monitors and trainings. Empty where no server runs.
    #[serde(default)]
    pub tasks: Vec<TaskStatus>,
    /// What of the data folder is damaged or missing, each with the file and what to do.
    #[serde(default)]
    pub damage: Vec<String>,
    /// The servers that share the database, by their numbers, also those that went within a day. Empty where the database is a file.
    #[serde(default)]
    pub servers: Vec<SharingServer>,
    /// `HOST:PORT` on which this server answers gRPC, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grpc_address: Option<String>,
}

/// A server among those that share a database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SharingServer {
    /// Its number.
    pub replica: u32,
    /// The machine that it is on.
    pub host: String,
    /// Whether it lives, by the clock of the database.
    pub lives: bool,
    /// When the lease by which it lives runs out, or ran out.
    #[schema(value_type = String, format = DateTime)]
    pub until: Timestamp,
    /// Projects that it evaluates and trains. Of a server that lives no more: none.
    pub projects: Vec<String>,
}
