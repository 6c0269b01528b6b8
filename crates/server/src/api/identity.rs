//! Accounts, logins, tokens: who someone is.

use axum::{
    Extension, Json,
    extract::{Path, State},
    http::{HeaderMap, header},
};
use kilter_api::{self as api, Code, Problem, Secret};
use kilter_app::{
    authz::RefusalTopic,
    identity::{self, AccountChange, LoginError, NewAccount, TokenRequest},
};
use kilter_domain::{
    actor::{Actor, ActorKind},
    time::Span,
};
use kilter_store::{account::Account, token::Token};

use crate::{
    api::parse_param,
    caller::{Caller, FolderAccess, record_refused_token},
    error::{ApiError, problem_of},
    extract,
    net::session_cookie,
    openid::{
        error::ProviderError,
        provider::{LoginCode, Provider, is_loopback_redirect},
    },
    state::{AppState, blocking},
};

/// For how long a token is valid if nobody says, and the token that is shown does not end before.
const VALID_DAYS: i64 = 90;

/// Every account, by name.
#[utoipa::path(get, path = "/api/v1/accounts", tag = "identity", responses((status = 200, body = api::Accounts), (status = 401, body = Problem), (status = 403, body = Problem)))]
pub(crate) async fn list_accounts(
    caller: Caller,
    State(state): State<AppState>,
) -> Result<Json<api::Accounts>, ApiError> {
    let (app, context) = (state.app(), caller.context(&state));
    let found = blocking(move || identity::list_accounts(&app, &context).map_err(|error| problem_of(&error))).await?;
    Ok(Json(api::Accounts { accounts: found.into_iter().map(account).collect() }))
}

/// Makes an account. The first one ends that names alone are believed.
#[utoipa::path(
    post, path = "/api/v1/accounts", tag = "identity", request_body = api::NewAccount,
    responses((status = 200, body = api::Account), (status = 400, body = Problem), (status = 401, body = Problem), (status = 403, body = Problem), (status = 409, body = Problem))
)]
pub(crate) async fn create_account(
    caller: Caller,
    State(state): State<AppState>,
    extract::Json(body): extract::Json<api::NewAccount>,
) -> Result<Json<api::Account>, ApiError> {
    let (app, context) = (state.app(), caller.context(&state));
    let new = NewAccount {
        actor: body.actor,
        password: body.password.map(|Secret(text)| text),
        groups: body.groups,
        is_admin: body.admin,
        owner: body.owner,
    };
    let made =
        blocking(move || identity::create_account(&app, &context, new).map_err(|error| problem_of(&error))).await?;
    Ok(Json(account(made)))
}

/// Changes groups, administration, or whether an account is disabled.
#[utoipa::path(
    post, path = "/api/v1/accounts/{account}", tag = "identity", params(("account" = String, Path)), request_body = api::ChangeAccount,
    responses((status = 200, body = api::Account), (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem))
)]
pub(crate) async fn change_account(
    caller: Caller,
    State(state): State<AppState>,
    Path(name): Path<String>,
    extract::Json(body): extract::Json<api::ChangeAccount>,
) -> Result<Json<api::Account>, ApiError> {
    let (app, context, actor) = (state.app(), caller.context(&state), account_name(&name)?);
    let change = AccountChange { groups: body.groups, is_admin: body.admin, is_disabled: body.disabled };
    let changed =
        blocking(move || identity::change_account(&app, &context, &actor, change).map_err(|error| problem_of(&error)));
    Ok(Json(account(changed.await?)))
}

/// Sets a password. Sessions that began with the one before end.
#[utoipa::path(
    post, path = "/api/v1/accounts/{account}/password", tag = "identity", params(("account" = String, Path)), request_body = api::ChangePassword,
    responses((status = 200, body = api::Account), (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem), (status = 429, body = Problem))
)]
pub(crate) async fn set_password(
    caller: Caller,
    State(state): State<AppState>,
    Path(name): Path<String>,
    extract::Json(body): extract::Json<api::ChangePassword>,
) -> Result<Json<api::Account>, ApiError> {
    let (app, context, actor) = (state.app(), caller.context(&state), account_name(&name)?);
    let changed = blocking(move || {
        let current = body.current.as_ref().map(|Secret(text)| text.as_str());
        identity::set_password(&app, &context, &actor, (current, &body.password.0)).map_err(|error| problem_of(&error))
    });
    Ok(Json(account(changed.await?)))
}

