//! The kinds of keys, and how a key says in DER which kind it is.

use kilter_domain::signing_key::KeyPurpose;

/// The kind of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// ECDSA on P-256 with SHA-256: packages.
    P256,
    /// ECDSA on P-384 with SHA-384: only verified, never made.
    P384,
    /// Ed25519: checkpoints.
    Ed25519,
}

impl Algorithm {
    /// What a purpose signs with.
    pub const fn of_purpose(purpose: KeyPurpose) -> Self {
        match purpose {
            KeyPurpose::Package => Self::P256,
            KeyPurpose::Checkpoint => Self::Ed25519,
        }
    }

    /// As people call it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::P256 => "ECDSA P-256",
            Self::P384 => "ECDSA P-384",
            Self::Ed25519 => "Ed25519",
        }
    }

    /// The DER of a public key (SubjectPublicKeyInfo) before its raw bytes.
    pub(crate) const fn prefix(self) -> &'static [u8] {
        match self {
            Self::P256 => {
                b"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00"
            }
            Self::P384 => {
                b"\x30\x76\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x22\x03\x62\x00"
            }
            Self::Ed25519 => b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00",
        }
    }

    /// The number of raw bytes of a public key.
    pub(crate) const fn raw_length(self) -> usize {
        match self {
            Self::P256 => 65,
            Self::P384 => 97,
            Self::Ed25519 => 32,
        }
    }
}

/// Object identifiers as DER has them, with the name of the kind. Those of curves stand before that of RSA.
const KINDS: &[(&[u8], &str)] = &[
    (b"\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07", "ECDSA P-256"),
    (b"\x06\x05\x2b\x81\x04\x00\x22", "ECDSA P-384"),
    (b"\x06\x05\x2b\x81\x04\x00\x23", "ECDSA P-521"),
    (b"\x06\x05\x2b\x81\x04\x00\x0a", "ECDSA secp256k1"),
    (b"\x06\x03\x2b\x65\x70", "Ed25519"),
    (b"\x06\x03\x2b\x65\x71", "Ed448"),
    (b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01", "RSA"),
];

/// What kind of key a DER document holds, by the identifier near its beginning.
pub(crate) fn kind_of(der: &[u8]) -> &'static str {
    let head = &der[..der.len().min(48)];
    let has = |id: &[u8]| head.windows(id.len()).any(|window| window == id);
    KINDS.iter().find(|(id, _)| has(id)).map_or("of an unknown kind", |(_, name)| name)
}
