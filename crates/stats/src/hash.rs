//! Hashes that are the same on every machine and version: they are stored in profiles and decide who meets a canary, so none
//! of them may ever change. They find damage and spread values; against malice they are no help.

/// FNV-1a with 64 bits (Fowler, Noll & Vo). Of bytes as published; of wider values, each is taken in one step.
///
/// ```
/// use kilter_stats::hash::fnv1a;
///
/// assert_eq!(fnv1a(*b""), 0xcbf2_9ce4_8422_2325);
/// assert_eq!(fnv1a(*b"foobar"), 0x8594_4171_f739_67e8);
/// ```
pub fn fnv1a(values: impl IntoIterator<Item: Into<u64>>) -> u64 {
    salted_fnv1a(0, values)
}

/// As [`fnv1a`], begun elsewhere: another salt gives other hashes. Salt 0 is [`fnv1a`].
pub fn salted_fnv1a(salt: u64, values: impl IntoIterator<Item: Into<u64>>) -> u64 {
    let begin = 0xcbf2_9ce4_8422_2325 ^ salt;
    values.into_iter().fold(begin, |hash, value| (hash ^ value.into()).wrapping_mul(0x0000_0100_0000_01b3))
}

/// The first half of Murmur3's finish (Appleby): the high bits of an FNV-1a of few bytes are hardly mixed without it.
pub fn mixed(hash: u64) -> u64 {
    let hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^ (hash >> 33)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_of_bytes_is_the_published_one() {
        // The authors' test vectors.
        let vectors =
            [("", 0xcbf2_9ce4_8422_2325), ("a", 0xaf63_dc4c_8601_ec8c), ("foobar", 0x8594_4171_f739_67e8_u64)];
        for (text, hash) in vectors {
            assert_eq!(fnv1a(text.bytes()), hash, "{text}");
        }
    }

    #[test]
    fn a_wide_value_is_one_step_and_a_salt_begins_elsewhere() {
        assert_eq!(fnv1a(['a', 'b']), fnv1a(*b"ab"), "letters of ASCII are their bytes");
        assert_ne!(fnv1a(['ü']), fnv1a("ü".bytes()));
        assert_eq!(salted_fnv1a(0, *b"ab"), fnv1a(*b"ab"));
        // Worked out apart from this code, like the mix.
        assert_eq!(salted_fnv1a(1, *b"ab"), 0x089f_6607_b548_0807);
        assert_eq!(mixed(fnv1a(*b"a")), 0xed81_70de_1919_a24d);
    }
}
