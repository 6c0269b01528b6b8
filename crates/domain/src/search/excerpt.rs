//! What was written, as errors repeat it.

/// Bytes of what was written that an error repeats at most.
const MAX_EXCERPT: usize = 200;

/// What was written, cut where it is long.
pub(super) fn excerpt(text: &str) -> String {
    if text.len() <= MAX_EXCERPT {
        return text.to_owned();
    }
    format!("{}...", &text[..text.floor_char_boundary(MAX_EXCERPT)])
}
