//! Keeps pages of the web away: a browser on this machine reaches a server of this machine, and sends for any page that
//! it shows.
//!
//! Invariants: on every route, those that only read and those that answer probes included, the host of a request is ours,
//! and what a browser says of its origin (`Origin`, `Sec-Fetch-Site`) is this server itself or nobody; what a browser
//! cannot say, a body of JSON states (see `extract`). A refused decision leaves an entry of the audit table, counted
//! instead of repeated. Out of scope: CORS; no page of another origin may read or do anything here.

use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderMap, HeaderName, StatusCode, header},
    middleware::Next,
    response::Response,
};
use kilter_api::{
    Code, Problem,
    rights::{Requirement, requirement_of_route},
};
use kilter_app::{
    RequestContext,
    authz::{self, RefusalTopic, RefusedAction},
};
use kilter_domain::actor::{Action, Actor};

use crate::{
    caller::named_actor,
    error::error_response,
    net::hosts::{AllowedHosts, HostPort},
    options::ServerOptions,
    state::AppState,
    ui,
};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
/// Characters of what a stranger sent that a sentence repeats.
const MAX_QUOTED: usize = 100;

/// Passes on what was not sent for a page of another origin, and refuses the rest.
pub(crate) async fn protect(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let decision = decision_of(&state, &request);
    let Err(problem) = check(state.options(), &request) else {
        let response = next.run(request).await;
        if response.status() == StatusCode::UNSUPPORTED_MEDIA_TYPE {
            // A page that a browser says nothing of is kept out by this alone.
            let problem = Problem::new(Code::MediaTypeUnsupported, "its body did not state that it is JSON");
            record(&state, decision, &problem);
        }
        return response;
    };
    let path = request.uri().path().to_owned();
    tracing::debug!(method = %request.method(), %path, reason = %problem.detail, "refused");
    record(&state, decision, &problem);
    error_response(&path, problem)
}

/// A decision that a request asks for, and who it says asks.
struct Decision {
    /// Method and route.
    rule: String,
    path: String,
    by: Actor,
}

/// The decision that is asked for; reading, predicting and labels are none.
fn decision_of(state: &AppState, request: &Request) -> Option<Decision> {
    let route = request.extensions().get::<MatchedPath>()?.as_str();
    let Requirement::Right(action, _) = requirement_of_route(request.method().as_str(), route)? else { return None };
    let is_decision = !matches!(action, Action::Read | Action::Predict | Action::Label | Action::Audit);
    is_decision.then(|| Decision {
        rule: format!("{} {route}", request.method()),
        path: quoted(request.uri().path()),
        by: named_actor(state, request.headers()),
    })
}

/// Writes the entry of a refused decision. The answer does not wait for the disk, and a full disk admits nobody.
fn record(state: &AppState, decision: Option<Decision>, problem: &Problem) {
    let Some(Decision { rule, path, by }) = decision else { return };
    let refused = RefusedAction {
        topic: RefusalTopic::Request(format!("{rule} {}", problem.code)),
        action: "request.refuse".to_owned(),
        object: format!("request:{path}"),
        reason: problem.detail.clone(),
    };
    let (app, context) = (state.app(), RequestContext::new(state.now(), by));
    tokio::task::spawn_blocking(move || authz::record_refusal(&app, &context, refused));
}

/// Whether the host of the request is ours, and a browser that sent it did so for a page of ours.
fn check(options: &ServerOptions, request: &Request) -> Result<(), Problem> {
    let hosts = AllowedHosts { bound: options.host, listed: &options.allowed_hosts };
    let mut asked = host_of(request.headers())?;
    if !hosts.admit(&asked) {
        return Err(foreign_host(&asked));
    }
    // RFC 9112, 3.2.2: a target with a host of its own counts before the header. Both must be ours.
    if let Some(target) = request.uri().authority() {
        asked = target.as_str().parse().map_err(|error| Problem::of(Code::RequestInvalid, &error))?;
        if !hosts.admit(&asked) {
            return Err(foreign_host(&asked));
        }
    }
    let same_site = |value: &str| matches!(value, "same-origin" | "none");
    if ui::is_opened(request.method(), request.uri().path(), request.headers()) {
        return Ok(());
    }
    if let Some(site) = each(request.headers(), SEC_FETCH_SITE).find(|value| !same_site(value)) {
        return Err(cross_site(format!("a page of another origin sent it (Sec-Fetch-Site: {})", quoted(site))));
    }
    match each(request.headers(), header::ORIGIN).find(|origin| !hosts.admit_origin(origin, &asked)) {
        Some(origin) => Err(cross_site(format!("a page of another origin sent it (Origin: {})", quoted(origin)))),
        None => Ok(()),
    }
}

/// The one `Host` of the request.
fn host_of(headers: &HeaderMap) -> Result<HostPort, Problem> {
    let mut named = each(headers, header::HOST);
    let (Some(host), None) = (named.next(), named.next()) else {
        let detail = "the request names no host, or more than one";
        return Err(Problem::new(Code::RequestInvalid, detail).hint("send one `Host` header"));
    };
    host.parse().map_err(|error| Problem::of(Code::RequestInvalid, &error))
}

/// Every value of a header; one that is not plain text is no value of anything, so it is refused like a foreign one.
fn each(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    headers.get_all(name).into_iter().map(|value| value.to_str().unwrap_or("?"))
}

fn quoted(text: &str) -> String {
    text.chars().take(MAX_QUOTED).collect()
}

fn foreign_host(asked: &HostPort) -> Problem {
    let asked = quoted(&asked.to_string());
    Problem::new(Code::HostRefused, format!("this server does not accept the host `{asked}`"))
        .hint(format!("if callers reach it by that name, start it with `--allowed-host {asked}`"))
}

fn cross_site(why: String) -> Problem {
    Problem::new(Code::CrossSiteRefused, format!("the request is refused: {why}"))
}
