//! Who someone is: accounts, passwords, tokens, and how a request proves who sent it.
//!
//! Invariants: as soon as there is one account, a name alone proves nothing; a secret is stored as a hash, and shown once to its
//! owner; a token never allows more than its owner may, nor more than the token that made it. Out of scope: who may do what
//! ([`crate::authz`]), HTTP, and the protocol of a provider.

mod accounts;
mod authenticate;
mod error;
mod login;
mod password;
mod secret;
mod tokens;

pub use accounts::{AccountChange, NewAccount, change_account, create_account, list_accounts, set_password};
pub(crate) use authenticate::load_identities;
pub use authenticate::{authenticate, by_folder, is_required, local_context, note_uses, use_provider};
pub use error::{AccountError, AuthenticateError, LoginError};
pub use login::{
    ProvenByProvider, Session, authenticate_by_password, by_provider, end_session, log_in, log_in_by_provider,
    record_failed_login,
};
pub use secret::PREFIX as TOKEN_PREFIX;
pub(crate) use secret::fill as fill_random;
pub use tokens::{TokenRequest, create_token, list_tokens, revoke_token};
