//! Who asks: by a token, by access to the data folder, or by name alone where nobody has an account.

use std::sync::Arc;

use kilter_domain::{
    actor::{Actor, ActorKind},
    time::Timestamp,
};
use kilter_store::{account, token};

use super::{AuthenticateError, secret};
use crate::{
    app::App,
    causes::StorageError,
    components::identities::IdentityMap,
    context::{Credential, RequestContext},
};

/// Who acts where the data folder alone proves that they may.
const FOLDER: &str = "data-folder";

/// Reads accounts and tokens again.
pub(crate) fn load_identities(app: &App) -> Result<(), StorageError> {
    // Read and put in place by one at a time: an older reading never takes the place of a newer one.
    let _alone = app.components().identities.loading();
    let (accounts, tokens, is_used) =
        app.store().read(|reader| Ok((account::all(reader)?, token::usable(reader)?, token::is_any(reader)?)))?;
    let known = &app.components().identities;
    known.replace(IdentityMap::of(accounts, tokens, is_used, &known.current()));
    Ok(())
}

/// Whether a name alone is no identity: there is or was an account or a token, or a provider proves who someone is.
pub fn is_required(app: &App) -> bool {
    app.components().identities.is_required()
}

/// From now on an OpenID provider proves who someone is too, so a name alone proves nothing.
pub fn use_provider(app: &App) {
    app.components().identities.set_provider();
}

/// Who shows this token. No SQL: accounts and tokens are in memory.
///
/// # Errors
/// When it is none of this platform, has expired, or its account is disabled.
pub fn authenticate(app: &App, text: &str, at: Timestamp) -> Result<RequestContext, AuthenticateError> {
    let hash = secret::hash_of(text)?;
    let map = app.components().identities.current();
    let token = map.token(&hash).ok_or(AuthenticateError::Unknown)?;
    if token.is_disabled {
        return Err(AuthenticateError::Disabled { actor: token.actor.clone() });
    }
    if token.expires <= at {
        let (name, actor) = (token.name.clone(), token.actor.clone());
        return Err(AuthenticateError::Expired { name, actor, at: token.expires });
    }
    token.note_use(at);
    Ok(RequestContext { at, actor: token.actor.clone(), credential: token.credential.clone() })
}

/// Whoever can read the data folder: they may administer the platform, and nothing else once there are accounts. `stated` is
/// whom the system says they are.
pub fn by_folder(app: &App, stated: &Actor, at: Timestamp) -> RequestContext {
    let credential = |on_behalf| Arc::new(Credential { has_folder: true, on_behalf, ..Credential::default() });
    if !is_required(app) {
        return RequestContext { at, actor: stated.clone(), credential: credential(None) };
    }
    let on_behalf = Some(stated.clone()).filter(|actor| actor.kind == ActorKind::User);
    RequestContext { at, actor: Actor::system(FOLDER), credential: credential(on_behalf) }
}

/// Who acts in this process on a data folder: whom the system names where nobody has an account, else whose token is shown.
///
/// # Errors
/// When there are accounts and no token is shown, or one that is not valid.
pub fn local_context(
    app: &App,
    stated: &Actor,
    token: Option<&str>,
    at: Timestamp,
) -> Result<RequestContext, AuthenticateError> {
    match token {
        _ if !is_required(app) => Ok(RequestContext::new(at, stated.clone())),
        Some(token) => authenticate(app, token, at),
        None => Err(AuthenticateError::Missing),
    }
}

/// Writes when tokens were used last, all of them at once.
///
/// # Errors
/// When the metadata cannot be written.
pub fn note_uses(app: &App) -> Result<(), StorageError> {
    let uses = app.components().identities.take_uses();
    if uses.is_empty() {
        return Ok(());
    }
    Ok(app.store().write(move |tx| uses.iter().try_for_each(|(id, at)| token::note_use(tx, id, *at)))?)
}
