//! Signing keys: what each is for, and whether what it signed is believed.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// What a key signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyPurpose {
    /// Packages, and statements about them.
    Package,
    /// Checkpoints of the audit log.
    Checkpoint,
}

impl KeyPurpose {
    /// Every purpose.
    pub const ALL: [Self; 2] = [Self::Package, Self::Checkpoint];

    /// `package` or `checkpoint`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Package => "package",
            Self::Checkpoint => "checkpoint",
        }
    }
}

impl fmt::Display for KeyPurpose {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

/// A text that is no purpose of a key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no purpose of a key: write package or checkpoint")]
pub struct InvalidKeyPurpose(pub String);

impl FromStr for KeyPurpose {
    type Err = InvalidKeyPurpose;

    fn from_str(text: &str) -> Result<Self, InvalidKeyPurpose> {
        let found = Self::ALL.into_iter().find(|purpose| purpose.as_str() == text);
        found.ok_or_else(|| InvalidKeyPurpose(text.chars().take(80).collect()))
    }
}

/// Whether a key signs, and whether what it signed is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyState {
    /// It signs.
    Active,
    /// Another key signs now; what this one signed is believed.
    Superseded,
    /// Nothing that it signed is believed.
    Revoked,
}

impl KeyState {
    /// `active`, `superseded` or `revoked`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Superseded => "superseded",
            Self::Revoked => "revoked",
        }
    }

    /// Whether what a key in this state signed is believed.
    pub const fn is_trusted(self) -> bool {
        !matches!(self, Self::Revoked)
    }
}
