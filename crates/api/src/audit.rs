//! Entries of the audit table, and its check.

use kilter_domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::words::AuditOutcome;

/// One entry of the audit table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AuditEntry {
    pub seq: u64,
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    pub actor: String,
    pub action: String,
    pub object: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What came of it.
    pub outcome: AuditOutcome,
}

/// What a check of the whole audit table found (`GET /api/v1/audit/verify`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditCheck {
    pub entries: u64,
    /// Whether nothing is wrong with it.
    pub valid: bool,
    /// Rows whose entry was written by an earlier program and says nothing of their columns: of them the state is compared.
    #[serde(default)]
    pub unsealed_rows: u64,
    /// One sentence per error.
    pub errors: Vec<String>,
}
