//! Passwords at rest: argon2id with a salt of its own, as a PHC string.

use std::sync::LazyLock;

use argon2::{
    Argon2,
    password_hash::{PasswordHasher, PasswordVerifier},
};
use kilter_store::StoreError;

use super::{AccountError, secret};

/// Characters of a password at least: nothing else of it is asked.
const MIN_CHARS: usize = 12;
/// Bytes of a password at most.
const MAX_BYTES: usize = 1024;

/// Refuses a password that can be guessed, or that is no password.
pub(crate) fn check(password: &str) -> Result<(), AccountError> {
    if password.chars().count() < MIN_CHARS || password.len() > MAX_BYTES {
        return Err(AccountError::Invalid(format!("a password has {MIN_CHARS} characters at least")));
    }
    Ok(())
}

/// The hash of a password, with its salt and what it takes to compute it: 19 MiB, two passes.
pub(crate) fn hash(password: &str) -> Result<String, StoreError> {
    let mut salt = [0_u8; 16];
    secret::fill(&mut salt)?;
    let failed = |error: argon2::password_hash::Error| StoreError::Invalid {
        attempted: "hash the password",
        reason: error.to_string(),
    };
    Ok(Argon2::default().hash_password_with_salt(password.as_bytes(), &salt).map_err(failed)?.to_string())
}

/// Whether the password is the one of `hash`. An account without one takes as long as the others, and is never right.
pub(crate) fn is_right(password: &str, hash: Option<&str>) -> bool {
    static NOBODY: LazyLock<Option<String>> = LazyLock::new(|| self::hash("nobody has this password").ok());
    let stored = hash.or(NOBODY.as_deref());
    let matches = stored.is_some_and(|stored| Argon2::default().verify_password(password.as_bytes(), stored).is_ok());
    matches && hash.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_right_only_for_its_own_hash() {
        let stored = hash("correct horse battery").unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
        assert_ne!(stored, hash("correct horse battery").unwrap(), "each has a salt of its own");
        assert!(is_right("correct horse battery", Some(&stored)));
        assert!(!is_right("correct horse batterx", Some(&stored)) && !is_right("", Some(&stored)));
        assert!(!is_right("nobody has this password", None), "who has no password has none that is right");
        assert!(!is_right("x", Some("not a hash")));
    }

    #[test]
    fn a_short_password_is_refused() {
        assert!(check("elevenchars").is_err() && check("twelve chars").is_ok() && check("öööööööööööö").is_ok());
        assert!(check(&"x".repeat(1025)).is_err());
    }
}
