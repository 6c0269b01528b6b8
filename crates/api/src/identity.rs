//! Who someone is: accounts, logins, tokens.

use std::fmt;

use kilter_domain::{
    actor::Actor,
    identity::TokenScope,
    time::{Span, Timestamp},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A text that no log and no message shows.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = String, format = Password)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Secret(…)")
    }
}

/// An account that is wanted (`POST /api/v1/accounts`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAccount {
    /// `user:NAME` or `svc:NAME`.
    #[schema(value_type = String, example = "user:ana")]
    pub actor: Actor,
    /// The password of a person, 12 characters at least; absent: they come in by tokens alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<Secret>,
    /// The groups that it is a member of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
    /// Whether it administers the platform: accounts, tokens of services, where events are sent.
    #[serde(default)]
    pub admin: bool,
    /// The person who answers for a service; absent: who makes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub owner: Option<Actor>,
}

/// What is wanted of an account otherwise (`POST /api/v1/accounts/{account}`); what is absent stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeAccount {
    /// All groups that it is a member of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub groups: Option<Vec<String>>,
    /// Whether it administers the platform.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub admin: Option<bool>,
    /// Whether it is kept out; its tokens do nothing meanwhile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled: Option<bool>,
}

/// A new password (`POST /api/v1/accounts/{account}/password`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangePassword {
    /// The one before, if whoever asks changes their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current: Option<Secret>,
    /// The new one, 12 characters at least.
    pub password: Secret,
}

/// Someone who may come in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Account {
    /// `user:NAME` or `svc:NAME`.
    #[schema(value_type = String)]
    pub actor: Actor,
    /// The person who answers for a service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub owner: Option<Actor>,
    /// The groups that it is a member of.
    pub groups: Vec<String>,
    /// Whether it administers the platform.
    pub admin: bool,
    /// The OpenID provider that proves who it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created: Timestamp,
    /// When it was disabled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub disabled: Option<Timestamp>,
}

/// Every account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Accounts {
    /// By name.
    pub accounts: Vec<Account>,
}

/// A name and its password (`POST /api/v1/login`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Login {
    /// `user:NAME`.
    #[schema(value_type = String)]
    pub actor: Actor,
    /// The password.
    pub password: Secret,
}

/// Someone who is let in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Session {
    /// Who it is.
    #[schema(value_type = String)]
    pub actor: Actor,
    /// What proves it from now on, as `Authorization: Bearer TOKEN`.
    pub token: Secret,
    /// When the token ends.
    #[schema(value_type = String, format = DateTime)]
    pub expires: Timestamp,
}

/// Begins a login by the OpenID provider (`POST /api/v1/login/provider`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BeginProviderLogin {
    /// Where the provider sends the browser back to: a program on the machine of the person, `http://127.0.0.1:PORT/…`, or the page
    /// `/sign-in` of this server.
    pub redirect_uri: String,
}

/// A login that begins. What is in it belongs to whoever began it, and is sent back with the code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProviderLogin {
    /// Where the person goes with a browser.
    pub url: String,
    /// What comes back beside the code as `state`, unchanged.
    pub returned: String,
    /// What the token of the provider must have in it.
    pub nonce: Secret,
    /// What proves that the code comes from whoever began (PKCE).
    pub verifier: Secret,
}

/// Ends a login by the OpenID provider (`POST /api/v1/login/provider/finish`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FinishProviderLogin {
    /// The code that the provider gave to the browser.
    pub code: Secret,
    /// As when it began.
    pub redirect_uri: String,
    /// As it was given.
    pub nonce: Secret,
    /// As it was given.
    pub verifier: Secret,
}

/// How people sign in here (`GET /api/v1/login/options`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LoginOptions {
    /// Whether who acts has to be proven. If not, a name is enough.
    pub required: bool,
    /// Whether a token can be shown.
    pub token: bool,
    /// Whether a name and a password can be.
    pub password: bool,
    /// The address of the OpenID provider, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
}

/// Begins a session of a browser (`POST /api/v1/session`), in one of the ways of [`LoginOptions`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum NewSession {
    /// By a token of an account or of the server. The session may what the token may, and ends with it.
    Token(Secret),
    /// By name and password.
    Password(Login),
    /// By the code that the OpenID provider gave.
    Provider(FinishProviderLogin),
}

/// A session of a browser. What proves it is a cookie that no script can read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BrowserSession {
    /// Who it is.
    #[schema(value_type = String)]
    pub actor: Actor,
    /// When it ends; absent: with the token that was shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires: Option<Timestamp>,
    /// What requests that act carry beside the cookie, as `x-kilter-csrf`.
    pub csrf: String,
}

/// A token that is wanted (`POST /api/v1/tokens`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewToken {
    /// Whose it is; absent: of whoever asks. Others may be services that they answer for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub actor: Option<Actor>,
    /// Its name, for lists.
    pub name: String,
    /// What it may be used for, within the rights of its owner.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub scope: TokenScope,
    /// For how long it is valid, 366 days at most; absent: 90 days, or until the token ends that makes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub valid: Option<Span>,
}

/// A token, without its text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TokenInfo {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Whose it is.
    #[schema(value_type = String)]
    pub actor: Actor,
    /// What it may be used for.
    #[schema(value_type = Object)]
    pub scope: TokenScope,
    /// Whether a login made it.
    pub session: bool,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created: Timestamp,
    /// When it was used last, to the minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_used: Option<Timestamp>,
    /// When it ends by itself.
    #[schema(value_type = String, format = DateTime)]
    pub expires: Timestamp,
    /// When it was revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub revoked: Option<Timestamp>,
}

/// Tokens, newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Tokens {
    /// Newest first.
    pub tokens: Vec<TokenInfo>,
}

/// A token that was made. Its text is not stored, and cannot be had again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TokenCreated {
    /// What is stored.
    pub info: TokenInfo,
    /// What proves who asks, as `Authorization: Bearer TOKEN`.
    pub token: Secret,
}

/// Who asks, and by what that is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WhoAmI {
    /// Who it is.
    #[schema(value_type = String)]
    pub actor: Actor,
    /// The person who answers for a service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub on_behalf: Option<Actor>,
    /// The groups that they are a member of.
    pub groups: Vec<String>,
    /// Whether they administer the platform.
    pub admin: bool,
    /// What the token may be used for.
    #[schema(value_type = Object)]
    pub scope: TokenScope,
    /// Whether that was proven; if not, it is what the caller says.
    pub proven: bool,
    /// Where a cookie proved it: what requests that act carry beside it, as `x-kilter-csrf`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub csrf: Option<String>,
}
