//! Tokens: made by their owner, for their owner or a service that they answer for.

use kilter_domain::{
    actor::{Action, Actor, ActorKind},
    identity::TokenScope,
    time::{Span, Timestamp},
};
use kilter_store::{
    account::{self, Account},
    page::PageRequest,
    token::{self, NewToken, Token},
};

use super::{AccountError, accounts::find, authenticate::load_identities, secret};
use crate::{
    app::App,
    authz::{AuthorizedContext, administration, refused_actions},
    causes::{InvalidState, NotFound, PermissionDenied},
    context::RequestContext,
};

/// The longest that a token is valid.
const MAX_DAYS: i64 = 366;
/// Tokens of a list at most.
const MAX_LISTED: u32 = 1000;
const MAX_NAME_CHARS: usize = 80;

/// A token that is wanted.
#[derive(Clone, Debug)]
pub struct TokenRequest {
    /// Whose it is; `None`: of whoever asks.
    pub actor: Option<Actor>,
    /// Its name, for lists.
    pub name: String,
    /// What it may be used for.
    pub scope: TokenScope,
    /// When it ends.
    pub expires: Timestamp,
}

/// Makes a token: what is stored, and its text, which nobody can read again.
///
/// # Errors
/// When it is of someone else, allows more or ends later than the token that is shown, or is valid for too long.
pub fn create_token(
    app: &App,
    context: &RequestContext,
    wanted: TokenRequest,
) -> Result<(Token, String), AccountError> {
    let actor = wanted.actor.clone().unwrap_or_else(|| context.actor.clone());
    let account = find(app, &actor)?;
    let by = authorize_owner(app, context, &account)?;
    let refused = |sentence| refuse(app, context, ("token.create", &account::object(&actor)), sentence);
    if actor.kind == ActorKind::User && actor != context.actor {
        return Err(refused(format!("{} may not make a token of {actor}: a person makes their own", context.actor)));
    }
    if !wanted.scope.is_within(&context.credential.scope) {
        return Err(refused(format!(
            "{} may not make a token for {}: the token that is shown is for {}",
            context.actor, wanted.scope, context.credential.scope
        )));
    }
    if let Some(end) = context.credential.max_token_expiry.filter(|end| *end < wanted.expires) {
        return Err(refused(format!(
            "{} may not make a token that is valid until {}: the token that is shown ends at {end}",
            context.actor, wanted.expires
        )));
    }
    if account.disabled.is_some() {
        let how = "enable it first with `kilter user enable`".to_owned();
        return Err(InvalidState { what: "account", id: actor.to_string(), state: "disabled".to_owned(), how }.into());
    }
    let name = wanted.name.trim().to_owned();
    if name.is_empty() || name.chars().count() > MAX_NAME_CHARS || name.chars().any(char::is_control) {
        return Err(AccountError::Invalid(format!("the name of a token has 1 to {MAX_NAME_CHARS} characters")));
    }
    if wanted.expires <= context.at || wanted.expires > context.at.after(Span::days(MAX_DAYS)) {
        return Err(AccountError::Invalid(format!("a token is valid for {MAX_DAYS} days at most, from now on")));
    }
    let reason = format!("{name}, for {}", wanted.scope);
    let new = New { actor, name, scope: wanted.scope, expires: wanted.expires, is_session: false };
    write_token(app, &by, ("token.create", reason), new)
}

/// What becomes a token.
pub(super) struct New {
    pub actor: Actor,
    pub name: String,
    pub scope: TokenScope,
    pub expires: Timestamp,
    pub is_session: bool,
}

/// Writes a token of its own text.
pub(super) fn write_token(
    app: &App,
    by: &AuthorizedContext,
    (action, reason): (&str, String),
    new: New,
) -> Result<(Token, String), AccountError> {
    let text = secret::new_token()?;
    let hash = secret::hash_of(&text).map_err(|error| AccountError::Invalid(error.to_string()))?;
    let stored = NewToken {
        id: app.new_id(),
        hash,
        name: new.name,
        actor: new.actor,
        scope: new.scope,
        is_session: new.is_session,
        expires: new.expires,
    };
    let draft = by.audit_event(action, reason, vec![]);
    let token = app.store().write(move |tx| token::create(&tx.audited(draft), &stored))?;
    load_identities(app)?;
    Ok((token, text))
}

