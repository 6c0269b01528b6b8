//! Which log this is, and who may sign for it.

use kilter_domain::signing_key::KeyPurpose;
use kilter_keys::PublicKey;
use kilter_store::{Reader, StoreError, audit, signing_key};

use crate::{app::App, audit::receipt::to_hex, causes::StorageError, signed_note::VerifierKey};

/// The hex digits of the first leaf that name a log.
const ORIGIN_DIGITS: usize = 16;

/// The name of the log of this platform; `None` while it has no entry. It is made of the first entry, so a copy, a backup and every
/// server have the same one.
pub(super) fn origin(reader: &Reader) -> Result<Option<String>, StoreError> {
    let leaf = audit::leaf(reader, 1)?;
    Ok(leaf.map(|leaf| format!("kilter/{}", &to_hex(&leaf)[..ORIGIN_DIGITS])))
}

/// The registered keys that may sign checkpoints of this log and are not revoked, newest first. A row that is no such key is left out: what
/// it signed is not believed.
///
/// # Errors
/// If the metadata cannot be read.
pub fn verifier_keys(app: &App) -> Result<Vec<VerifierKey>, StorageError> {
    let (origin, registered) = app.store().read(|reader| Ok((origin(reader)?, signing_key::list(reader)?)))?;
    let Some(origin) = origin else { return Ok(Vec::new()) };
    let ours = registered.into_iter().filter(|key| key.purpose == KeyPurpose::Checkpoint && key.state.is_trusted());
    Ok(ours.filter_map(|key| VerifierKey::new(&origin, PublicKey::from_pem(&key.public_key).ok()?).ok()).collect())
}
