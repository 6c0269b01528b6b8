//! Private keys: what signs.

use std::fmt;

use kilter_domain::signing_key::KeyPurpose;
use ring::{
    rand::{SecureRandom, SystemRandom},
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair},
};

use crate::{Algorithm, KeyError, PublicKey, algorithm::kind_of, pem};

const LABEL: &str = "PRIVATE KEY";
/// PKCS#8 of an Ed25519 key without its public key (RFC 8410), before the 32 bytes of the seed: OpenSSL reads this form.
const ED25519_PKCS8: &[u8] = b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20";

/// A private key.
pub struct PrivateKey {
    pair: Pair,
    public: PublicKey,
}

enum Pair {
    P256(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

/// A key that was just made.
pub struct NewKey {
    /// The key.
    pub key: PrivateKey,
    /// PKCS#8 in PEM, for the file that keeps it.
    pub pem: String,
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("PrivateKey").field("public", &self.public).finish_non_exhaustive()
    }
}

impl PrivateKey {
    /// Makes a new key for a purpose.
    ///
    /// # Errors
    /// If the system has no random numbers.
    pub fn generate(purpose: KeyPurpose) -> Result<NewKey, KeyError> {
        let random = SystemRandom::new();
        let der = match purpose {
            KeyPurpose::Package => EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random)
                .map_err(|_| KeyError::NoRandomness)?
                .as_ref()
                .to_vec(),
            KeyPurpose::Checkpoint => {
                let mut seed = [0; 32];
                random.fill(&mut seed).map_err(|_| KeyError::NoRandomness)?;
                [ED25519_PKCS8, &seed].concat()
            }
        };
        let pem = pem::encode(&der, LABEL);
        Ok(NewKey { key: Self::from_pem(&pem, purpose)?, pem })
    }

    /// Reads a PKCS#8 document in PEM, as OpenSSL writes it.
    ///
    /// # Errors
    /// If the text is no such document, is encrypted, or the key is of a kind that the purpose does not use.
    pub fn from_pem(text: &str, purpose: KeyPurpose) -> Result<Self, KeyError> {
        let expected = Algorithm::of_purpose(purpose);
        let der = match pem::decode(text, LABEL) {
            Some(der) => der,
            None => return Err(refusal(text)),
        };
        if kind_of(&der) != expected.as_str() {
            return Err(KeyError::OtherKind { found: kind_of(&der), expected });
        }
        let damaged = |_| KeyError::Damaged { algorithm: expected };
        let (pair, public) = match purpose {
            KeyPurpose::Package => {
                let random = SystemRandom::new();
                let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &der, &random).map_err(damaged)?;
                let public = PublicKey::of_raw(expected, pair.public_key().as_ref());
                (Pair::P256(pair), public)
            }
            KeyPurpose::Checkpoint => {
                let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der).map_err(damaged)?;
                let public = PublicKey::of_raw(expected, pair.public_key().as_ref());
                (Pair::Ed25519(pair), public)
            }
        };
        Ok(Self { pair, public })
    }

    /// The public key that belongs to it.
    pub const fn public(&self) -> &PublicKey {
        &self.public
    }

    /// Signs `message`: ECDSA over its SHA-256 as DER, or Ed25519 (64 bytes).
    ///
    /// # Errors
    /// If the system has no random numbers.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        match &self.pair {
            Pair::P256(pair) => {
                let signed = pair.sign(&SystemRandom::new(), message).map_err(|_| KeyError::NoRandomness)?;
                Ok(signed.as_ref().to_vec())
            }
            Pair::Ed25519(pair) => Ok(pair.sign(message).as_ref().to_vec()),
        }
    }
}

/// Why a text has no PKCS#8 document.
fn refusal(text: &str) -> KeyError {
    let found: Vec<&str> = pem::labels(text).collect();
    let older = found.iter().find(|label| label.ends_with("PRIVATE KEY") && **label != LABEL);
    match older {
        Some(&"ENCRYPTED PRIVATE KEY") => KeyError::Encrypted,
        Some(label) => KeyError::OlderForm { label: (*label).to_owned() },
        None => KeyError::NotPem { expected: LABEL },
    }
}

#[cfg(test)]
mod tests;
