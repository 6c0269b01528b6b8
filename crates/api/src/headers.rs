//! Headers that requests of the native API carry, and the secret of a server.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

/// On whose behalf a request is made: `user:ana`, `svc:ci`.
pub const ACTOR_HEADER: &str = "x-kilter-actor";
/// Of a request for predictions: the number of the version that is to answer. Of its answer: the versions that did.
pub const VERSION_HEADER: &str = "kilter-version";
/// Of an answer: the role of each version of [`VERSION_HEADER`].
pub const ROUTE_HEADER: &str = "kilter-route";
/// The key of a data folder. Whoever can read the folder knows it, and may name folders of that machine.
pub const FOLDER_KEY_HEADER: &str = "x-kilter-folder-key";
/// The word that a page of ours was told of its session, in requests that act by the cookie of the session.
pub const CSRF_HEADER: &str = "x-kilter-csrf";

/// The shortest token that is accepted: shorter ones can be guessed.
const MIN_TOKEN_BYTES: usize = 16;

/// A secret that requests carry (`Authorization: Bearer TOKEN`). Never shown.
#[derive(Clone)]
pub struct Token {
    secret: Arc<str>,
    file: Option<Arc<Path>>,
}

impl Token {
    /// `text` as a token, if it is long enough and a header can carry it.
    pub fn new(text: &str) -> Option<Self> {
        let is_valid = text.len() >= MIN_TOKEN_BYTES && text.bytes().all(|byte| byte.is_ascii_graphic());
        is_valid.then(|| Self { secret: text.into(), file: None })
    }

    /// The same token, with the file that it was read from.
    #[must_use]
    pub fn with_file(self, file: PathBuf) -> Self {
        Self { file: Some(file.into()), ..self }
    }

    /// The file that it was read from.
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// The secret.
    pub fn as_str(&self) -> &str {
        &self.secret
    }

    /// Whether `other` is the same. The time that it takes does not depend on where they differ.
    pub fn matches(&self, other: &[u8]) -> bool {
        let own = self.secret.as_bytes();
        let difference = own.iter().zip(other).fold(0, |sum, (left, right)| sum | (left ^ right));
        own.len() == other.len() && difference == 0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Token(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_long_enough_and_equal_only_to_itself() {
        assert!(Token::new("short").is_none() && Token::new("with a space in it").is_none());
        let token = Token::new("0123456789abcdef").unwrap();
        assert!(token.matches(b"0123456789abcdef"));
        assert!(!token.matches(b"0123456789abcdeF") && !token.matches(b"0123456789abcdef0") && !token.matches(b""));
        assert_eq!(format!("{token:?}"), "Token(…)");
    }
}
