//! The secret that guards a server.

use std::{fmt, path::Path, sync::Arc};

use crate::server_error::ServerError;

/// The shortest token that is taken: shorter ones can be guessed.
const MIN_TOKEN_BYTES: usize = 16;

/// The largest file that is read as one.
const MAX_TOKEN_BYTES: u64 = 64 << 10;

/// A secret that requests carry. Never shown.
#[derive(Clone)]
pub struct Token {
    secret: Arc<str>,
    /// Where it was read.
    file: Option<Arc<Path>>,
}

impl Token {
    /// The token that stands in a file, without the white space around it.
    ///
    /// # Errors
    /// When the file cannot be read, or holds fewer than 16 visible ASCII characters.
    pub fn read(path: &Path) -> Result<Self, ServerError> {
        let text = kilter_app::read_bounded_text(path, MAX_TOKEN_BYTES)
            .map_err(|source| ServerError::TokenFile { path: path.to_owned(), source })?;
        let token = Self::new(text.trim()).map(|token| Self { file: Some(path.into()), ..token });
        token.ok_or_else(|| ServerError::BadToken {
            path: path.to_owned(),
            why: "it needs at least 16 visible ASCII characters; make one with `openssl rand -hex 32`",
        })
    }

    /// `text` as a token, when it is long enough and can stand in a header.
    pub fn new(text: &str) -> Option<Self> {
        let fits = text.len() >= MIN_TOKEN_BYTES && text.bytes().all(|byte| byte.is_ascii_graphic());
        fits.then(|| Self { secret: text.into(), file: None })
    }

    /// The file that it was read from.
    pub(crate) fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// A new one that nobody can guess.
    ///
    /// # Errors
    /// When the system has no randomness to give.
    pub(crate) fn random() -> Result<Self, ServerError> {
        let mut bytes = [0_u8; 32];
        getrandom::fill(&mut bytes).map_err(|_| ServerError::Randomness)?;
        let text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Self { secret: text.into(), file: None })
    }

    /// The secret, to be sent with a request of ours.
    pub(crate) fn text(&self) -> &str {
        &self.secret
    }

    /// Whether `other` is the same, in a time that does not tell where they differ.
    pub(crate) fn is(&self, other: &[u8]) -> bool {
        let own = self.secret.as_bytes();
        let differing = own.iter().zip(other).fold(0, |sum, (left, right)| sum | (left ^ right));
        own.len() == other.len() && differing == 0
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
        assert!(token.is(b"0123456789abcdef"));
        assert!(!token.is(b"0123456789abcdeF") && !token.is(b"0123456789abcdef0") && !token.is(b""));
        assert_eq!(format!("{token:?}"), "Token(…)");
    }
}
