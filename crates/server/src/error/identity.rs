//! The codes of the errors of who comes in.

use kilter_api::Code;
use kilter_app::{
    events::EventError,
    identity::{AccountError, AuthenticateError, LoginError},
};

use super::answered::{Answer, Answered};

impl Answered for AuthenticateError {
    fn answer(&self) -> Answer {
        match self {
            Self::Missing => Answer::with_hint(
                Code::TokenMissing,
                "log in with `kilter login`, or send `Authorization: Bearer TOKEN` with a token of `kilter token create`; the header \
                 `x-kilter-actor` and `USER` prove nothing here",
            ),
            Self::Malformed { .. } | Self::Unknown | Self::Expired { .. } | Self::Disabled { .. } => {
                Code::TokenInvalid.into()
            }
        }
    }
}

impl Answered for LoginError {
    fn answer(&self) -> Answer {
        match self {
            Self::Refused => Code::LoginRefused.into(),
            Self::Limited { .. } => Code::LoginLimited.into(),
            Self::Busy => Answer::with_hint(Code::Overloaded, "try again in a few seconds"),
            Self::Unbound { .. } => Answer::with_hint(Code::TokenInvalid, "log in once with `kilter login --provider`"),
            Self::OtherAccount { .. } => Answer::with_hint(
                Code::LoginRefused,
                "two people cannot have one name: have the provider state another name, or give up the account here",
            ),
            Self::Storage(error) => error.answer(),
        }
    }
}

impl Answered for AccountError {
    fn answer(&self) -> Answer {
        match self {
            Self::Denied(error) => error.answer(),
            Self::NotFound(error) => error.answer(),
            Self::InvalidState(error) => error.answer(),
            Self::Invalid(_) => Code::RequestInvalid.into(),
            Self::Login(error) => error.answer(),
            Self::Storage(error) => error.answer(),
        }
    }
}

impl Answered for EventError {
    fn answer(&self) -> Answer {
        match self {
            Self::Denied(error) => error.answer(),
            Self::Storage(error) => error.answer(),
        }
    }
}
