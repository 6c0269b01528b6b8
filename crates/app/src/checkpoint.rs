//! Checkpoints of the audit log as C2SP tlog-checkpoint has them: origin, size and root, signed.
//! Source: <https://c2sp.org/tlog-checkpoint>.

use std::{fmt, str::FromStr};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use kilter_domain::merkle::Hash;

use crate::signed_note::NoteError;

/// The head of an audit log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log it is of.
    pub origin: String,
    /// How many entries it covers.
    pub size: u64,
    /// The root of the Merkle tree over them.
    pub root: Hash,
}

/// The text that is signed.
impl fmt::Display for Checkpoint {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}\n{}\n{}\n", self.origin, self.size, STANDARD.encode(self.root))
    }
}

impl FromStr for Checkpoint {
    type Err = NoteError;

    fn from_str(text: &str) -> Result<Self, NoteError> {
        let mut lines = text.lines();
        let (Some(origin), Some(size), Some(root)) = (lines.next(), lines.next(), lines.next()) else {
            return Err(NoteError::NotANote("a checkpoint has the lines origin, size and root"));
        };
        if origin.is_empty() || lines.any(str::is_empty) || !text.ends_with('\n') {
            return Err(NoteError::NotANote("a checkpoint has no empty lines"));
        }
        let number = size.parse().ok().filter(|number: &u64| number.to_string() == size);
        let number = number.ok_or(NoteError::NotANote("the size of a checkpoint is a whole number"))?;
        let hash = decode(root).ok_or(NoteError::NotANote("the root of a checkpoint is 32 bytes in base64"))?;
        Ok(Self { origin: origin.to_owned(), size: number, root: hash })
    }
}

/// A hash as proofs and checkpoints write it.
pub fn encode(hash: &Hash) -> String {
    STANDARD.encode(hash)
}

/// A hash as proofs and checkpoints write it; `None` for anything else.
pub(crate) fn decode(text: &str) -> Option<Hash> {
    STANDARD.decode(text).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_is_written_and_read_as_the_standard_has_it() {
        let text = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
        let read: Checkpoint = text.parse().unwrap();
        assert_eq!((read.size, read.to_string().as_str()), (20_852_163, text));
        assert_eq!(format!("{text}extension\n").parse::<Checkpoint>().unwrap(), read);
        for wrong in [
            text.replace("20852163", "020852163"),
            text.replace("20852163", "-1"),
            text.replace("20852163", "1e3"),
            text.replace("CsUY", "CsU"),
            text.replace("example.com/behind-the-sofa", ""),
            text.trim_end().to_owned(),
            format!("{text}\n"),
        ] {
            assert!(wrong.parse::<Checkpoint>().is_err(), "{wrong:?}");
        }
    }
}
