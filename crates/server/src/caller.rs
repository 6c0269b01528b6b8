//! Who is asking, and by what that is known.
//!
//! Invariants: as soon as there is an account, a name alone is nobody; whom a request names then is not read. A request is
//! identified once, whatever asks for it later.

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, header::AUTHORIZATION, request::Parts},
};
use kilter_api::{ACTOR_HEADER, Code, FOLDER_KEY_HEADER, Problem};
use kilter_app::{
    RequestContext,
    authz::{self, Act, Authorized, Grant, RefusalTopic, RefusedAction},
    context::Credential,
    identity::{self, AuthenticateError},
};
use kilter_domain::{
    actor::{Actor, ActorKind},
    identity::TokenScope,
};

use crate::{
    error::{ApiError, problem_of},
    openid::{error::ProviderError, provider::Provider},
    state::AppState,
};

/// Characters of a reason that are kept: parts of it may be of the token.
const MAX_REASON_CHARS: usize = 500;

/// Someone who may use this server: they carry a token of an account or of the server, or it needs none because nobody has an
/// account and it answers on this machine alone. Without accounts they are who they say; without a word they are `svc:api`, which
/// decides nothing that a person must.
#[derive(Clone, Debug)]
pub(crate) struct Caller(RequestContext);

impl Caller {
    /// The context of a request of this caller, now.
    pub(crate) fn context(&self, state: &AppState) -> RequestContext {
        RequestContext { at: state.now(), ..self.0.clone() }
    }

    /// Whether access to the data folder is all that is known of them, though there are accounts.
    pub(crate) fn is_only_folder(&self) -> bool {
        self.0.actor.kind == ActorKind::System
    }
}

/// Marks a request of this process: whoever types the command can read the data folder.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FolderAccess;

/// Whom the caller names; nobody outside is a part of the platform.
fn actor(headers: &HeaderMap) -> Result<Actor, Problem> {
    let Some(value) = headers.get(ACTOR_HEADER) else {
        return Ok(Actor::nameless_service());
    };
    let actor: Actor = value
        .to_str()
        .map_err(|_| Problem::new(Code::RequestInvalid, format!("the header {ACTOR_HEADER} is not plain text")))?
        .parse()
        .map_err(|error| Problem::of(Code::RequestInvalid, &error))?;
    match actor.kind {
        ActorKind::System => {
            let detail = format!("{actor} is a part of the platform; callers cannot use this name");
            Err(Problem::new(Code::RequestInvalid, detail)
                .hint("name a person (`user:NAME`) or a service (`svc:NAME`)"))
        }
        ActorKind::User | ActorKind::Service => Ok(actor),
    }
}

/// Who is written into the entry of a request that is refused before anyone asks who sent it: nobody is believed, so neither
/// `system:` nor, where there are accounts, any name is.
pub(crate) fn named_actor(state: &AppState, headers: &HeaderMap) -> Actor {
    match identity::is_required(&state.app()) {
        true => Actor::nameless_service(),
        false => actor(headers).unwrap_or_else(|_| Actor::nameless_service()),
    }
}

/// What the request carries as `Authorization: Bearer TOKEN`.
fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    headers.get(AUTHORIZATION).and_then(|value| value.as_bytes().strip_prefix(b"Bearer "))
}

impl FromRequestParts<AppState> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        if let Some(known) = parts.extensions.get::<Self>() {
            return Ok(known.clone());
        }
        let caller = Self(identify(parts, state).await?);
        parts.extensions.insert(caller.clone());
        Ok(caller)
    }
}

/// Someone who was found to have the right to `A`: only a route that asks for it gets one.
pub(crate) struct Allowed<A: Act>(pub(crate) Authorized<A>);

impl<A: Act> FromRequestParts<AppState> for Allowed<A> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &AppState) -> Result<Self, ApiError> {
        let granted = parts.extensions.get::<Grant>().cloned().and_then(Grant::to::<A>);
        granted.map(Self).ok_or_else(|| {
            let detail = format!("the right to {} was not asked for on this route", A::ACTION.phrase());
            Problem::new(Code::PermissionDenied, detail).into()
        })
    }
}

