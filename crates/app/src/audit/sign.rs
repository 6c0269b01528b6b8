//! Signing the head of the audit log: after each governance act, and each minute in which something else was written.
//!
//! Invariants: nothing is signed over a log that does not go on from the checkpoints that are known: the newest one of the database, and
//! the one of the data folder. So whoever rolls the log back finds no key that signs for it, and the log of the server says why.

use kilter_domain::{
    signing_key::KeyPurpose,
    time::{Span, Timestamp},
};
use kilter_store::{audit, checkpoint as store, checkpoint::StoredCheckpoint};

use crate::{
    app::App,
    audit::{
        error::AuditError,
        known,
        origin::origin,
        publish::publish_checkpoint,
        verify::{CheckpointFault, OF_FOLDER, compare},
    },
    authz::AuthorizedContext,
    causes::StorageError,
    checkpoint::Checkpoint,
    keys::{self, SigningKeyError},
    signed_note::SignedNote,
};

/// A log that grows by what is no governance act has a new checkpoint after this long.
const EVERY: Span = Span::seconds(60);
/// Entries that are looked through; more are a reason to sign.
const PAGE: u32 = 1_000;
/// The kinds of objects whose entries are no governance acts: what runs and monitors do.
const ROUTINE: &[&str] = &["run:", "alert:", "retrain:", "threshold:"];
/// The newest checkpoint of the database.
///
/// # Errors
/// If the metadata cannot be read.
pub fn newest_checkpoint(app: &App) -> Result<Option<StoredCheckpoint>, StorageError> {
    Ok(app.store().read(store::newest)?)
}

/// Signs the head of the log as it is now. `None` while the log has no entry; the newest checkpoint where that is of the same head.
///
/// # Errors
/// If the log does not go on from a checkpoint that is known, the key cannot be used, or the metadata cannot be written.
pub fn sign_checkpoint(app: &App, now: Timestamp) -> Result<Option<StoredCheckpoint>, AuditError> {
    if app.store().read(audit::size)? == 0 {
        return Ok(None);
    }
    // Its registration is an entry: the key is had first.
    let key = match keys::signing_key(app, &AuthorizedContext::system("audit", now), KeyPurpose::Checkpoint) {
        Err(SigningKeyError::Storage(error)) => return Err(error.into()),
        key => key?,
    };
    let known =
        known::read(app)?.map_err(|error| AuditError::Changed(CheckpointFault::unreadable(OF_FOLDER, error)))?;
    let read = app.store().read(|reader| {
        let (size, newest) = (audit::size(reader)?, store::newest(reader)?);
        let stored = newest.as_ref().and_then(|newest| newest.note.parse().ok());
        for (place, note) in [("of the database", stored), (OF_FOLDER, known)] {
            let Some(note) = note else { continue };
            if let Some(fault) = compare(reader, place, &note)? {
                return Ok(Err(fault));
            }
        }
        let head = Checkpoint { origin: origin(reader)?.unwrap_or_default(), size, root: audit::root(reader, size)? };
        Ok(Ok((head, newest)))
    })?;
    let (head, newest) = read.map_err(AuditError::Changed)?;
    if newest.as_ref().is_some_and(|newest| newest.size == head.size) {
        return Ok(newest);
    }
    let note = SignedNote::sign(&head.to_string(), &head.origin, &key)?.to_string();
    let signed = StoredCheckpoint { size: head.size, at: now, root: head.root, note };
    let stored = signed.clone();
    app.under_no_lease().store().write(move |tx| store::put(tx, &stored))?;
    known::write(app, &signed.note)?;
    Ok(Some(signed))
}

/// Signs the head of the log where that is due: a governance act has no checkpoint over it yet, or something else has none for a minute.
/// `None` where it is not.
///
/// # Errors
/// As [`sign_checkpoint`].
pub fn sign_if_due(app: &App, now: Timestamp) -> Result<Option<StoredCheckpoint>, AuditError> {
    if !known::is_writable(app) {
        return Ok(None);
    }
    let (newest, entries) = app.store().read(|reader| {
        let newest = store::newest(reader)?;
        let entries = audit::list_after(reader, newest.as_ref().map_or(0, |newest| newest.size), PAGE)?;
        Ok((newest, entries))
    })?;
    let is_act = |entry: &audit::Followed| !ROUTINE.iter().any(|kind| entry.object.starts_with(kind));
    // A clock that was set back is no reason to wait.
    let is_old = newest.is_none_or(|newest| newest.at.after(EVERY) <= now || newest.at > now);
    let is_due = entries.iter().any(is_act) || entries.len() == PAGE as usize || is_old;
    if entries.is_empty() || !is_due {
        return Ok(None);
    }
    sign_checkpoint(app, now)
}

/// The lease of whoever signs and publishes.
const LEASE: &str = "checkpoints";

/// Signs where that is due, and publishes to the places that do not have the newest checkpoint; the places that failed, with why. Of several
/// servers one does it.
///
/// # Errors
/// As [`sign_checkpoint`].
pub fn keep_checkpoints(app: &App, now: Timestamp) -> Result<Vec<String>, AuditError> {
    if app.store().is_shared() && app.components().leases.acquire(app.under_no_lease().store(), LEASE)?.is_none() {
        return Ok(Vec::new());
    }
    sign_if_due(app, now)?;
    Ok(publish_checkpoint(app, now)?)
}
