//! What the contract says of recording, with the secret of the platform.
//!
//! Invariants: one secret for all projects, servers and time, made in the transaction in which the first contract that hashes is put in
//! force; it is in the metadata of the platform, and in no message but the plan of those who may replicate an endpoint that hashes: a
//! replica records as the server does.

use kilter_domain::contract::Contract;
use kilter_serving::recording_policy::{HashKey, RecordingPolicy};
use kilter_store::{StoreError, audit::AuditedTx, setting};
use serde_json::json;

use crate::{app::App, causes::StorageError, identity};

/// The setting that holds the secret.
const SECRET: &str = "record.hash_key";
const SECRET_BYTES: usize = 32;

/// A secret that nobody can guess, in hexadecimal digits.
pub(crate) fn new_secret() -> Result<String, StoreError> {
    let mut bytes = [0_u8; SECRET_BYTES];
    identity::fill_random(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Keeps a secret if there is none yet.
pub(crate) fn keep_secret(audited: &AuditedTx, secret: &str) -> Result<(), StoreError> {
    match setting::find(audited.tx(), SECRET)? {
        Some(_) => Ok(()),
        None => setting::put(audited, SECRET, &json!(secret)).map(drop),
    }
}

/// What of the answers of an endpoint is recorded.
///
/// # Errors
/// When the metadata cannot be read.
pub(crate) fn policy_of(app: &App, contract: &Contract) -> Result<RecordingPolicy, StorageError> {
    let record = &contract.record;
    let secret = if record.hash.is_empty() { None } else { secret(app)? };
    Ok(RecordingPolicy {
        sample_share: record.sample,
        hashed: record.hash.iter().cloned().collect(),
        dropped: record.drop.iter().cloned().collect(),
        drops_features: false,
        key: secret.map(|secret| HashKey::new(secret.as_bytes())),
    })
}

/// The secret, if there is one.
///
/// # Errors
/// When the metadata cannot be read.
pub(crate) fn secret(app: &App) -> Result<Option<String>, StorageError> {
    let found = app.store().read(|reader| setting::find(reader, SECRET))?;
    Ok(found.and_then(|secret| Some(secret.value.as_str()?.to_owned())))
}
