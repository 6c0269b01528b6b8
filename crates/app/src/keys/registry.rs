//! Which keys there are, and which are believed.

use std::sync::Arc;

use kilter_domain::{
    error_chain::with_causes,
    signing_key::{KeyPurpose, KeyState},
};
use kilter_keys::{PrivateKey, PublicKey};
use kilter_store::signing_key as keys;

use crate::{
    app::App,
    authz::{Authorized, AuthorizedContext, act},
    causes::NotFound,
    keys::{
        error::{SigningKeyError, short},
        key_file,
    },
};

/// The key that this process signs with. On first use it is read, or made where there is none, and registered.
///
/// # Errors
/// If the key cannot be read or written, is of another kind, or the key that the operator gives is revoked.
pub fn signing_key(
    app: &App,
    context: &AuthorizedContext,
    purpose: KeyPurpose,
) -> Result<Arc<PrivateKey>, SigningKeyError> {
    let mut open = app.components().signing_keys.open();
    if let Some(known) = open.get(&purpose) {
        // Another server may have revoked it.
        let id = known.public().id();
        let found = app.store().read(|reader| keys::find(reader, &id))?;
        if found.is_some_and(|key| key.state != KeyState::Revoked) {
            return Ok(known.clone());
        }
        open.remove(&purpose);
    }
    let mut key = match key_file::read(app, purpose)? {
        Some(key) => key,
        None => key_file::make(app, purpose)?,
    };
    if register(app, context, purpose, &key)? == KeyState::Revoked {
        if key_file::is_given(app, purpose) {
            let (place, id) = (key_file::place(app, purpose), key.public().id());
            return Err(SigningKeyError::Revoked { purpose, place, id });
        }
        key = key_file::make(app, purpose)?;
        register(app, context, purpose, &key)?;
    }
    let key = Arc::new(key);
    open.insert(purpose, key.clone());
    Ok(key)
}

/// The key of a purpose as it is: none is made, and none registered, where a command only reads.
///
/// # Errors
/// If there is none, it was never used or is revoked, cannot be read, or is of another kind.
pub(crate) fn existing_key(app: &App, purpose: KeyPurpose) -> Result<PrivateKey, SigningKeyError> {
    let place = key_file::place(app, purpose);
    let Some(key) = key_file::read(app, purpose)? else { return Err(SigningKeyError::NotMade { purpose, place }) };
    let id = key.public().id();
    match app.store().read(|reader| keys::find(reader, &id))?.map(|known| known.state) {
        Some(KeyState::Revoked) if key_file::is_given(app, purpose) => {
            Err(SigningKeyError::Revoked { purpose, place, id })
        }
        None | Some(KeyState::Revoked) => Err(SigningKeyError::NotMade { purpose, place }),
        Some(_) => Ok(key),
    }
}

/// Registers the public key of a private one; its state.
fn register(
    app: &App,
    context: &AuthorizedContext,
    purpose: KeyPurpose,
    key: &PrivateKey,
) -> Result<KeyState, SigningKeyError> {
    let (id, pem) = (key.public().id(), key.public().to_pem());
    let known = app.store().read(|reader| keys::find(reader, &id))?;
    if let Some(known) = known {
        return Ok(known.state);
    }
    let event = context.audit_event("key.register", format!("a key for what it signs: {purpose}"), vec![]);
    // A key is of the process that signs with it, whoever has the project.
    let store = app.under_no_lease();
    Ok(store.store().write(move |tx| keys::register(&tx.audited(event), &id, purpose, &pem))?.state)
}

