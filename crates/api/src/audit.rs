//! Entries of the audit table, and its check.

use kilter_domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::words::AuditOutcome;

/// One entry of the audit table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AuditEntry {
    /// The number of the entry: 1, 2, 3, … without gaps.
    pub seq: u64,
    /// When it was done, by the clock of the process that wrote the entry.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Who did it: `user:ana`, `svc:ci`, `system:monitor`.
    pub actor: String,
    /// What was done: `version.approve`.
    pub action: String,
    /// What it was done to: `version:churn/3`.
    pub object: String,
    /// The state before; absent if the object begins to exist.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// The state after; absent if no state changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// Why, as the actor stated it; absent if none was stated, or if it was erased.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What came of it.
    pub outcome: AuditOutcome,
}

/// What a check of the whole audit table found (`GET /api/v1/audit/verify`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditCheck {
    /// Entries that were checked: all of the table.
    pub entries: u64,
    /// Whether nothing is wrong with it.
    pub valid: bool,
    /// Rows whose entry was written by an earlier program and says nothing of their columns: of them the state is compared.
    #[serde(default)]
    pub unsealed_rows: u64,
    /// One sentence per error.
    pub errors: Vec<String>,
}
