//! OpenID Connect: who someone is, by the word of a provider.
//!
//! Invariants: a token is believed only when a key of the provider signed it, it was made for this platform, and it is valid now; an
//! algorithm is chosen by the key, never by the token alone; what the provider answers is bounded in size and time. Keys are read again
//! after ten minutes and when a token names an unknown one, and tokens are verified again by them, so a key that the provider has withdrawn is
//! not believed for longer while the provider can be reached (see `verified`). Out of scope: sessions (the platform has tokens of its own),
//! and what someone may do.

pub(crate) mod claims;
pub(crate) mod error;
mod http;
pub(crate) mod jwt;
pub(crate) mod provider;
mod published;
mod verified;

pub use provider::ProviderOptions;
