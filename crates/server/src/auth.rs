//! Who is asking, and what they may do.
//!
//! A permission is a value that is only made here: a handler that needs one cannot be written without asking for it.

use std::{fmt, path::Path, sync::Arc};

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, header::AUTHORIZATION, request::Parts},
};
use kilter_api::{Code, Problem};
use kilter_app::RequestContext;
use kilter_domain::actor::{Actor, ActorKind};

use crate::{error::ServerError, problem::Failure, state::House};

/// The shortest token that is taken: shorter ones can be guessed.
const MIN_TOKEN_BYTES: usize = 16;

/// The largest file that is read as one.
const MAX_TOKEN_BYTES: u64 = 64 << 10;

/// A secret that requests carry. Never shown.
#[derive(Clone)]
pub struct Token {
    secret: Arc<str>,
    /// Where it was read.
    file: Option<Arc<Path>>,
}

impl Token {
    /// The token that stands in a file, without the white space around it.
    ///
    /// # Errors
    /// When the file cannot be read, or holds fewer than 16 visible ASCII characters.
    pub fn read(path: &Path) -> Result<Self, ServerError> {
        let text = kilter_app::read_bounded_text(path, MAX_TOKEN_BYTES)
            .map_err(|source| ServerError::TokenFile { path: path.to_owned(), source })?;
        let token = Self::new(text.trim()).map(|token| Self { file: Some(path.into()), ..token });
        token.ok_or_else(|| ServerError::BadToken {
            path: path.to_owned(),
            why: "it needs at least 16 visible ASCII characters; make one with `openssl rand -hex 32`",
        })
    }

    /// `text` as a token, when it is long enough and can stand in a header.
    pub fn new(text: &str) -> Option<Self> {
        let fits = text.len() >= MIN_TOKEN_BYTES && text.bytes().all(|byte| byte.is_ascii_graphic());
        fits.then(|| Self { secret: text.into(), file: None })
    }

    /// The file that it was read from.
    pub(crate) fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// A new one that nobody can guess.
    ///
    /// # Errors
    /// When the system has no randomness to give.
    pub(crate) fn random() -> Result<Self, ServerError> {
        let mut bytes = [0_u8; 32];
        getrandom::fill(&mut bytes).map_err(|_| ServerError::Randomness)?;
        let text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Self { secret: text.into(), file: None })
    }

    /// The secret, to be sent with a request of ours.
    pub(crate) fn text(&self) -> &str {
        &self.secret
    }

    /// Whether `other` is the same, in a time that does not tell where they differ.
    pub(crate) fn is(&self, other: &[u8]) -> bool {
        let own = self.secret.as_bytes();
        let differing = own.iter().zip(other).fold(0, |sum, (left, right)| sum | (left ^ right));
        own.len() == other.len() && differing == 0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Token(…)")
    }
}

/// The header in which a caller says on whose behalf it asks: `user:ana`, `svc:ci`.
pub const ACTOR_HEADER: &str = "x-kilter-actor";

/// Someone who may use this server: they carry its token, or it needs none because it answers on this machine alone.
/// Who they are is what they say; without a word they are `svc:api`, which decides nothing that a person must.
#[derive(Clone, Debug)]
pub(crate) struct Caller(Actor);

impl Caller {
    /// Who they say they are.
    pub(crate) fn actor(&self) -> &Actor {
        &self.0
    }

    /// Acts as this caller, now.
    pub(crate) fn act(self, house: &House) -> RequestContext {
        RequestContext { at: house.now(), actor: self.0 }
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
            let detail = format!("{actor} is a part of the platform; nobody outside acts as one");
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

impl FromRequestParts<House> for Caller {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, house: &House) -> Result<Self, Failure> {
        let Some(token) = &house.options().token else { return Ok(Self(actor(&parts.headers)?)) };
        let carried = parts.headers.get(AUTHORIZATION).map(|value| value.as_bytes());
        match carried.and_then(|value| value.strip_prefix(b"Bearer ")) {
            Some(carried) if token.is(carried) => Ok(Self(actor(&parts.headers)?)),
            Some(_) => {
                Err(Problem::new(Code::TokenMissing, "the token of the request is not the one of this server").into())
            }
            None => Err(Problem::new(Code::TokenMissing, "the request carries no token").into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_long_enough_and_equal_only_to_itself() {
        assert!(Token::new("short").is_none() && Token::new("with a space in it").is_none());
        let token = Token::new("0123456789abcdef").unwrap();
        assert!(token.is(b"0123456789abcdef"));
        assert!(!token.is(b"0123456789abcdeF") && !token.is(b"0123456789abcdef0") && !token.is(b""));
        assert_eq!(format!("{token:?}"), "Token(…)");
    }
}
