//! Why someone is not known, not let in, or not changed.

use kilter_domain::{actor::Actor, time::Timestamp};
use kilter_store::StoreError;

use crate::causes::{AuditedError, InvalidState, NotFound, PermissionDenied, StorageError, from_causes};

/// Why it is not known who asks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant says what it is")]
pub enum AuthenticateError {
    #[error("there are accounts here, and nothing proves who asks")]
    Missing,
    #[error("this is no token of Kilter: {why}")]
    Malformed { why: &'static str },
    #[error("the token is unknown or revoked")]
    Unknown,
    #[error("the token `{name}` of {actor} expired at {at}")]
    Expired { name: String, actor: Actor, at: Timestamp },
    #[error("the account {actor} is disabled")]
    Disabled { actor: Actor },
}

impl AuthenticateError {
    /// What is wrong, in words of this platform alone: nothing of the token is part of it.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Malformed { why } => why,
            Self::Unknown => "unknown or revoked",
            Self::Expired { .. } => "expired",
            Self::Disabled { .. } => "disabled",
        }
    }

    /// Whose token it was, if that is known.
    pub const fn actor(&self) -> Option<&Actor> {
        match self {
            Self::Expired { actor, .. } | Self::Disabled { actor } => Some(actor),
            Self::Missing | Self::Malformed { .. } | Self::Unknown => None,
        }
    }
}

/// Why someone is not let in.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant says what it is")]
pub enum LoginError {
    #[error("name or password is wrong, or the account is disabled")]
    Refused,
    #[error("too many logins of {actor} failed; the next one is possible in {seconds} s")]
    Limited { actor: Actor, seconds: i64 },
    #[error("too many logins are under way")]
    Busy,
    /// An account of the same name is proven in another way.
    #[error("{actor} is {known}, and not who the provider {issuer} says")]
    OtherAccount { actor: Actor, issuer: String, known: &'static str },
    /// The provider may give the same name to somebody else later.
    #[error("nobody logged in as {actor} by the provider {issuer} yet, so the name is not bound to a person")]
    Unbound { actor: Actor, issuer: String },
    #[error(transparent)]
    Storage(#[from] StorageError),
}

from_causes!(LoginError: Storage(StoreError));

/// Why an account or a token is not made or changed.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant says what it is")]
pub enum AccountError {
    #[error(transparent)]
    Denied(#[from] PermissionDenied),
    #[error(transparent)]
    NotFound(#[from] NotFound),
    #[error(transparent)]
    InvalidState(#[from] InvalidState),
    /// What was asked cannot be an account or a token.
    #[error("{0}")]
    Invalid(String),
    /// The password that proves who changes it.
    #[error(transparent)]
    Login(#[from] LoginError),
    #[error(transparent)]
    Storage(#[from] StorageError),
}

from_causes!(AccountError: Storage(StoreError));

impl AuditedError for AccountError {
    fn is_refusal(&self) -> bool {
        // A missing administration has its entry where it is asked for.
        matches!(self, Self::InvalidState(_))
    }

    fn is_race(&self) -> bool {
        matches!(self, Self::Storage(error) if error.is_race())
    }
}
