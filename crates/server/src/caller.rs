//! Who is asking, and what they may do.
//!
//! A permission is a value that is only made here: a handler that needs one cannot be written without asking for it.

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, header::AUTHORIZATION, request::Parts},
};
use kilter_api::{ACTOR_HEADER, Code, Problem};
use kilter_app::RequestContext;
use kilter_domain::actor::{Actor, ActorKind};

use crate::{error::ApiError, state::AppState};

/// Someone who may use this server: they carry its token, or it needs none because it answers on this machine alone.
/// Who they are is what they say; without a word they are `svc:api`, which decides nothing that a person must.
#[derive(Clone, Debug)]
pub(crate) struct Caller(Actor);

impl Caller {
    /// Who they say they are.
    pub(crate) fn actor(&self) -> &Actor {
        &self.0
    }

    /// The context of a request of this caller, now.
    pub(crate) fn context(self, state: &AppState) -> RequestContext {
        RequestContext { at: state.now(), actor: self.0 }
    }
}

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

/// Whom a request names that is refused before anyone asks who sent it: nobody is believed, so `system:` is not written.
pub(crate) fn named_actor(headers: &HeaderMap) -> Actor {
    actor(headers).unwrap_or_else(|_| Actor::nameless_service())
}

impl FromRequestParts<AppState> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let Some(token) = &state.options().token else { return Ok(Self(actor(&parts.headers)?)) };
        let carried = parts.headers.get(AUTHORIZATION).map(|value| value.as_bytes());
        match carried.and_then(|value| value.strip_prefix(b"Bearer ")) {
            Some(carried) if token.matches(carried) => Ok(Self(actor(&parts.headers)?)),
            Some(_) => {
                Err(Problem::new(Code::TokenMissing, "the token of the request is not the one of this server").into())
            }
            None => Err(Problem::new(Code::TokenMissing, "the request carries no token").into()),
        }
    }
}
