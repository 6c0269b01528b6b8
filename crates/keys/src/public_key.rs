//! Public keys: what a signature is verified with.

use ring::{digest, signature};

use crate::{Algorithm, KeyError, algorithm::kind_of, pem};

const LABEL: &str = "PUBLIC KEY";

/// A public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    algorithm: Algorithm,
    raw: Vec<u8>,
}

impl PublicKey {
    /// Reads a SubjectPublicKeyInfo in PEM, as `openssl ec -pubout` and `openssl pkey -pubout` write it.
    ///
    /// # Errors
    /// If the text is no public key, or one of a kind that is not verified here.
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        let der = pem::decode(text, LABEL).ok_or(KeyError::NotPem { expected: LABEL })?;
        let fits = |algorithm: &Algorithm| der.starts_with(algorithm.prefix());
        let known = [Algorithm::P256, Algorithm::P384, Algorithm::Ed25519];
        let Some(algorithm) = known.into_iter().find(fits) else {
            return Err(KeyError::Unsupported { found: kind_of(&der) });
        };
        let raw = der[algorithm.prefix().len()..].to_vec();
        if raw.len() != algorithm.raw_length() {
            return Err(KeyError::Damaged { algorithm });
        }
        Ok(Self { algorithm, raw })
    }

    /// The Ed25519 key with these bytes (RFC 8032).
    pub fn ed25519(raw: [u8; 32]) -> Self {
        Self::of_raw(Algorithm::Ed25519, &raw)
    }

    pub(crate) fn of_raw(algorithm: Algorithm, raw: &[u8]) -> Self {
        Self { algorithm, raw: raw.to_vec() }
    }

    /// Its kind.
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The bytes without a frame: of Ed25519 the 32 bytes of RFC 8032, of a curve the uncompressed point.
    pub fn raw(&self) -> &[u8] {
        &self.raw
    }

    /// The key as PEM, the same text whoever wrote the key first.
    pub fn to_pem(&self) -> String {
        let mut der = self.algorithm.prefix().to_vec();
        der.extend_from_slice(&self.raw);
        pem::encode(&der, LABEL)
    }

    /// The id of the key: the SHA-256 of its PEM text in hex. It is the `hint` of an OpenSSF signature.
    pub fn id(&self) -> String {
        sha256(self.to_pem().as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Whether `signature` is this key's signature of `message`: ECDSA in DER, or Ed25519.
    pub fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        let algorithm: &dyn signature::VerificationAlgorithm = match self.algorithm {
            Algorithm::P256 => &signature::ECDSA_P256_SHA256_ASN1,
            Algorithm::P384 => &signature::ECDSA_P384_SHA384_ASN1,
            Algorithm::Ed25519 => &signature::ED25519,
        };
        signature::UnparsedPublicKey::new(algorithm, &self.raw).verify(message, signature).is_ok()
    }
}

/// The SHA-256 of `bytes`.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    hash
}
