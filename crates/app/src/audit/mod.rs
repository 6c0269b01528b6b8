//! What makes the audit log something that an outsider can check: signed checkpoints, published elsewhere; receipts; verification
//! against both; and the erasure of personal text.
//!
//! Invariants: a checkpoint is signed only over a log that goes on from every checkpoint that this process knows. An act never waits
//! for a place to which checkpoints are published. Out of scope: the entries and their tree (`store`), and the keys ([`crate::keys`]).

mod error;
mod known;
mod origin;
mod proof;
mod publish;
mod receipt;
mod sign;
mod verify;

pub use crate::{
    checkpoint::{Checkpoint, encode},
    publish_place::{InvalidPlace, PublishPlace},
    signed_note::{NoteError, SignedNote, VerifierKey, parse_notes},
};
pub use error::AuditError;
pub use kilter_store::checkpoint::StoredCheckpoint;
pub use origin::verifier_keys;
pub use proof::{Consistency, consistency, erase_reason, find_entry, receipt, shows_growth};
pub use publish::{PlaceState, place_states, publish_checkpoint};
pub use receipt::{Proven, RECEIPT_FORMAT, Receipt, ReceiptError, ReceiptReason};
pub use sign::{keep_checkpoints, newest_checkpoint, sign_checkpoint, sign_if_due};
pub use verify::{CheckpointFault, CheckpointFaultKind, Given, LogCheck, verify_log};
