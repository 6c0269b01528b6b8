//! The salted hash of a reason. The hashes of the tree are those of [`kilter_domain::merkle`].

use sha2::{Digest, Sha256};

/// Hex SHA-256 of salt and reason: shows that a text is the one that was given, and cannot be guessed back once the
/// salt is erased.
pub fn reason(salt: &[u8], reason: &str) -> String {
    let hash = Sha256::new().chain_update(salt).chain_update(reason.as_bytes()).finalize();
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_hashes_by_its_salt() {
        assert_ne!(reason(&[0; 16], "reason"), reason(&[1; 16], "reason"));
        assert_eq!(reason(&[], ""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }
}
