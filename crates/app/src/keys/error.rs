//! Why there is no key to sign with, or a key is not changed.

use std::path::PathBuf;

use kilter_blobs::BlobError;
use kilter_domain::signing_key::KeyPurpose;
use kilter_keys::KeyError;
use kilter_store::StoreError;

use crate::causes::{NotFound, StorageError, from_causes};

/// Why there is no key to sign with, or a key is not changed.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant says what it is")]
pub enum SigningKeyError {
    #[error("the {purpose} key {place} cannot be used")]
    Key {
        purpose: KeyPurpose,
        place: String,
        #[source]
        source: KeyError,
    },
    #[error("the {purpose} key {place} is revoked ({}); put another one there", short(id))]
    Revoked { purpose: KeyPurpose, place: String, id: String },
    #[error(
        "there is no {purpose} key {place} that this platform signs with, and what only reads makes none; `kilter package sign \
         MODEL@VERSION` does"
    )]
    NotMade { purpose: KeyPurpose, place: String },
    #[error("others can read the {purpose} key {}: chmod 600 {}", path.display(), path.display())]
    OpenToOthers { purpose: KeyPurpose, path: PathBuf },
    #[error(
        "the {purpose} key is given by the operator; put another one there and start again: the old one stays trusted"
    )]
    GivenFromOutside { purpose: KeyPurpose },
    #[error(transparent)]
    NotFound(#[from] NotFound),
    #[error(transparent)]
    Storage(#[from] StorageError),
}

from_causes!(SigningKeyError: Storage(StoreError, BlobError));

/// The beginning of an id, for a person.
pub(crate) fn short(id: &str) -> &str {
    id.get(..12).unwrap_or(id)
}
