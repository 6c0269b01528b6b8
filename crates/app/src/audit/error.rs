//! Why nothing was signed, proved or erased.

use kilter_keys::KeyError;
use kilter_store::StoreError;

use crate::{
    audit::verify::CheckpointFault,
    causes::{InvalidState, NotFound, StorageError, from_causes},
    keys::SigningKeyError,
    signed_note::NoteError,
};

/// Why nothing was signed, proved or erased.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant says what it is")]
pub enum AuditError {
    #[error("no checkpoint is signed over an audit log that was changed: {0}")]
    Changed(CheckpointFault),
    #[error("the checkpoint could not be signed")]
    Note(#[from] NoteError),
    #[error(transparent)]
    SigningKey(#[from] SigningKeyError),
    #[error(transparent)]
    NotFound(#[from] NotFound),
    #[error(transparent)]
    InvalidState(#[from] InvalidState),
    #[error(transparent)]
    Storage(#[from] StorageError),
}

from_causes!(AuditError: Storage(StoreError), Note(KeyError));
