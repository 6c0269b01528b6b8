//! Receipts: one entry of the audit log, the proof that the log has it, and a signed checkpoint, in one JSON file that can be verified
//! anywhere. The proof is a C2SP tlog-proof (<https://c2sp.org/tlog-proof>), the leaf of which is the entry.
//!
//! Invariants: verification needs the receipt and the public key, and neither a data folder nor a network.

use std::fmt;

use kilter_domain::merkle::{self, Hash};
use kilter_store::audit::reason_hash;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    checkpoint::{Checkpoint, decode, encode},
    signed_note::{NoteError, SignedNote, VerifierKey},
};

/// What a receipt says of its form. Another form is refused.
pub const RECEIPT_FORMAT: &str = "kilter-receipt/1";
const PROOF_FORMAT: &str = "c2sp.org/tlog-proof@v1";
/// A tree of 2^64 leaves has proofs of so many hashes.
const MAX_HASHES: usize = 64;

/// An entry with the proof that the audit log has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// [`RECEIPT_FORMAT`].
    pub format: String,
    /// The canonical JSON of the entry, byte for byte as it was hashed.
    pub entry: String,
    /// The tlog-proof: the place of the entry, hashes, and the checkpoint.
    pub proof: String,
    /// The reason, where one was given and is not erased: the entry has its salted hash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<ReceiptReason>,
}

/// A reason with what its hash is made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReceiptReason {
    /// Hex.
    pub salt: String,
    /// The reason.
    pub text: String,
}

/// Why a receipt proves nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant says what it is")]
pub enum ReceiptError {
    #[error("its format is `{found}`; this program reads {RECEIPT_FORMAT}")]
    Format { found: String },
    #[error("its proof cannot be read: {0}")]
    Proof(&'static str),
    #[error("its checkpoint is not believed: {0}")]
    Checkpoint(#[from] NoteError),
    #[error(
        "the entry is not number {index} of the {size} entries of the checkpoint: entry, proof or checkpoint was changed"
    )]
    NotIncluded { index: u64, size: u64 },
    #[error("its entry is no audit entry")]
    Entry,
    #[error("its entry says number {seq}, and its proof is for number {index}")]
    OtherNumber { seq: u64, index: u64 },
    #[error("its reason is not the one that was given: the entry has another hash")]
    Reason,
}

/// What a receipt proves.
#[derive(Clone, Debug, PartialEq)]
pub struct Proven {
    /// The number of the entry.
    pub seq: u64,
    /// The entry.
    pub entry: Value,
    /// The checkpoint that covers it.
    pub checkpoint: Checkpoint,
    /// The name of the key that signed the checkpoint.
    pub signer: String,
    /// Whether the reason of the receipt is the one that was given; `None` where it has none.
    pub has_reason: bool,
}

impl Receipt {
    /// The log that it says it is of; `None` where that cannot be read.
    pub fn origin(&self) -> Option<String> {
        let proof = LogProof::parse(&self.proof).ok()?;
        proof.checkpoint.lines().next().map(str::to_owned)
    }

    /// What it proves to someone who trusts these keys.
    ///
    /// # Errors
    /// Which part of it does not hold.
    pub fn verify(&self, keys: &[VerifierKey]) -> Result<Proven, ReceiptError> {
        if self.format != RECEIPT_FORMAT {
            return Err(ReceiptError::Format { found: self.format.chars().take(80).collect() });
        }
        let proof = LogProof::parse(&self.proof)?;
        let note: SignedNote = proof.checkpoint.parse()?;
        let signer = note.verify(keys)?;
        let checkpoint: Checkpoint = note.text().parse()?;
        if checkpoint.origin != signer.name() {
            return Err(NoteError::NotSigned { signers: vec![signer.name().to_owned()] }.into());
        }
        let leaf = merkle::leaf_hash(self.entry.as_bytes());
        let (index, size) = (proof.index, checkpoint.size);
        if !merkle::is_included(&leaf, index, size, &proof.hashes, &checkpoint.root) {
            return Err(ReceiptError::NotIncluded { index: index.saturating_add(1), size });
        }
        let entry: Value = serde_json::from_str(&self.entry).map_err(|_| ReceiptError::Entry)?;
        let seq = entry.get("seq").and_then(Value::as_u64).ok_or(ReceiptError::Entry)?;
        if Some(index) != seq.checked_sub(1) {
            return Err(ReceiptError::OtherNumber { seq, index: index.saturating_add(1) });
        }
        if let Some(reason) = &self.reason {
            let salt = from_hex(&reason.salt).ok_or(ReceiptError::Reason)?;
            let hash = reason_hash(&salt, &reason.text);
            if entry.get("reason_hash").and_then(Value::as_str) != Some(hash.as_str()) {
                return Err(ReceiptError::Reason);
            }
        }
        let signer = signer.to_string();
        Ok(Proven { seq, entry, checkpoint, signer, has_reason: self.reason.is_some() })
    }
}

/// A tlog-proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LogProof {
    /// The place of the leaf, counted from 0.
    pub index: u64,
    /// From the sibling of the leaf up.
    pub hashes: Vec<Hash>,
    /// The signed note, as it is.
    pub checkpoint: String,
}

impl fmt::Display for LogProof {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "{PROOF_FORMAT}\nindex {}", self.index)?;
        self.hashes.iter().try_for_each(|hash| writeln!(out, "{}", encode(hash)))?;
        write!(out, "\n{}", self.checkpoint)
    }
}

impl LogProof {
    fn parse(text: &str) -> Result<Self, ReceiptError> {
        let (head, checkpoint) = text.split_once("\n\n").ok_or(ReceiptError::Proof("it has no checkpoint"))?;
        let mut lines = head.lines();
        if lines.next() != Some(PROOF_FORMAT) {
            return Err(ReceiptError::Proof("its first line is not `c2sp.org/tlog-proof@v1`"));
        }
        let mut line = lines.next();
        if line.is_some_and(|line| line.starts_with("extra ")) {
            line = lines.next();
        }
        let index = line.and_then(|line| line.strip_prefix("index ")).and_then(|number| {
            let parsed: Option<u64> = number.parse().ok();
            parsed.filter(|parsed| parsed.to_string() == number)
        });
        let index = index.ok_or(ReceiptError::Proof("it has no line `index NUMBER`"))?;
        let hashes: Option<Vec<Hash>> = lines.take(MAX_HASHES + 1).map(decode).collect();
        let hashes = hashes.ok_or(ReceiptError::Proof("a hash is not 32 bytes in base64"))?;
        if hashes.len() > MAX_HASHES {
            return Err(ReceiptError::Proof("it has more hashes than a tree can have levels"));
        }
        Ok(Self { index, hashes, checkpoint: checkpoint.to_owned() })
    }
}

/// Bytes as hex digits.
pub(crate) fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text.chars().map(|digit| digit.to_digit(16).map(|digit| digit as u8)).collect();
    let digits = digits.filter(|digits| digits.len() % 2 == 0 && digits.len() <= 128)?;
    Some(digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}
