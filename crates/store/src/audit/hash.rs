//! The hashes of the audit log: the leaf of an entry, and the salted hash of its reason.

use sha2::{Digest, Sha256};

/// The leaf of an RFC 6962 tree.
pub(super) fn leaf(body: &[u8]) -> [u8; 32] {
    Sha256::new().chain_update([0]).chain_update(body).finalize().into()
}

/// Hex SHA-256 of salt and reason: shows that a text is the one that was given, and cannot be guessed back once the
/// salt is erased.
pub(super) fn reason(salt: &[u8], reason: &str) -> String {
    let hash = Sha256::new().chain_update(salt).chain_update(reason.as_bytes()).finalize();
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leaf_is_domain_separated_sha_256() {
        // sha256(0x00), as RFC 6962's reference tree gives it for an empty leaf.
        let hex: String = leaf(b"").iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
    }

    #[test]
    fn a_reason_hashes_by_its_salt() {
        assert_ne!(reason(&[0; 16], "reason"), reason(&[1; 16], "reason"));
        assert_eq!(reason(&[], ""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }
}
