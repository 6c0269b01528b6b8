//! The text of a token: `klt_`, 40 characters that nobody can guess, and 6 that tell a token from a text that is cut off.

use kilter_store::StoreError;
use sha2::{Digest, Sha256};

use super::AuthenticateError;

/// What every token begins with, so that scanners of secrets find it.
pub const PREFIX: &str = "klt_";
/// Characters at random: 238 bits.
const RANDOM: usize = 40;
/// Characters of the checksum.
const CHECKSUM: usize = 6;
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// A new token that nobody can guess.
pub(crate) fn new_token() -> Result<String, StoreError> {
    let mut text = String::from(PREFIX);
    let mut bytes = [0_u8; 64];
    while text.len() < PREFIX.len() + RANDOM {
        fill(&mut bytes)?;
        // Each digit is as likely as any other: bytes beyond a multiple of 62 are not used.
        let digits = bytes.iter().filter(|byte| **byte < 248).map(|byte| DIGITS[usize::from(byte % 62)] as char);
        text.extend(digits.take(PREFIX.len() + RANDOM - text.len()));
    }
    text += &checksum(&text);
    Ok(text)
}

/// Random bytes.
pub(crate) fn fill(bytes: &mut [u8]) -> Result<(), StoreError> {
    getrandom::fill(bytes).map_err(|error| StoreError::Invalid {
        attempted: "make a secret",
        reason: format!("no random bytes could be had: {error}"),
    })
}

fn checksum(text: &str) -> String {
    let mut rest = crc32fast::hash(text.as_bytes()) as usize;
    let mut digits = [b'0'; CHECKSUM];
    for digit in digits.iter_mut().rev() {
        *digit = DIGITS[rest % 62];
        rest /= 62;
    }
    digits.iter().map(|digit| *digit as char).collect()
}

/// The hash of a token that is whole.
///
/// # Errors
/// [`AuthenticateError::Malformed`] when it is no token, or not all of one.
pub(crate) fn hash_of(text: &str) -> Result<[u8; 32], AuthenticateError> {
    let malformed = |why| AuthenticateError::Malformed { why };
    if !text.starts_with(PREFIX) {
        return Err(malformed("it does not begin with `klt_`"));
    }
    let has_length = text.len() == PREFIX.len() + RANDOM + CHECKSUM;
    if !has_length || !text.bytes().skip(PREFIX.len()).all(|byte| byte.is_ascii_alphanumeric()) {
        return Err(malformed("it is cut off, or has other characters in it"));
    }
    let (secret, end) = text.split_at(PREFIX.len() + RANDOM);
    match checksum(secret) == end {
        true => Ok(Sha256::digest(text.as_bytes()).into()),
        false => Err(malformed("its checksum is wrong, so a character of it was changed")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_found_by_its_hash_and_a_damaged_one_is_told_apart() {
        let (one, other) = (new_token().unwrap(), new_token().unwrap());
        assert_eq!(one.len(), 50);
        assert_ne!(hash_of(&one).unwrap(), hash_of(&other).unwrap());
        assert_eq!(hash_of(&one).unwrap(), hash_of(&one).unwrap());
        let changed: String = one.chars().map(|c| if c == one.chars().nth(9).unwrap() { '!' } else { c }).collect();
        let swapped = format!("{}{}", &one[..49], if one.ends_with('a') { 'b' } else { 'a' });
        for wrong in ["", "klt_", "secret", &one[..49], &format!("{one}x"), &changed, &swapped, &one.to_lowercase()] {
            assert!(matches!(hash_of(wrong), Err(AuthenticateError::Malformed { .. })), "{wrong}");
        }
    }
}
