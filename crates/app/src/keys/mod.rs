//! The keys of the platform: made on first use or given by the operator, registered, rotated, revoked.
//!
//! Invariants: a private key is in one file that only its owner may read, or where the operator put it; it is in no message, no
//! table and no backup. A public key is registered before anything is signed with it. What an earlier key signed is believed until
//! that key is revoked.
//!
//! Out of scope: what is signed (`model`, and whoever writes checkpoints).

mod error;
mod key_file;
mod registry;

pub use error::SigningKeyError;
pub(crate) use registry::existing_key;
pub use registry::{find_key, find_trusted_key, list_keys, revoke_key, rotate_key, signing_key, trusted_key};
