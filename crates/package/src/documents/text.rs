//! Documents as the text of files.

use serde_json::Value;

/// A document with line breaks, and one at its end.
pub(crate) fn pretty(document: &Value) -> Vec<u8> {
    // Texts and numbers under text keys: writing them cannot fail.
    let mut text = serde_json::to_string_pretty(document).unwrap_or_default();
    text.push('\n');
    text.into_bytes()
}
