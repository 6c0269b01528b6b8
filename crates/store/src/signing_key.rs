//! The public keys of the platform: which sign, and whether what they signed is believed. Private keys are never here.
//!
//! Invariants: a key that is registered stays registered; a revoked one stays revoked. Servers that share a database each have
//! keys of their own, so several of one purpose may be active.

use kilter_domain::{
    signing_key::{KeyPurpose, KeyState},
    time::Timestamp,
};

use crate::{
    Reader, StoreError,
    audit::{AuditedTx, Change, table},
    database::{self, Row, named_params},
    row,
    statement::statements,
};

statements! {
    INSERT = "register the signing key": "
        INSERT INTO signing_key (id, purpose, public_key, state, since, audit_seq)
        VALUES (:id, :purpose, :public_key, :state, :since, :audit_seq)";
    ADVANCE = "change the state of the signing key": "
        UPDATE signing_key SET state = :state, ended = :ended, audit_seq = :audit_seq WHERE id = :id";
    FIND = "read the signing key": "
        SELECT * FROM signing_key WHERE id = :id";
    NEWEST = "list signing keys": "
        SELECT * FROM signing_key ORDER BY key DESC LIMIT 1000";
}

/// A public key of the platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SigningKey {
    /// The SHA-256 of its PEM text, in hex.
    pub id: String,
    /// What it signs.
    pub purpose: KeyPurpose,
    /// The public key as PEM.
    pub public_key: String,
    /// Whether it signs, and whether what it signed is believed.
    pub state: KeyState,
    /// When it was registered.
    pub since: Timestamp,
    /// When it stopped signing.
    pub ended: Option<Timestamp>,
    /// The number of its entry in the audit log.
    pub audit_seq: u64,
}

/// Registers a public key. One that is registered already is left as it is.
pub fn register(
    audited: &AuditedTx,
    id: &str,
    purpose: KeyPurpose,
    public_key: &str,
) -> Result<SigningKey, StoreError> {
    if let Some(known) = find(audited.tx(), id)? {
        return Ok(known);
    }
    let object = format!("key:{id}");
    let active = KeyState::Active.as_str();
    let change = Change { object_digest: Some(id), after: Some(active), ..Change::of(&object) };
    let params = named_params! {
        ":id": id, ":purpose": purpose.as_str(), ":public_key": public_key, ":state": active,
        ":since": audited.at().millis(), ":ended": None::<i64>,
    };
    audited.write_row(&table::SIGNING_KEY, &change, &INSERT, params)?;
    get(audited.tx(), id)
}

/// Ends a key: another one signs now, or nothing that it signed is believed any more.
///
/// # Errors
/// When there is no such key, it is revoked, or it is in this state already.
pub fn end(audited: &AuditedTx, id: &str, state: KeyState) -> Result<SigningKey, StoreError> {
    let known = get(audited.tx(), id)?;
    if known.state >= state {
        let reason = format!("the key `{id}` is {} already", known.state.as_str());
        return Err(StoreError::Conflict { attempted: ADVANCE.attempt, reason });
    }
    let object = format!("key:{id}");
    let (before, after) = (known.state.as_str(), state.as_str());
    let change = Change { object_digest: Some(id), before: Some(before), after: Some(after), ..Change::of(&object) };
    let params = named_params! { ":id": id, ":state": after, ":ended": audited.at().millis() };
    audited.write_row(&table::SIGNING_KEY, &change, &ADVANCE, params)?;
    get(audited.tx(), id)
}

/// The key with this id, if it was registered.
pub fn find(reader: &Reader, id: &str) -> Result<Option<SigningKey>, StoreError> {
    reader.one(&FIND, named_params! { ":id": id }, signing_key)
}

/// The key, or an error that names it.
pub fn get(reader: &Reader, id: &str) -> Result<SigningKey, StoreError> {
    find(reader, id)?.ok_or_else(|| StoreError::NotFound { what: "signing key", id: id.to_owned() })
}

/// The keys, newest first, at most a thousand.
pub fn list(reader: &Reader) -> Result<Vec<SigningKey>, StoreError> {
    reader.all(&NEWEST, &[], signing_key)
}

fn signing_key(row: &Row) -> database::Result<SigningKey> {
    Ok(SigningKey {
        id: row.get("id")?,
        purpose: row::word(row, "purpose")?,
        public_key: row.get("public_key")?,
        state: row::word(row, "state")?,
        since: row::time(row, "since")?,
        ended: row::maybe_time(row, "ended")?,
        audit_seq: row.get("audit_seq")?,
    })
}
