//! Signing keys: read from PEM, made, used to sign, and used to verify.
//!
//! Invariants: a private key leaves this crate only as the PEM text of the call that made it; it is in no message and in no
//! `Debug` output. A key of a kind that its purpose does not use is an error that names both kinds.
//!
//! Out of scope: where keys are kept and which of them are trusted (`app`).

#![deny(missing_docs, clippy::missing_errors_doc)]

mod algorithm;
mod error;
mod pem;
mod private_key;
mod public_key;

pub use algorithm::Algorithm;
pub use error::KeyError;
pub use private_key::{NewKey, PrivateKey};
pub use public_key::{PublicKey, sha256};
