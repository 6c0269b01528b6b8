//! Why a key cannot be used.

use crate::Algorithm;

/// Why a key cannot be used. No message has a part of a key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant says what it is")]
pub enum KeyError {
    #[error("the text is not a PEM document of the kind `{expected}`")]
    NotPem { expected: &'static str },
    #[error(
        "the private key is in the older form `{label}`; rewrite it with `openssl pkcs8 -topk8 -nocrypt -in KEY -out KEY.pem`"
    )]
    OlderForm { label: String },
    #[error("the private key is encrypted; decrypt it with `openssl pkcs8 -topk8 -nocrypt -in KEY -out KEY.pem`")]
    Encrypted,
    #[error("the key is {found}; this purpose needs {}", expected.as_str())]
    OtherKind { found: &'static str, expected: Algorithm },
    #[error("the key is {found}; a public key here is ECDSA P-256, ECDSA P-384 or Ed25519")]
    Unsupported { found: &'static str },
    #[error("the {} key is damaged: it does not decode", algorithm.as_str())]
    Damaged { algorithm: Algorithm },
    #[error("the system has no random numbers")]
    NoRandomness,
}
