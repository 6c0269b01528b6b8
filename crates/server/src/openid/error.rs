//! Why the word of the provider is not had, or not believed.

use kilter_api::Code;

use super::{claims::ClaimError, jwt::JwtError};
use crate::error::{Answer, Answered};

/// Why the word of the provider is not had, or not believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ProviderError {
    #[error("the OpenID provider {issuer} cannot be asked: {reason}")]
    Unavailable { issuer: String, reason: String },
    #[error("the OpenID provider refused the login: {0}")]
    Refused(String),
    #[error("the token of the OpenID provider is not believed: {0}")]
    Jwt(JwtError),
    #[error("the token of the OpenID provider is not believed: {0}")]
    Claim(ClaimError),
    #[error("this is no token of Kilter, and cannot be one of the OpenID provider: {0}")]
    NoToken(&'static str),
    #[error("the OpenID provider does not know the token, or it is over")]
    Inactive,
    #[error("tokens of an OpenID provider are not taken here: the server was started without --oidc-audience")]
    NoAudience,
}

impl ProviderError {
    /// What is wrong, in words of this platform alone: nothing of a token or of the provider is part of it.
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Unavailable { .. } => "provider away",
            Self::Refused(_) => "provider refused",
            Self::Jwt(error) => error.kind(),
            Self::Claim(error) => error.kind(),
            Self::NoToken(why) => why,
            Self::Inactive => "provider does not know it",
            Self::NoAudience => "no audience",
        }
    }
}

// The message has the reason already: it is no cause that is said once more.
impl From<JwtError> for ProviderError {
    fn from(error: JwtError) -> Self {
        Self::Jwt(error)
    }
}

impl From<ClaimError> for ProviderError {
    fn from(error: ClaimError) -> Self {
        Self::Claim(error)
    }
}

impl Answered for ProviderError {
    fn answer(&self) -> Answer {
        match self {
            Self::Unavailable { .. } => Code::ProviderUnavailable.into(),
            Self::Refused(_) => Code::LoginRefused.into(),
            Self::Jwt(_) | Self::Claim(_) | Self::NoToken(_) | Self::Inactive | Self::NoAudience => {
                Code::TokenInvalid.into()
            }
        }
    }
}
