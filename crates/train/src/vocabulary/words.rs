//! Words of a text.

/// A raw word without what is not letter or digit at its ends.
pub(super) fn bare(word: &str) -> &str {
    word.trim_matches(|c: char| !c.is_alphanumeric())
}

/// The words of a text as the graph splits it.
pub(super) fn raw_words(text: &str) -> impl Iterator<Item = String> {
    text.split(' ').filter(|word| !word.is_empty()).map(str::to_ascii_lowercase)
}
