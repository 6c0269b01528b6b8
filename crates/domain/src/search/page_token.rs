//! Where the next page of a search or of a history begins, in the form that clients of MLflow take apart.

use std::{fmt, str::FromStr};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::Value;

use super::excerpt::excerpt;
use crate::{time::Timestamp, tracking::HistoryPoint};

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
        Ok(Self { offset: decode(text)?.0 })
    }
}

/// The offset of a token, and the JSON that it is of.
fn decode(text: &str) -> Result<(u64, Value), InvalidPageToken> {
    if text.is_empty() {
        return Ok((0, Value::Null));
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
    match offset.filter(|offset| i64::try_from(*offset).is_ok()) {
        Some(offset) => Ok((offset, parsed)),
        None => Err(InvalidPageToken::NoOffset(excerpt(&parsed.to_string()))),
    }
}

/// Where a page of a history begins. Behind a point that is known, no earlier one is looked at again: the last of a million points
/// are found as fast as the first. Written as base64 of `{"offset": N, "after": [step, ms, bits of the value]}`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct HistoryToken {
    /// Earlier pages had so many points.
    pub offset: u64,
    /// The last of them; where it is missing the points are counted.
    pub after: Option<HistoryPoint>,
}

impl fmt::Display for HistoryToken {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(HistoryPoint { step, at, value }) = self.after else {
            return PageToken { offset: self.offset }.fmt(out);
        };
        let after = format!("[{step}, {}, {}]", at.millis(), value.to_bits());
        out.write_str(&STANDARD.encode(format!("{{\"offset\": {}, \"after\": {after}}}", self.offset)))
    }
}

impl FromStr for HistoryToken {
    type Err = InvalidPageToken;

    /// Reads a token, also one that has an offset alone; an empty one is that of the first page.
    fn from_str(text: &str) -> Result<Self, InvalidPageToken> {
        let (offset, parsed) = decode(text)?;
        let after = match parsed["after"].as_array().map(Vec::as_slice) {
            Some([step, at, bits]) => point(step, at, bits),
            _ => None,
        };
        Ok(Self { offset, after })
    }
}

fn point(step: &Value, at: &Value, bits: &Value) -> Option<HistoryPoint> {
    Some(HistoryPoint { step: step.as_i64()?, at: Timestamp(at.as_i64()?), value: f64::from_bits(bits.as_u64()?) })
}