/// Tokens that whoever asks may see, newest first: their own, those of services that they answer for, and all for whoever
/// administers the platform.
///
/// # Errors
/// When the metadata cannot be read.
pub fn list_tokens(app: &App, context: &RequestContext) -> Result<Vec<Token>, AccountError> {
    let page = PageRequest::first(MAX_LISTED);
    let administers = context.credential.is_admin && context.credential.scope.allows(Action::Administer, None);
    if administers || context.credential.has_folder {
        return Ok(app.store().read(|reader| token::list(reader, None, &page))?.items);
    }
    let is_own = |account: &Account| account.actor == context.actor || account.owner.as_ref() == Some(&context.actor);
    let found = app.store().read(|reader| {
        let accounts = account::all(reader)?;
        let lists = accounts.iter().filter(|account| is_own(account));
        lists.map(|account| Ok(token::list(reader, Some(&account.actor), &page)?.items)).collect::<Result<Vec<_>, _>>()
    });
    let mut found: Vec<Token> = found?.into_iter().flatten().collect();
    found.sort_by(|left, right| right.created.cmp(&left.created).then_with(|| right.id.cmp(&left.id)));
    Ok(found)
}

/// Revokes a token for good.
///
/// # Errors
/// When there is none of this id, it is someone else's, or it is revoked already.
pub fn revoke_token(app: &App, context: &RequestContext, id: &str) -> Result<Token, AccountError> {
    let unknown = || NotFound {
        what: "token",
        id: id.chars().take(80).collect(),
        how: "see the tokens with `kilter token list`".to_owned(),
    };
    let found = app.store().read(|reader| match token::get(reader, id) {
        Ok(token) => Ok(Some((account::get(reader, &token.actor)?, token))),
        Err(kilter_store::StoreError::NotFound { .. }) => Ok(None),
        Err(error) => Err(error),
    })?;
    let (account, token) = found.ok_or_else(unknown)?;
    // A token that may less ends no token that may more, but always itself.
    let is_itself = context.credential.token.as_ref().is_some_and(|(own, _)| *own == token.id);
    if !is_itself && !token.scope.is_within(&context.credential.scope) {
        let sentence = format!(
            "{} may not revoke a token for {}: the token that is shown is for {}",
            context.actor, token.scope, context.credential.scope
        );
        return Err(refuse(app, context, ("token.revoke", &token::object(&token.id)), sentence));
    }
    let by = authorize_owner(app, context, &account)?;
    if let Some(revoked) = token.revoked {
        let how = format!("it was revoked at {revoked}");
        let state = "revoked".to_owned();
        return Err(InvalidState { what: "token", id: id.to_owned(), state, how }.into());
    }
    let (draft, id) = (by.audit_event("token.revoke", token.name, vec![]), id.to_owned());
    let revoked = app.store().write(move |tx| token::revoke(&tx.audited(draft), &id))?;
    load_identities(app)?;
    Ok(revoked)
}

/// The refusal of what was asked of `object`, which has its entry.
fn refuse(app: &App, context: &RequestContext, asked: (&str, &str), sentence: String) -> AccountError {
    refused_actions::record_refused_use_case(app, context, asked, &sentence);
    PermissionDenied { sentence, is_nameless: false }.into()
}

/// Whether an account is of whoever asks: they are it, they answer for it, or they administer the platform.
fn authorize_owner(app: &App, context: &RequestContext, account: &Account) -> Result<AuthorizedContext, AccountError> {
    match AuthorizedContext::own(context, &account.actor, account.owner.as_ref()) {
        Some(by) => Ok(by),
        None => Ok(administration::authorize(app, context)?),
    }
}