/// Lets a person in by name and password.
#[utoipa::path(
    post, path = "/api/v1/login", tag = "identity", request_body = api::Login,
    responses((status = 200, body = api::Session), (status = 401, body = Problem), (status = 429, body = Problem), (status = 503, body = Problem))
)]
pub(crate) async fn log_in(
    State(state): State<AppState>,
    folder: Option<Extension<FolderAccess>>,
    extract::Json(body): extract::Json<api::Login>,
) -> Result<Json<api::Session>, ApiError> {
    let identity::Session { actor, token, expires } = by_password(&state, body, folder.is_some()).await?;
    Ok(Json(api::Session { actor, token: Secret(token), expires }))
}

/// Lets a person in by name and password; with `is_command` the entry of a failure is waited for.
pub(super) async fn by_password(
    state: &AppState,
    body: api::Login,
    is_command: bool,
) -> Result<identity::Session, Problem> {
    let (app, now, tried) = (state.app(), state.now(), body.actor.clone());
    let session = blocking(move || Ok(identity::log_in(&app, &body.actor, &body.password.0, now))).await?;
    if matches!(session, Err(LoginError::Refused)) {
        // Beside the answer: the time that the entry takes does not tell a name that has an account from one that has none.
        let app = state.app();
        let recorded = tokio::task::spawn_blocking(move || identity::record_failed_login(&app, &tried, now));
        // A command in this process ends with its answer.
        if is_command {
            drop(recorded.await);
        }
    }
    session.map_err(|error| problem_of(&error))
}

/// Begins a login by the OpenID provider: where the person goes.
#[utoipa::path(
    post, path = "/api/v1/login/provider", tag = "identity", request_body = api::BeginProviderLogin,
    responses((status = 200, body = api::ProviderLogin), (status = 400, body = Problem), (status = 404, body = Problem), (status = 503, body = Problem))
)]
pub(crate) async fn begin_provider_login(
    State(state): State<AppState>,
    headers: HeaderMap,
    extract::Json(body): extract::Json<api::BeginProviderLogin>,
) -> Result<Json<api::ProviderLogin>, ApiError> {
    let provider = provider(&state)?;
    if !is_loopback_redirect(&body.redirect_uri) && !is_own_sign_in(&headers, &body.redirect_uri) {
        let detail = format!(
            "`{}` is neither the address of a program on the machine of the person nor the page `/sign-in` of this server",
            body.redirect_uri
        );
        return Err(crate::api::bad_request(detail).hint("write it like http://127.0.0.1:18484/callback").into());
    }
    let started = provider.begin(&body.redirect_uri).await.map_err(|error| problem_of(&error))?;
    let (nonce, verifier) = (Secret(started.nonce), Secret(started.verifier));
    Ok(Json(api::ProviderLogin { url: started.url, returned: started.state, nonce, verifier }))
}

/// Whether an address is the page of this server on which people sign in. The origin of the request is ours: another one is refused
/// before.
fn is_own_sign_in(headers: &HeaderMap, address: &str) -> bool {
    let origin = headers.get(header::ORIGIN).and_then(|origin| origin.to_str().ok());
    origin.is_some_and(|origin| address.strip_prefix(origin) == Some("/sign-in"))
}

/// Ends a login by the OpenID provider: the code against a session.
#[utoipa::path(
    post, path = "/api/v1/login/provider/finish", tag = "identity", request_body = api::FinishProviderLogin,
    responses((status = 200, body = api::Session), (status = 401, body = Problem), (status = 404, body = Problem), (status = 503, body = Problem))
)]
pub(crate) async fn finish_provider_login(
    State(state): State<AppState>,
    extract::Json(body): extract::Json<api::FinishProviderLogin>,
) -> Result<Json<api::Session>, ApiError> {
    let identity::Session { actor, token, expires } = by_code(&state, body).await?;
    Ok(Json(api::Session { actor, token: Secret(token), expires }))
}

/// Lets a person in by the code that the OpenID provider gave.
pub(super) async fn by_code(state: &AppState, body: api::FinishProviderLogin) -> Result<identity::Session, Problem> {
    let (app, now) = (state.app(), state.now());
    let code = LoginCode {
        code: &body.code.0,
        redirect_uri: &body.redirect_uri,
        nonce: &body.nonce.0,
        verifier: &body.verifier.0,
    };
    let finished = provider(state)?.finish(&code, now).await.inspect_err(|error| {
        if !matches!(error, ProviderError::Unavailable { .. }) {
            let topic = RefusalTopic::Token(error.kind());
            record_refused_token(state, "/api/v1/login/provider/finish", topic, &error.to_string());
        }
    });
    let proven = finished.map_err(|error| problem_of(&error))?;
    blocking(move || identity::log_in_by_provider(&app, &proven, now).map_err(|error| problem_of(&error))).await
}

