//! Sessions of browsers: a cookie that no script can read, and the word that its pages carry when they act.
//!
//! Invariants: a session that begins has a token of its own, or the one that was shown; a cookie that was there before is worth nothing
//! afterwards; who signs out is out on the server too.

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, header},
    response::{AppendHeaders, IntoResponse, Response},
};
use kilter_api::{self as api, Code, Problem};
use kilter_app::identity;
use kilter_domain::{actor::Actor, time::Timestamp};

use crate::{
    api::identity::{by_code, by_password},
    caller::by_token,
    error::{ApiError, problem_of},
    extract,
    net::session_cookie,
    state::{AppState, blocking},
};

const PATH: &str = "/api/v1/session";

/// How people sign in here.
#[utoipa::path(get, path = "/api/v1/login/options", tag = "identity", responses((status = 200, body = api::LoginOptions)))]
pub(crate) async fn login_options(State(state): State<AppState>) -> Json<api::LoginOptions> {
    let required = is_required(&state);
    Json(api::LoginOptions {
        required,
        token: required,
        password: identity::is_required(&state.app()),
        provider: state.options().provider.as_ref().map(|provider| provider.issuer.clone()),
    })
}

/// Begins a session of a browser: sets its cookie.
#[utoipa::path(
    post, path = "/api/v1/session", tag = "identity", request_body = api::NewSession,
    responses((status = 200, body = api::BrowserSession), (status = 400, body = Problem), (status = 401, body = Problem), (status = 429, body = Problem), (status = 503, body = Problem))
)]
pub(crate) async fn begin_session(
    State(state): State<AppState>,
    headers: HeaderMap,
    extract::Json(body): extract::Json<api::NewSession>,
) -> Result<Response, ApiError> {
    let (actor, token, expires) = let_in(&state, body).await?;
    // Whoever was signed in here before is out.
    end(&state, &headers).await?;
    let csrf = session_cookie::csrf_of(&token);
    let cookie = session_cookie::keep(&token, (state.now(), expires), is_encrypted(&state, &headers));
    let cookie =
        cookie.ok_or_else(|| Problem::new(Code::RequestInvalid, "the token has characters that no token has"))?;
    Ok(([(header::SET_COOKIE, cookie)], Json(api::BrowserSession { actor, expires, csrf })).into_response())
}

/// Ends the session of the browser that asks, and takes its cookie away.
#[utoipa::path(post, path = "/api/v1/session/end", tag = "identity", request_body = api::Reason, responses((status = 204), (status = 503, body = Problem)))]
pub(crate) async fn end_session(
    State(state): State<AppState>,
    headers: HeaderMap,
    _: extract::Json<api::Reason>,
) -> Result<Response, ApiError> {
    end(&state, &headers).await?;
    let cookies = session_cookie::forget().map(|cookie| (header::SET_COOKIE, cookie));
    Ok((axum::http::StatusCode::NO_CONTENT, AppendHeaders(cookies)).into_response())
}

/// Who is let in, by which token, until when.
async fn let_in(state: &AppState, body: api::NewSession) -> Result<(Actor, String, Option<Timestamp>), Problem> {
    let session = match body {
        api::NewSession::Token(token) => {
            let token = token.0.trim().to_owned();
            if !is_required(state) {
                let detail = "nobody has to sign in here: who acts is what the caller says";
                return Err(Problem::new(Code::InvalidState, detail)
                    .hint("make an account with `kilter user add NAME --admin`"));
            }
            let context = by_token(PATH, state, token.as_bytes()).await?;
            return Ok((context.actor.clone(), token, context.credential.max_token_expiry));
        }
        api::NewSession::Password(login) => by_password(state, login, false).await?,
        api::NewSession::Provider(code) => by_code(state, code).await?,
    };
    Ok((session.actor, session.token, Some(session.expires)))
}

fn is_required(state: &AppState) -> bool {
    identity::is_required(&state.app()) || state.options().token.is_some()
}

async fn end(state: &AppState, headers: &HeaderMap) -> Result<(), Problem> {
    let Some(token) = session_cookie::token_in(headers, state.options().tls.is_some()).map(str::to_owned) else {
        return Ok(());
    };
    let (app, now) = (state.app(), state.now());
    blocking(move || identity::end_session(&app, &token, now).map_err(|error| problem_of(&error))).await
}

/// Whether the browser reaches us encrypted, also through a proxy: it says so itself, by the origin of its page.
fn is_encrypted(state: &AppState, headers: &HeaderMap) -> bool {
    let origin = headers.get(header::ORIGIN).and_then(|origin| origin.to_str().ok());
    state.options().tls.is_some() || origin.is_some_and(|origin| origin.starts_with("https://"))
}
