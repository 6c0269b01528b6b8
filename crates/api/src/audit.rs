//! Entries of the audit table, and its check.

use kilter_domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

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
    /// Signed checkpoints that the log goes on from.
    #[serde(default)]
    pub checkpoints: u64,
    /// One sentence per error.
    pub errors: Vec<String>,
}

/// One entry with everything that is hashed of it (`GET /api/v1/audit/{entry}`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AuditRecord {
    /// What a list has of it.
    pub entry: AuditEntry,
    /// For whom, where a service acted for a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_behalf: Option<String>,
    /// The digest of the bytes that the object stands for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object_digest: Option<String>,
    /// Digests and ids of what it rests on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<String>,
    /// Whether a reason was stated and erased later.
    pub is_reason_erased: bool,
    /// The canonical JSON that is hashed.
    pub body: String,
    /// SHA-256(0x00 ‖ body), in hex.
    pub leaf: String,
}

/// Asks for what is hashed of entries (`GET /api/v1/audit/bodies`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AuditBodiesQuery {
    /// The number of the entry behind which they begin; 0 for the first.
    #[serde(default)]
    pub after: u64,
    /// How many at most: 1 to 1,000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// What is hashed of some entries, oldest first, for whoever verifies the log elsewhere: in a browser, say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditBodies {
    /// The entries, without gaps.
    pub items: Vec<AuditBody>,
    /// Where the next ones begin; absent behind the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<u64>,
}

/// What is hashed of an entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditBody {
    /// The number of the entry.
    pub seq: u64,
    /// The canonical JSON; its leaf in the tree is SHA-256(0x00 ‖ body).
    pub body: String,
}

/// What the log is verified against (`POST /api/v1/audit/verify`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct VerifyAudit {
    /// Checkpoints that were kept elsewhere: signed notes.
    #[serde(default)]
    pub checkpoints: Vec<String>,
    /// Verifier keys that are believed, instead of those that the platform has registered.
    #[serde(default)]
    pub keys: Vec<String>,
}

/// A signed checkpoint of the audit log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Checkpoint {
    /// How many entries it covers.
    pub size: u64,
    /// When it was signed.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// The signed note (C2SP tlog-checkpoint).
    pub note: String,
}

/// The newest checkpoint, the keys that sign, and the places to which it is published (`GET /api/v1/audit/checkpoint`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditHead {
    /// The newest checkpoint; absent before the first act.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<Checkpoint>,
    /// The verifier keys of the platform (C2SP signed-note), newest first.
    pub keys: Vec<String>,
    /// How far each place is.
    pub places: Vec<CheckpointPlace>,
}

/// How far a place is to which checkpoints are published.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CheckpointPlace {
    /// Its name, without secrets.
    pub place: String,
    /// Whether it has the newest checkpoint.
    pub is_current: bool,
    /// How many entries the newest checkpoint there covers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// When that was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub at: Option<Timestamp>,
    /// Since when it fails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub failing_since: Option<Timestamp>,
    /// Why it fails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// Asks for the proof that the log of one size begins with that of another (`GET /api/v1/audit/consistency`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ConsistencyQuery {
    /// The smaller number of entries.
    pub from: u64,
    /// The larger one; all entries where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<u64>,
}

/// The proof that the log of `to` entries begins with that of `from` entries (RFC 6962).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConsistencyProof {
    /// The smaller number of entries.
    pub from: u64,
    /// The larger one.
    pub to: u64,
    /// The root over the smaller number, in base64.
    pub from_root: String,
    /// The root over the larger one.
    pub to_root: String,
    /// The hashes of the proof, in base64.
    pub hashes: Vec<String>,
    /// The signed checkpoint over the smaller number, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_checkpoint: Option<String>,
    /// The signed checkpoint over the larger one, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_checkpoint: Option<String>,
}

/// An entry with the proof that the log has it, for verification anywhere (`GET /api/v1/audit/{entry}/receipt`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditReceipt {
    /// `kilter-receipt/1`.
    pub format: String,
    /// The canonical JSON of the entry, byte for byte as it was hashed.
    pub entry: String,
    /// The proof and the signed checkpoint (C2SP tlog-proof).
    pub proof: String,
    /// The reason, if one was stated and is not erased.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<ReceiptReason>,
}

/// A reason, and what its hash in the entry is made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReceiptReason {
    /// The salt, in hex.
    pub salt: String,
    /// The reason.
    pub text: String,
}
