//! What errors about a file of LightGBM say of it.

use crate::formats::Format;

/// The format of all files that are read here.
pub(super) const FORMAT: Format = Format::LightGbm;

/// A text of the file in an error.
pub(super) fn shown(text: &str) -> String {
    text.chars().take(60).collect()
}
