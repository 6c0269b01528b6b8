//! Draws of entities: the same ones on every machine and after every restart.

use kilter_stats::hash::{mixed, salted_fnv1a};

/// A stable hash of an id: FNV-1a with Murmur3's finish; another salt draws other ids. It is part of the format of what Kilter
/// records: it never changes. Two ids of a million have the same one with a probability of 3e-8.
pub(crate) fn entity_hash(id: &str, salt: u64) -> u64 {
    let hash = mixed(salted_fnv1a(salt, id.bytes())).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}

/// The upper 32 bits of [`entity_hash`], by which ids are drawn.
pub(crate) fn salted_hash(id: &str, salt: u64) -> u32 {
    (entity_hash(id, salt) >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_never_changes() {
        // Written down when the format was made; computed apart from this code.
        assert_eq!(["", "a", "customer-17"].map(|id| salted_hash(id, 0)), [0xefd01f60, 0x82a2a958, 0x6551bef2]);
    }
}
