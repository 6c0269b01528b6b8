//! Signed notes and verifier keys, as C2SP signed-note has them, with Ed25519.
//!
//! Invariants: what is signed is the text with its last newline; a note is believed if a key that the caller trusts has signed it, and not
//! if one of these keys is named with a signature that is not its own. Signatures of other keys are left alone.
//! Source: <https://c2sp.org/signed-note>.

use std::{fmt, str::FromStr};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use kilter_keys::{Algorithm, KeyError, PrivateKey, PublicKey, sha256};

/// The byte that says Ed25519 in the id of a key and in a verifier key.
const ED25519: u8 = 1;
/// What a signature line begins with.
const DASH: &str = "\u{2014} ";
/// A note has at most so many signatures: the standard asks for 16.
const MAX_SIGNATURES: usize = 64;

/// Why a text is no note, or is not believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant says what it is")]
pub enum NoteError {
    #[error("it is no signed note: {0}")]
    NotANote(&'static str),
    #[error("none of the keys that are believed has signed it (signed by {})", .signers.join(", "))]
    NotSigned { signers: Vec<String> },
    #[error("the signature of `{signer}` is not of this text: the text, or the signature, was changed")]
    WrongSignature { signer: String },
    #[error("`{text}` is no verifier key: write NAME+ID+KEY as `kilter audit checkpoint` shows it")]
    NotAKey { text: String },
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// A public key with the name that it signs under.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    key: PublicKey,
}

impl VerifierKey {
    /// # Errors
    /// If the name cannot stand in a signature line, or the key is not Ed25519.
    pub fn new(name: &str, key: PublicKey) -> Result<Self, NoteError> {
        if !is_name(name) || key.algorithm() != Algorithm::Ed25519 {
            return Err(NoteError::NotAKey { text: name.to_owned() });
        }
        Ok(Self { name: name.to_owned(), key })
    }

    /// Reads a verifier key, or a public key in PEM, which has no name: it signs under `name`.
    ///
    /// # Errors
    /// If the text is neither, or the key is not Ed25519.
    pub fn read(text: &str, name: Option<&str>) -> Result<Self, NoteError> {
        match name {
            Some(name) if text.contains("-----BEGIN") => Self::new(name, PublicKey::from_pem(text)?),
            _ => text.parse(),
        }
    }

    /// The name that it signs under.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The first four bytes of SHA-256(name ‖ newline ‖ 1 ‖ key).
    pub fn id(&self) -> [u8; 4] {
        let hash = sha256(&[self.name.as_bytes(), b"\n", &[ED25519], self.key.raw()].concat());
        [hash[0], hash[1], hash[2], hash[3]]
    }

    /// How its signature lines are called: `name+id`.
    fn signer(&self) -> String {
        signer(&self.name, self.id())
    }
}

fn signer(name: &str, id: [u8; 4]) -> String {
    format!("{name}+{:08x}", u32::from_be_bytes(id))
}

/// As C2SP writes it: `name+id+base64(1 ‖ key)`.
impl fmt::Display for VerifierKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}+{}", self.signer(), STANDARD.encode([&[ED25519], self.key.raw()].concat()))
    }
}

impl FromStr for VerifierKey {
    type Err = NoteError;

    fn from_str(text: &str) -> Result<Self, NoteError> {
        let wrong = || NoteError::NotAKey { text: text.chars().take(200).collect() };
        let mut parts = text.trim().splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else { return Err(wrong()) };
        let bytes = STANDARD.decode(key).map_err(|_| wrong())?;
        let raw: [u8; 32] = bytes.strip_prefix(&[ED25519]).and_then(|raw| raw.try_into().ok()).ok_or_else(wrong)?;
        let key = Self::new(name, PublicKey::ed25519(raw))?;
        if key.signer() == format!("{name}+{id}") { Ok(key) } else { Err(wrong()) }
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.contains('+') && !name.chars().any(|letter| letter.is_whitespace() || letter.is_control())
}

/// A text with its signatures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedNote {
    text: String,
    signatures: Vec<NoteSignature>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct NoteSignature {
    name: String,
    id: [u8; 4],
    bytes: Vec<u8>,
}

impl SignedNote {
    /// `text`, which ends in a newline, signed by `key` under `name`.
    ///
    /// # Errors
    /// If the name cannot stand in a signature line, or the key cannot sign.
    pub fn sign(text: &str, name: &str, key: &PrivateKey) -> Result<Self, NoteError> {
        let verifier = VerifierKey::new(name, key.public().clone())?;
        let signature = NoteSignature { name: name.to_owned(), id: verifier.id(), bytes: key.sign(text.as_bytes())? };
        Ok(Self { text: text.to_owned(), signatures: vec![signature] })
    }

    /// What is signed.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The key that signed it, of those that are believed.
    ///
    /// # Errors
    /// If none of them did, or a signature in the name of one of them is wrong.
    pub fn verify<'k>(&self, keys: &'k [VerifierKey]) -> Result<&'k VerifierKey, NoteError> {
        let mut believed = None;
        for signature in &self.signatures {
            let by = keys.iter().find(|key| key.name == signature.name && key.id() == signature.id);
            let Some(key) = by else { continue };
            if !key.key.has_signed(self.text.as_bytes(), &signature.bytes) {
                return Err(NoteError::WrongSignature { signer: key.signer() });
            }
            believed = believed.or(Some(key));
        }
        let signers = || self.signatures.iter().map(|one| signer(&one.name, one.id)).collect();
        believed.ok_or_else(|| NoteError::NotSigned { signers: signers() })
    }
}