/// Makes a new key for a purpose, and signs with it from now on. What the old one signed stays believed.
///
/// # Errors
/// If the operator gives the key, or files or metadata cannot be written.
pub fn rotate_key(
    app: &App,
    by: &Authorized<act::Administer>,
    purpose: KeyPurpose,
    reason: &str,
) -> Result<keys::SigningKey, SigningKeyError> {
    if key_file::is_given(app, purpose) {
        return Err(SigningKeyError::GivenFromOutside { purpose });
    }
    let old = signing_key(app, by, purpose)?;
    let mut open = app.components().signing_keys.open();
    let key = key_file::make(app, purpose)?;
    let (id, pem, old) = (key.public().id(), key.public().to_pem(), old.public().id());
    let new = by.audit_event("key.register", reason, vec![format!("key:{old}")]);
    let rotate = by.audit_event("key.rotate", reason, vec![format!("key:{id}")]);
    let registered = app.under_no_lease().store().write(move |tx| {
        let registered = keys::register(&tx.audited(new), &id, purpose, &pem)?;
        keys::end(&tx.audited(rotate), &old, KeyState::Superseded)?;
        Ok(registered)
    })?;
    open.insert(purpose, Arc::new(key));
    Ok(registered)
}

/// Revokes a key: nothing that it signed is believed any more. If this process signs with it, the next use makes a new one.
///
/// # Errors
/// If there is no such key, or it is revoked already.
pub fn revoke_key(
    app: &App,
    by: &Authorized<act::Administer>,
    id: &str,
    reason: &str,
) -> Result<keys::SigningKey, SigningKeyError> {
    let known = find_key(app, id)?;
    let event = by.audit_event("key.revoke", reason, vec![]);
    let revoked = known.id.clone();
    let revoked = app.store().write(move |tx| keys::end(&tx.audited(event), &revoked, KeyState::Revoked))?;
    app.components().signing_keys.open().retain(|_, key| key.public().id() != revoked.id);
    Ok(revoked)
}

/// All keys, newest first.
///
/// # Errors
/// If the metadata cannot be read.
pub fn list_keys(app: &App) -> Result<Vec<keys::SigningKey>, SigningKeyError> {
    Ok(app.store().read(keys::list)?)
}

/// The key whose id begins like this, if there is one and only one.
///
/// # Errors
/// If no key or more than one fits.
pub fn find_key(app: &App, id: &str) -> Result<keys::SigningKey, SigningKeyError> {
    let mut fitting = list_keys(app)?.into_iter().filter(|key| id.len() >= 8 && key.id.starts_with(id));
    match (fitting.next(), fitting.next()) {
        (Some(key), None) => Ok(key),
        (None, _) => Err(not_found(id, "see the keys with `kilter key list`; give at least 8 characters of the id")),
        (Some(_), Some(_)) => Err(not_found(id, "several keys begin like this: give more of the id")),
    }
}

fn not_found(id: &str, how: &str) -> SigningKeyError {
    NotFound { what: "signing key", id: short(id).to_owned(), how: how.to_owned() }.into()
}

/// The public key with this id, if what it signed is believed.
///
/// # Errors
/// If the metadata cannot be read.
pub fn trusted_key(app: &App, id: &str, purpose: KeyPurpose) -> Result<Option<PublicKey>, SigningKeyError> {
    let known = app.store().read(|reader| keys::find(reader, id))?;
    let believed = known.filter(|key| key.purpose == purpose && key.state.is_trusted());
    let read = |key: keys::SigningKey| {
        let place = format!("that is registered as {}", short(&key.id));
        PublicKey::from_pem(&key.public_key).map_err(|source| SigningKeyError::Key { purpose, place, source })
    };
    believed.map(read).transpose()
}

/// The key of packages with this id, or why what it signed is not believed.
///
/// # Errors
/// In words, for the check that asks: the key is unknown or revoked, or the metadata cannot be read.
pub fn find_trusted_key(app: &App, id: &str) -> Result<PublicKey, String> {
    match trusted_key(app, id, KeyPurpose::Package) {
        Ok(Some(key)) => Ok(key),
        Ok(None) => match app.store().read(|reader| keys::find(reader, id)) {
            Ok(Some(known)) => Err(format!("the key {} that signed it is {}", short(id), known.state.as_str())),
            _ => Err(format!("the key {} that signed it is not one of this platform", short(id))),
        },
        Err(error) => Err(with_causes(&error)),
    }
}
