//! The audit log: who did what to which thing, why, on what evidence; one entry in the transaction of each change.
//!
//! A caller states what it is about to do once ([`AuditEvent`]) and gets an [`AuditedTx`] guard; the functions that change
//! a life take the guard, look up what was before, and write entry and change together. So an entry cannot be
//! forgotten, and cannot say anything but what happened.
//!
//! Invariants: `seq` has no gaps; the body is canonical JSON (RFC 8785) and the leaf is SHA-256(0x00 ‖ body), ready
//! for an RFC 6962 tree; a reason can be erased and the audit log still verifies, because the body holds its salted hash.
//!
//! Out of scope: who may do it. That was decided before anyone came here; a refusal is recorded as well.

mod fault;
mod hash;
mod record;
mod row_digest;
mod rows;
pub(crate) mod schema;
pub(crate) mod table;
pub(crate) mod tree;
mod tree_check;
pub(crate) mod verify;

pub(crate) use self::record::Change;
#[cfg(test)]
pub(crate) use self::record::STATEMENTS;
pub use self::record::{
    AuditEvent, AuditedTx, Followed, Record, erase_reason, find, list, list_after, list_bodies_after, list_of_actor,
    list_of_object, salted_reason, size,
};
pub use fault::Fault;
pub use hash::reason as reason_hash;
pub use kilter_domain::audit::{Entry, Outcome};
pub use tree::{consistency_proof, inclusion_proof, leaf, root};
pub use verify::{Verification, verify};
