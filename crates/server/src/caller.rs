//! Who is asking, and by what that is known.
//!
//! Invariants: as soon as there is an account, a name alone is nobody; whom a request names then is not read. A request is
//! identified once, whatever asks for it later.

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, header::AUTHORIZATION, request::Parts},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use kilter_api::{ACTOR_HEADER, CSRF_HEADER, Code, FOLDER_KEY_HEADER, Problem, rights::ProjectScope};
use kilter_app::{
    RequestContext,
    authz::{self, Act, Authorized, Grant, RefusalTopic, RefusedAction, Subject},
    context::Credential,
    identity::{self, AuthenticateError, LoginError},
};
use kilter_domain::{
    actor::{Action, Actor, ActorKind},
    identity::TokenScope,
};

use crate::{
    error::{ApiError, problem_of},
    net::session_cookie,
    openid::{error::ProviderError, provider::Provider},
    options::ServerOptions,
    state::{AppState, blocking},
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
    fn is_only_folder(&self) -> bool {
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

/// What a request carries to prove who sent it.
#[derive(Debug, PartialEq, Eq)]
enum Proof {
    /// `Authorization: Bearer TOKEN`, or a token in the place of a password.
    Token(Vec<u8>),
    /// `Authorization: Basic …`: a name and a password.
    Password { name: String, password: String },
    /// A header that is neither, with the reason.
    Unreadable(&'static str),
}

impl Proof {
    /// What the request carries. With `Basic` a token may take the place of the password; the name says nothing then.
    fn of(headers: &HeaderMap, options: &ServerOptions) -> Option<Self> {
        let (scheme, value) = headers.get(AUTHORIZATION)?.as_bytes().split_at_checked(6)?;
        if !scheme.eq_ignore_ascii_case(b"basic ") {
            return headers
                .get(AUTHORIZATION)?
                .as_bytes()
                .strip_prefix(b"Bearer ")
                .map(|token| Self::Token(token.to_vec()));
        }
        let Some(text) = STANDARD.decode(value.trim_ascii()).ok().and_then(|bytes| String::from_utf8(bytes).ok())
        else {
            return Some(Self::Unreadable("what follows `Basic` is no base64 of UTF-8"));
        };
        let Some((name, password)) = text.split_once(':') else {
            return Some(Self::Unreadable("what follows `Basic` is no name and password"));
        };
        let is_of_server = options.token.as_ref().is_some_and(|token| token.matches(password.as_bytes()));
        Some(match is_of_server || password.starts_with(identity::TOKEN_PREFIX) {
            true => Self::Token(password.as_bytes().to_vec()),
            false => Self::Password { name: name.to_owned(), password: password.to_owned() },
        })
    }
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

/// Finds whether the caller has a right, in the project that the subject is of; without a subject, for what names nothing that
/// there could be.
pub(crate) async fn allow(
    state: &AppState,
    caller: Caller,
    (action, scope): (Action, ProjectScope),
    subject: Option<Subject>,
) -> Result<Grant, Problem> {
    // Access to the data folder administers the platform, and does nothing in a project.
    if caller.is_only_folder() && scope != ProjectScope::Platform {
        return Err(problem_of(&AuthenticateError::Missing));
    }
    let (app, context) = (state.app(), caller.context(state));
    let Some(subject) = subject else { return Ok(authz::grant_of_nothing(&context, action)) };
    if let Some(grant) = authz::grant_in_memory(&app, &context, action, &subject) {
        return Ok(grant);
    }
    blocking(move || authz::require(&app, &context, action, &subject).map_err(|error| problem_of(&error))).await
}

async fn identify(parts: &Parts, state: &AppState) -> Result<RequestContext, Problem> {
    let (app, now, headers) = (state.app(), state.now(), &parts.headers);
    let has_key = headers.get(FOLDER_KEY_HEADER).is_some_and(|key| state.is_folder_key(key.as_bytes()));
    let has_folder = has_key || parts.extensions.get::<FolderAccess>().is_some();
    if !identity::is_required(&app) {
        // Whoever can read the data folder can read everything that the token guards.
        if !has_folder {
            check_server_token(parts, state)?;
        }
        let stated = actor(headers)?;
        return Ok(match has_folder {
            true => identity::by_folder(&app, &stated, now),
            false => RequestContext::new(now, stated),
        });
    }
    match proof(parts, state.options())? {
        None if has_folder => Ok(identity::by_folder(&app, &actor(headers)?, now)),
        None => Err(refused(parts.uri.path(), state, &AuthenticateError::Missing)),
        Some(Proof::Token(carried)) => by_token(parts.uri.path(), state, &carried).await,
        Some(Proof::Password { name, password }) => by_password(state, &name, password).await,
        Some(Proof::Unreadable(why)) => Err(refused(parts.uri.path(), state, &AuthenticateError::Malformed { why })),
    }
}

/// What the request carries: in a header, or in the cookie of a session. A cookie goes along with whatever a browser sends, so a request
/// that acts by it also shows that a page of ours sent it.
fn proof(parts: &Parts, options: &ServerOptions) -> Result<Option<Proof>, Problem> {
    if let Some(proof) = Proof::of(&parts.headers, options) {
        return Ok(Some(proof));
    }
    let Some(token) = session_cookie::token_in(&parts.headers, options.tls.is_some()) else { return Ok(None) };
    if !parts.method.is_safe() && !session_cookie::is_confirmed(&parts.headers, token) {
        let detail = format!("the request carries the cookie of a session, and no `{CSRF_HEADER}` of it");
        return Err(Problem::new(Code::CsrfMissing, detail));
    }
    Ok(Some(Proof::Token(token.as_bytes().to_vec())))
}

/// Who shows a token, on the route at `path`: of an account, of the server, or of the OpenID provider.
pub(crate) async fn by_token(path: &str, state: &AppState, carried: &[u8]) -> Result<RequestContext, Problem> {
    let now = state.now();
    if state.options().token.as_ref().is_some_and(|token| token.matches(carried)) {
        return Ok(RequestContext {
            credential: of_server().into(),
            ..RequestContext::new(now, Actor::nameless_service())
        });
    }
    let text = str::from_utf8(carried).unwrap_or_default().trim();
    match state.provider().filter(|_| !text.starts_with(identity::TOKEN_PREFIX)) {
        Some(provider) => by_provider(path, state, provider, text).await,
        None => identity::authenticate(&state.app(), text, now).map_err(|error| refused(path, state, &error)),
    }
}

/// Who carries the name and the password of a person, as clients of MLflow do.
async fn by_password(state: &AppState, name: &str, password: String) -> Result<RequestContext, Problem> {
    let (app, now) = (state.app(), state.now());
    let Ok(person) = format!("user:{name}").parse::<Actor>() else { return Err(problem_of(&LoginError::Refused)) };
    let tried = person.clone();
    let checked = move || Ok(identity::authenticate_by_password(&app, &person, &password, now));
    let checked = blocking(checked).await?;
    if matches!(checked, Err(LoginError::Refused)) {
        // Beside the answer: the time that the entry takes does not tell a name that has an account from one that has none.
        let app = state.app();
        tokio::task::spawn_blocking(move || identity::record_failed_login(&app, &tried, now));
    }
    checked.map_err(|error| problem_of(&error))
}

/// Who shows a token of the OpenID provider.
async fn by_provider(
    path: &str,
    state: &AppState,
    provider: &Provider,
    token: &str,
) -> Result<RequestContext, Problem> {
    let now = state.now();
    let proven = match provider.authenticate(token, now).await {
        Ok(proven) => proven,
        Err(error) => {
            if !matches!(error, ProviderError::Unavailable { .. }) {
                record_refused_token(state, path, RefusalTopic::Token(error.kind()), &error.to_string());
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

fn check_server_token(parts: &Parts, state: &AppState) -> Result<(), Problem> {
    let Some(token) = &state.options().token else { return Ok(()) };
    match proof(parts, state.options())? {
        Some(Proof::Token(carried)) if token.matches(&carried) => Ok(()),
        Some(_) => Err(Problem::new(Code::TokenMissing, "the token of the request is not the one of this server")),
        None => Err(Problem::new(Code::TokenMissing, "the request carries no token")),
    }
}

/// Why a request is nobody's. A token that is shown and not valid is an attempt, and has its entry.
fn refused(path: &str, state: &AppState, error: &AuthenticateError) -> Problem {
    if *error != AuthenticateError::Missing {
        let topic = match error.actor() {
            Some(actor) => RefusalTopic::TokenOf(actor.clone(), error.kind()),
            None => RefusalTopic::Token(error.kind()),
        };
        record_refused_token(state, path, topic, &error.to_string());
    }
    problem_of(error)
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

#[cfg(test)]
mod tests {
    use kilter_api::Token;

    use super::*;

    const OF_SERVER: &str = "a-token-of-the-server-that-nobody-guesses";

    #[test]
    fn a_header_is_a_token_or_a_name_and_a_password() {
        let options = ServerOptions { token: Token::new(OF_SERVER), ..ServerOptions::local(".") };
        let of = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(AUTHORIZATION, value.parse().unwrap());
            Proof::of(&headers, &options)
        };
        let basic = |text: &str| of(&format!("Basic {}", STANDARD.encode(text)));
        let password =
            |name: &str, password: &str| Some(Proof::Password { name: name.to_owned(), password: password.to_owned() });
        assert_eq!(of("Bearer klt_x"), Some(Proof::Token(b"klt_x".to_vec())));
        assert_eq!(basic("ana:correct: horse"), password("ana", "correct: horse"));
        assert_eq!(of(&format!("basic  {}", STANDARD.encode("ana:"))), password("ana", ""));
        assert_eq!(basic("whoever:klt_x"), Some(Proof::Token(b"klt_x".to_vec())));
        assert_eq!(basic(&format!(":{OF_SERVER}")), Some(Proof::Token(OF_SERVER.into())));
        for wrong in ["Basic", "Basic !!", "Basic YW5h", "Basic /w=="] {
            assert!(matches!(of(wrong), None | Some(Proof::Unreadable(_))), "{wrong}");
        }
        assert_eq!(of("Digest username=\"ana\""), None);
    }
}
