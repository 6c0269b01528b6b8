//! The audit entry: who did what to which thing, when and why, and the bytes that are hashed for it.
//!
//! Invariants: equal entries have equal bytes (RFC 8785 canonical JSON). A reason is free text that may have to be
//! erased, so the bytes hold its salted hash. Out of scope: the tree, the signatures, the table.

use serde::{Deserialize, Serialize};

use crate::{actor::Actor, time::Timestamp};

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// 1, 2, 3, ... without gaps.
    pub seq: u64,
    /// When, by the clock of the process that wrote it.
    pub at: Timestamp,
    /// Who did it.
    pub actor: Actor,
    /// For whom, when a service acts for a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_behalf: Option<Actor>,
    /// `version.approve`.
    pub action: String,
    /// `version:churn/3`.
    pub object: String,
    /// The bytes that the object stands for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object_digest: Option<String>,
    /// How it ended.
    pub outcome: Outcome,
    /// The state before; `None` when the object begins to exist.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// The state after; `None` if the action changes no state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// Hex of the salted hash of the reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason_hash: Option<String>,
    /// Digests or ids of what it rests on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<String>,
}

/// How an action ended. What was denied is written down too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It happened, in the same transaction.
    Done,
    /// A right was missing; nothing changed.
    Denied,
    /// It was tried and did not succeed; nothing changed.
    Failed,
}

impl Outcome {
    /// `done`, `denied` or `failed`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Denied => "denied",
            Self::Failed => "failed",
        }
    }
}

/// The version of the shape of the bytes.
pub const BODY_VERSION: u32 = 1;

/// The fields in the order of their names, which is the canonical order.
#[derive(Serialize)]
struct Body<'e> {
    action: &'e str,
    actor: &'e Actor,
    actor_kind: &'e str,
    after: Option<&'e str>,
    at: i64,
    before: Option<&'e str>,
    evidence: &'e [String],
    object: &'e str,
    object_digest: Option<&'e str>,
    on_behalf: Option<&'e Actor>,
    outcome: Outcome,
    reason_hash: Option<&'e str>,
    seq: u64,
    v: u32,
}

impl Entry {
    /// The bytes that a leaf hash is made of: sorted names, no spaces, whole numbers. Absent fields are `null`.
    pub fn canonical(&self) -> Vec<u8> {
        let body = Body {
            action: &self.action,
            actor: &self.actor,
            actor_kind: self.actor.kind.as_str(),
            after: self.after.as_deref(),
            at: self.at.millis(),
            before: self.before.as_deref(),
            evidence: &self.evidence,
            object: &self.object,
            object_digest: self.object_digest.as_deref(),
            on_behalf: self.on_behalf.as_ref(),
            outcome: self.outcome,
            reason_hash: self.reason_hash.as_deref(),
            seq: self.seq,
            v: BODY_VERSION,
        };
        serde_json::to_vec(&body).expect("texts and whole numbers always serialise")
    }
}
