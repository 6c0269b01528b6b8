//! OpenID Connect: who someone is, by the word of a provider.
//!
//! Invariants: a token is believed only when a key of the provider signed it, it was made for this platform, and it is valid now; an
//! algorithm is chosen by the key, never by the token alone; what the provider answers is bounded in size and time. Keys are asked for again
//! after ten minutes and when a token names an unknown one, so a key that the provider has withdrawn is not believed for longer. Out of scope: sessions
//! (the platform has tokens of its own), and what someone may do.

pub(crate) mod claims;
pub(crate) mod jwt;
pub(crate) mod provider;

pub use provider::ProviderOptions;