impl fmt::Display for SignedNote {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "{}", self.text)?;
        self.signatures.iter().try_for_each(|signature| {
            let bytes = STANDARD.encode([signature.id.as_slice(), &signature.bytes].concat());
            writeln!(out, "{DASH}{} {bytes}", signature.name)
        })
    }
}

impl FromStr for SignedNote {
    type Err = NoteError;

    fn from_str(note: &str) -> Result<Self, NoteError> {
        if note.chars().any(|letter| letter.is_ascii_control() && letter != '\n') {
            return Err(NoteError::NotANote("it has control characters"));
        }
        let split = note.rfind("\n\n").ok_or(NoteError::NotANote("it has no signatures after an empty line"))?;
        let (text, lines) = (&note[..=split], &note[split + 2..]);
        if !lines.ends_with('\n') {
            return Err(NoteError::NotANote("its last line has no end"));
        }
        let signatures = lines.lines().take(MAX_SIGNATURES).map(signature).collect::<Option<Vec<_>>>();
        match signatures {
            Some(signatures) if !signatures.is_empty() => Ok(Self { text: text.to_owned(), signatures }),
            _ => Err(NoteError::NotANote("a line after the empty one is no signature")),
        }
    }
}

fn signature(line: &str) -> Option<NoteSignature> {
    let (name, bytes) = line.strip_prefix(DASH)?.split_once(' ')?;
    let bytes = STANDARD.decode(bytes).ok()?;
    let (id, bytes) = bytes.split_first_chunk::<4>()?;
    is_name(name).then(|| NoteSignature { name: name.to_owned(), id: *id, bytes: bytes.to_vec() })
}

/// The notes of a text that has several of them, one behind the other, with empty lines between.
///
/// # Errors
/// If something in it is no signed note.
pub fn parse_notes(text: &str) -> Result<Vec<SignedNote>, NoteError> {
    let mut notes = Vec::new();
    let (mut note, mut has_signature) = (String::new(), false);
    for line in text.lines() {
        let is_signature = line.starts_with(DASH);
        if has_signature && !is_signature {
            notes.push(std::mem::take(&mut note).parse()?);
            has_signature = false;
        }
        if !(note.is_empty() && line.is_empty()) {
            note.push_str(line);
            note.push('\n');
        }
        has_signature |= is_signature;
    }
    if !note.is_empty() {
        notes.push(note.parse()?);
    }
    Ok(notes)
}

#[cfg(test)]
mod tests {
    use kilter_domain::signing_key::KeyPurpose;

    use super::*;

    /// The key and the note of the standard.
    const KEY: &str = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";

    fn key() -> PrivateKey {
        PrivateKey::generate(KeyPurpose::Checkpoint).unwrap().key
    }

    fn verifier(name: &str, key: &PrivateKey) -> VerifierKey {
        VerifierKey::new(name, key.public().clone()).unwrap()
    }

    #[test]
    fn a_verifier_key_is_read_and_written_as_the_standard_has_it() {
        let key: VerifierKey = KEY.parse().unwrap();
        assert_eq!(
            (key.name(), key.id(), key.to_string().as_str()),
            ("example.com/foo", [0x53, 0x0d, 0x90, 0x3a], KEY)
        );
        for wrong in ["", "a+b", "a b+530d903a+AekyeRrm", &KEY.replace("530d", "530e"), &KEY.replace("Aeky", "Aekz")] {
            assert!(wrong.parse::<VerifierKey>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_signed_is_read_again_and_believed_by_its_key_alone() {
        let (ours, other) = (key(), key());
        let note = SignedNote::sign("kilter/1\n7\nabc\n", "kilter/1", &ours).unwrap();
        let read: SignedNote = note.to_string().parse().unwrap();
        assert_eq!(read, note);
        let keys = [verifier("kilter/1", &other), verifier("kilter/1", &ours)];
        assert_eq!(read.verify(&keys), Ok(&keys[1]));
        assert!(matches!(read.verify(&keys[..1]), Err(NoteError::NotSigned { .. })));
        assert!(matches!(read.verify(&[verifier("another", &ours)]), Err(NoteError::NotSigned { .. })));
        let changed: SignedNote = note.to_string().replace("\n7\n", "\n8\n").parse().unwrap();
        assert!(matches!(changed.verify(&keys), Err(NoteError::WrongSignature { .. })));
    }

    #[test]
    fn what_is_no_note_is_refused_and_several_are_read_in_their_order() {
        for wrong in [
            "",
            "text\n",
            "text\n\n",
            "text\n\n\u{2014} name\n",
            "text\n\n\u{2014} name !!\n",
            "a\tb\n\n\u{2014} n AAAAAA==\n",
        ] {
            assert!(wrong.parse::<SignedNote>().is_err(), "{wrong:?}");
        }
        let key = key();
        let notes: Vec<SignedNote> =
            ["a\n", "b\n\nc\n"].iter().map(|text| SignedNote::sign(text, "n", &key).unwrap()).collect();
        let joined = format!("{}\n\n{}", notes[0], notes[1]);
        assert_eq!(parse_notes(&joined).unwrap(), notes);
        assert_eq!(parse_notes("\n").unwrap(), []);
        assert!(parse_notes(&format!("{joined}torn")).is_err());
    }
}
