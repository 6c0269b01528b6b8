//! Signing keys: the public ones.

use kilter_domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::words::{KeyPurpose, KeyState};

/// A public key of the platform.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SigningKey {
    /// The SHA-256 of its PEM text in hex: the `hint` of an OpenSSF signature.
    pub id: String,
    /// What it signs.
    pub purpose: KeyPurpose,
    /// Whether it signs, and whether what it signed is believed.
    pub state: KeyState,
    /// When it was registered.
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
    /// When it stopped signing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended: Option<Timestamp>,
    /// The public key as PEM.
    pub public_key: String,
}

/// The body of `POST /api/v1/keys/rotate`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RotateKey {
    /// What the new key signs.
    pub purpose: KeyPurpose,
    /// Why, for the audit log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}
