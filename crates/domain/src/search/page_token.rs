//! Where the next page of a search begins, in the form that clients of MLflow take apart.

use std::{fmt, str::FromStr};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::Value;

use super::excerpt::excerpt;

/// A token longer than this (in bytes) is none.
const MAX_BYTES: usize = 100_000;

/// How many things of a search earlier pages had. Written as base64 of `{"offset": N}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageToken {
    /// So many were found before.
    pub offset: u64,
}

/// Why a text is no token of a page.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant says what it is")]
pub enum InvalidPageToken {
    #[error("Invalid page token, could not base64-decode")]
    NotBase64,
    #[error("Invalid page token, decoded value={0}")]
    NotJson(String),
    #[error("Invalid page token, parsed value={0}")]
    NoOffset(String),
}

impl fmt::Display for PageToken {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&STANDARD.encode(format!("{{\"offset\": {}}}", self.offset)))
    }
}

impl FromStr for PageToken {
    type Err = InvalidPageToken;

    /// Reads a token; an empty one is that of the first page.
    fn from_str(text: &str) -> Result<Self, InvalidPageToken> {
        if text.is_empty() {
            return Ok(Self { offset: 0 });
        }
        let decoded = (text.len() <= MAX_BYTES).then(|| STANDARD.decode(text).ok()).flatten();
        let decoded = decoded.ok_or(InvalidPageToken::NotBase64)?;
        let parsed: Value = serde_json::from_slice(&decoded)
            .map_err(|_| InvalidPageToken::NotJson(excerpt(&String::from_utf8_lossy(&decoded))))?;
        let offset = match &parsed["offset"] {
            Value::Number(offset) => offset.as_u64(),
            Value::String(offset) => offset.parse().ok(),
            _ => None,
        };
        // What no database counts to is an offset of nobody's.
        let offset = offset.filter(|offset| i64::try_from(*offset).is_ok());
        let no_offset = || InvalidPageToken::NoOffset(excerpt(&parsed.to_string()));
        offset.map(|offset| Self { offset }).ok_or_else(no_offset)
    }
}
