//! Signed statements: in-toto statements (v1) in DSSE envelopes, kept as Sigstore bundles.
//!
//! Invariants: what is signed is `DSSEv1 LEN TYPE LEN PAYLOAD`, so a payload of another type is another message; a statement is
//! read only after its signature was verified.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use kilter_keys::{KeyError, PrivateKey, PublicKey};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The media type of a bundle.
pub const BUNDLE_TYPE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";
/// The type of a statement.
pub const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";
/// The largest bundle that is read.
pub const MAX_BUNDLE_BYTES: u64 = 64 << 20;

/// An in-toto statement (v1): something is claimed about its subjects.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Statement {
    /// [`STATEMENT_TYPE`].
    #[serde(rename = "_type")]
    pub kind: String,
    /// What the claim is about.
    pub subject: Vec<Subject>,
    /// What kind of claim it is.
    #[serde(rename = "predicateType")]
    pub predicate_type: String,
    /// The claim.
    pub predicate: Value,
}

/// What a claim is about, by its digests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// Its name.
    pub name: String,
    /// Its digests in hex, by algorithm: `sha256`, `blake3`.
    pub digest: BTreeMap<String, String>,
}

impl Statement {
    /// A claim about one subject.
    pub fn new(subject: Subject, predicate_type: &str, predicate: Value) -> Self {
        Self {
            kind: STATEMENT_TYPE.to_owned(),
            subject: vec![subject],
            predicate_type: predicate_type.to_owned(),
            predicate,
        }
    }
}

/// A signed statement, as OpenSSF Model Signing and Sigstore keep it in a file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Bundle {
    media_type: String,
    verification_material: VerificationMaterial,
    dsse_envelope: Envelope,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct VerificationMaterial {
    public_key: Hint,
    #[serde(default)]
    tlog_entries: Vec<Value>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Hint {
    hint: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope {
    payload: String,
    payload_type: String,
    signatures: Vec<EnvelopeSignature>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct EnvelopeSignature {
    sig: String,
    #[serde(default)]
    keyid: String,
}

/// Why a signed statement is not believed.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant says what it is")]
pub enum SignatureError {
    #[error("the signature is no bundle of a public key (Sigstore bundle v0.3)")]
    NotABundle(#[source] serde_json::Error),
    #[error("the signature is a bundle of the type `{found}`; this version of Kilter reads `{BUNDLE_TYPE}`")]
    OtherFormat { found: String },
    #[error("the signature was made with the key {}, not with {}", short(hint), short(key))]
    OtherKey { hint: String, key: String },
    #[error("the signature does not verify with the key {}: statement or signature was changed", short(key))]
    Forged { key: String },
    #[error("the signed statement cannot be read: {reason}")]
    Statement { reason: String },
    #[error(transparent)]
    Key(#[from] KeyError),
}

fn short(id: &str) -> &str {
    id.get(..12).unwrap_or(id)
}

/// What a DSSE signature signs.
fn pre_authentication_encoding(payload: &[u8]) -> Vec<u8> {
    let head = format!("DSSEv1 {} {PAYLOAD_TYPE} {} ", PAYLOAD_TYPE.len(), payload.len());
    [head.as_bytes(), payload].concat()
}

impl Bundle {
    /// Signs a statement.
    ///
    /// # Errors
    /// If the system has no random numbers.
    pub fn sign(statement: &Statement, key: &PrivateKey) -> Result<Self, SignatureError> {
        let payload =
            serde_json::to_vec(statement).map_err(|error| SignatureError::Statement { reason: error.to_string() })?;
        let signature = key.sign(&pre_authentication_encoding(&payload))?;
        Ok(Self {
            media_type: BUNDLE_TYPE.to_owned(),
            verification_material: VerificationMaterial {
                public_key: Hint { hint: key.public().id() },
                tlog_entries: Vec::new(),
            },
            dsse_envelope: Envelope {
                payload: STANDARD.encode(payload),
                payload_type: PAYLOAD_TYPE.to_owned(),
                signatures: vec![EnvelopeSignature { sig: STANDARD.encode(signature), keyid: String::new() }],
            },
        })
    }

    /// Reads a bundle; nothing of it is believed yet.
    ///
    /// # Errors
    /// If the text is no bundle, or one of another type.
    pub fn parse(text: &[u8]) -> Result<Self, SignatureError> {
        let found: Self = serde_json::from_slice(text).map_err(SignatureError::NotABundle)?;
        let envelope = &found.dsse_envelope;
        let other = [(&found.media_type, BUNDLE_TYPE), (&envelope.payload_type, PAYLOAD_TYPE)];
        let foreign = other.iter().find(|(found, known)| found != known).map(|(found, _)| (*found).clone());
        match foreign {
            Some(foreign) => Err(SignatureError::OtherFormat { found: foreign.chars().take(200).collect() }),
            None => Ok(found),
        }
    }

    /// The bundle as the text of a file.
    pub fn to_json(&self) -> String {
        // Texts alone: writing them cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The id of the key that it claims to be signed with.
    pub fn key_id(&self) -> &str {
        &self.verification_material.public_key.hint
    }

    /// The statement, if `key` signed it.
    ///
    /// # Errors
    /// If another key is named, no signature verifies, or what was signed is no statement.
    pub fn statement(&self, key: &PublicKey) -> Result<Statement, SignatureError> {
        let id = key.id();
        if self.key_id() != id {
            return Err(SignatureError::OtherKey { hint: self.key_id().chars().take(200).collect(), key: id });
        }
        let wrong = |reason: String| SignatureError::Statement { reason };
        let envelope = &self.dsse_envelope;
        let payload = STANDARD.decode(&envelope.payload).map_err(|error| wrong(error.to_string()))?;
        let message = pre_authentication_encoding(&payload);
        let has_signed = |signature: &EnvelopeSignature| {
            STANDARD.decode(&signature.sig).is_ok_and(|signature| key.has_signed(&message, &signature))
        };
        if !envelope.signatures.iter().any(has_signed) {
            return Err(SignatureError::Forged { key: id });
        }
        let statement: Statement = serde_json::from_slice(&payload).map_err(|error| wrong(error.to_string()))?;
        if statement.kind != STATEMENT_TYPE {
            return Err(wrong(format!("its type is `{}`", statement.kind)));
        }
        Ok(statement)
    }
}
