//! Tokens: read from a file, or made at random.

use std::path::Path;

use kilter_api::{Secret, Token};

use crate::server_error::ServerError;

/// The largest file that is read as a token.
const MAX_TOKEN_BYTES: u64 = 64 << 10;

/// The token in a file, without the white space around it.
///
/// # Errors
/// If the file cannot be read, or holds fewer than 16 visible ASCII characters.
pub fn read_token(path: &Path) -> Result<Token, ServerError> {
    let text = kilter_app::read_bounded_text(path, MAX_TOKEN_BYTES)
        .map_err(|source| ServerError::TokenFile { path: path.to_owned(), source })?;
    let token = Token::new(text.trim()).map(|token| token.with_file(path.to_owned()));
    token.ok_or_else(|| ServerError::BadToken {
        path: path.to_owned(),
        why: "it needs at least 16 visible ASCII characters; make one with `openssl rand -hex 32`",
    })
}

/// A secret that someone else made, in a file: without the white space around it, whatever its characters are.
///
/// # Errors
/// If the file cannot be read, or is empty.
pub fn read_secret(path: &Path) -> Result<Secret, ServerError> {
    let text = kilter_app::read_bounded_text(path, MAX_TOKEN_BYTES)
        .map_err(|source| ServerError::TokenFile { path: path.to_owned(), source })?;
    match text.trim() {
        "" => Err(ServerError::BadToken { path: path.to_owned(), why: "it is empty" }),
        text => Ok(Secret(text.to_owned())),
    }
}

/// A new token that nobody can guess.
pub(crate) fn random_token() -> Result<Token, ServerError> {
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes).map_err(|_| ServerError::Randomness)?;
    let text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Token::new(&text).ok_or(ServerError::Randomness)
}