fn provider(state: &AppState) -> Result<&Provider, Problem> {
    state.provider().ok_or_else(|| {
        Problem::new(Code::NotFound, "this server has no OpenID provider")
            .hint("log in by password with `kilter login`, or start the server with `--oidc-issuer URL`")
    })
}

/// Who asks, and whether that is proven.
#[utoipa::path(get, path = "/api/v1/whoami", tag = "identity", responses((status = 200, body = api::WhoAmI), (status = 401, body = Problem)))]
pub(crate) async fn who_am_i(caller: Caller, State(state): State<AppState>, headers: HeaderMap) -> Json<api::WhoAmI> {
    let context = caller.context(&state);
    let credential = &context.credential;
    let by_header = headers.contains_key(header::AUTHORIZATION);
    let cookie = session_cookie::token_in(&headers, state.options().tls.is_some()).filter(|_| !by_header);
    Json(api::WhoAmI {
        on_behalf: credential.on_behalf.clone(),
        groups: credential.groups.clone(),
        admin: credential.is_admin,
        scope: credential.scope.clone(),
        proven: identity::is_required(&state.app()),
        csrf: cookie.map(session_cookie::csrf_of),
        actor: context.actor,
    })
}

/// Tokens that the caller may see, newest first.
#[utoipa::path(get, path = "/api/v1/tokens", tag = "identity", responses((status = 200, body = api::Tokens), (status = 401, body = Problem)))]
pub(crate) async fn list_tokens(caller: Caller, State(state): State<AppState>) -> Result<Json<api::Tokens>, ApiError> {
    let (app, context) = (state.app(), caller.context(&state));
    let found = blocking(move || {
        // What was used lately is part of the answer.
        identity::note_uses(&app).map_err(|error| problem_of(&error))?;
        identity::list_tokens(&app, &context).map_err(|error| problem_of(&error))
    });
    Ok(Json(api::Tokens { tokens: found.await?.into_iter().map(token).collect() }))
}

/// Makes a token. The answer has its text, which is not stored.
#[utoipa::path(
    post, path = "/api/v1/tokens", tag = "identity", request_body = api::NewToken,
    responses((status = 200, body = api::TokenCreated), (status = 400, body = Problem), (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem))
)]
pub(crate) async fn create_token(
    caller: Caller,
    State(state): State<AppState>,
    extract::Json(body): extract::Json<api::NewToken>,
) -> Result<Json<api::TokenCreated>, ApiError> {
    let (app, context) = (state.app(), caller.context(&state));
    let usual = context.at.after(Span::days(VALID_DAYS));
    let latest = context.credential.max_token_expiry.unwrap_or(usual);
    let expires = body.valid.map_or(usual.min(latest), |valid| context.at.after(valid));
    let wanted = TokenRequest { actor: body.actor, name: body.name, scope: body.scope, expires };
    let made = blocking(move || identity::create_token(&app, &context, wanted).map_err(|error| problem_of(&error)));
    let (info, text) = made.await?;
    Ok(Json(api::TokenCreated { info: token(info), token: Secret(text) }))
}

/// Revokes a token for good.
#[utoipa::path(
    post, path = "/api/v1/tokens/{id}/revoke", tag = "identity", params(("id" = String, Path)),
    responses((status = 200, body = api::TokenInfo), (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem))
)]
pub(crate) async fn revoke_token(
    caller: Caller,
    State(state): State<AppState>,
    Path(id): Path<String>,
    _: extract::Json<api::Reason>,
) -> Result<Json<api::TokenInfo>, ApiError> {
    let (app, context) = (state.app(), caller.context(&state));
    let revoked = blocking(move || identity::revoke_token(&app, &context, &id).map_err(|error| problem_of(&error)));
    Ok(Json(token(revoked.await?)))
}

/// The account that a path names: `ana` is a person.
fn account_name(name: &str) -> Result<Actor, Problem> {
    let actor: Actor = if name.contains(':') { parse_param(name)? } else { parse_param(&format!("user:{name}"))? };
    match actor.kind {
        ActorKind::System => Err(crate::api::bad_request(format!("{actor} is a part of the platform"))),
        ActorKind::User | ActorKind::Service => Ok(actor),
    }
}

fn account(account: Account) -> api::Account {
    api::Account {
        actor: account.actor,
        owner: account.owner,
        groups: account.groups,
        admin: account.is_admin,
        issuer: account.provider.map(|(issuer, _)| issuer),
        created: account.created,
        disabled: account.disabled,
    }
}

fn token(token: Token) -> api::TokenInfo {
    api::TokenInfo {
        id: token.id,
        name: token.name,
        actor: token.actor,
        scope: token.scope,
        session: token.is_session,
        created: token.created,
        last_used: token.last_used,
        expires: token.expires,
        revoked: token.revoked,
    }
}