async fn identify(parts: &Parts, state: &AppState) -> Result<RequestContext, Problem> {
    let (app, now, headers) = (state.app(), state.now(), &parts.headers);
    let has_key = headers.get(FOLDER_KEY_HEADER).is_some_and(|key| state.is_folder_key(key.as_bytes()));
    let has_folder = has_key || parts.extensions.get::<FolderAccess>().is_some();
    if !identity::is_required(&app) {
        // Whoever can read the data folder can read everything that the token guards.
        if !has_folder {
            check_server_token(headers, state)?;
        }
        let stated = actor(headers)?;
        return Ok(match has_folder {
            true => identity::by_folder(&app, &stated, now),
            false => RequestContext::new(now, stated),
        });
    }
    match bearer(headers) {
        None if has_folder => Ok(identity::by_folder(&app, &actor(headers)?, now)),
        None => Err(refused(parts, state, &AuthenticateError::Missing)),
        Some(carried) if state.options().token.as_ref().is_some_and(|token| token.matches(carried)) => {
            Ok(RequestContext { credential: of_server().into(), ..RequestContext::new(now, Actor::nameless_service()) })
        }
        Some(carried) => {
            let text = str::from_utf8(carried).unwrap_or_default().trim();
            match state.provider().filter(|_| !text.starts_with(identity::TOKEN_PREFIX)) {
                Some(provider) => by_provider(parts, state, provider, text).await,
                None => identity::authenticate(&app, text, now).map_err(|error| refused(parts, state, &error)),
            }
        }
    }
}

/// Who shows a token of the OpenID provider.
async fn by_provider(
    parts: &Parts,
    state: &AppState,
    provider: &Provider,
    token: &str,
) -> Result<RequestContext, Problem> {
    let now = state.now();
    let proven = match provider.authenticate(token, now).await {
        Ok(proven) => proven,
        Err(error) => {
            if !matches!(error, ProviderError::Unavailable { .. }) {
                record(parts, state, RefusalTopic::Token(error.kind()), &error.to_string());
            }
            return Err(problem_of(&error));
        }
    };
    // Its own entry says what is wrong with the account.
    identity::by_provider(&state.app(), &proven, now).map_err(|error| problem_of(&error))
}

/// The token of the server names nobody: it opens what needs no right.
fn of_server() -> Credential {
    let scope = TokenScope { actions: Some(Default::default()), projects: None };
    Credential { scope, token: Some((String::new(), "of the server".to_owned())), ..Credential::default() }
}

fn check_server_token(headers: &HeaderMap, state: &AppState) -> Result<(), Problem> {
    let Some(token) = &state.options().token else { return Ok(()) };
    match bearer(headers) {
        Some(carried) if token.matches(carried) => Ok(()),
        Some(_) => Err(Problem::new(Code::TokenMissing, "the token of the request is not the one of this server")),
        None => Err(Problem::new(Code::TokenMissing, "the request carries no token")),
    }
}

/// Why a request is nobody's. A token that is shown and not valid is an attempt, and has its entry.
fn refused(parts: &Parts, state: &AppState, error: &AuthenticateError) -> Problem {
    if *error != AuthenticateError::Missing {
        let topic = match error.actor() {
            Some(actor) => RefusalTopic::TokenOf(actor.clone(), error.kind()),
            None => RefusalTopic::Token(error.kind()),
        };
        record(parts, state, topic, &error.to_string());
    }
    problem_of(error)
}

/// Writes the entry of a token that is not believed, beside the answer.
fn record(parts: &Parts, state: &AppState, topic: RefusalTopic, reason: &str) {
    record_refused_token(state, parts.uri.path(), topic, reason);
}

/// Writes the entry of a token that is not believed, beside the answer to the request for `path`.
pub(crate) fn record_refused_token(state: &AppState, path: &str, topic: RefusalTopic, reason: &str) {
    let actor = match &topic {
        RefusalTopic::TokenOf(actor, _) => actor.clone(),
        _ => Actor::nameless_service(),
    };
    let refused = RefusedAction {
        topic,
        action: "token.refuse".to_owned(),
        object: format!("request:{}", path.chars().take(100).collect::<String>()),
        reason: reason.chars().take(MAX_REASON_CHARS).collect(),
    };
    let (app, context) = (state.app(), RequestContext::new(state.now(), actor));
    tokio::task::spawn_blocking(move || authz::record_refusal(&app, &context, refused));
}
