//! Entries of the audit table, and its check.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One entry of the audit table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AuditEntry {
    pub seq: u64,
    pub at: String,
    pub actor: String,
    pub action: String,
    pub object: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// `done`, `denied` or `failed`.
    pub outcome: String,
}

/// What a check of the whole audit table found (`GET /api/v1/audit/verify`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditCheck {
    pub entries: u64,
    pub sound: bool,
    /// Rows whose entry was written by an earlier program and says nothing of their columns: of them the state is compared.
    #[serde(default)]
    pub unsealed_rows: u64,
    /// One sentence a fault.
    pub faults: Vec<String>,
}
