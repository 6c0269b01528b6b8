//! Text of others on a terminal: what it would obey is shown and not sent.
//!
//! Names of columns and classes, lines of a step's log, and the errors that quote them come from files that anybody may
//! have written. A terminal obeys control characters in them (it moves, recolours, retitles, even answers), and reads some
//! characters as an order to turn the direction of the rest around.

use std::borrow::Cow;

/// `text` with a replacement character for each that a terminal would obey; lines and tabs stay.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    let is_obeyed = |c: char| is_control(c) && c != '\n' && c != '\t';
    match text.contains(is_obeyed) {
        true => Cow::Owned(text.replace(is_obeyed, "\u{fffd}")),
        false => Cow::Borrowed(text),
    }
}

/// A JSON document in which such characters stand as escapes: JSON itself escapes only those below a blank.
pub(crate) fn printable_json(text: &str) -> Cow<'_, str> {
    let is_obeyed = |c: char| is_control(c) && c != '\n';
    if !text.contains(is_obeyed) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 64);
    for c in text.chars() {
        match is_obeyed(c) {
            // All of them lie in the basic plane: one escape each.
            true => escaped += &format!("\\u{:04x}", u32::from(c)),
            false => escaped.push(c),
        }
    }
    Cow::Owned(escaped)
}

/// Whether a terminal obeys `c`: controls of both sets, and marks that turn the direction of a text.
pub(crate) fn is_control(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_terminal_obeys_comes_through() {
        let evil = "a\x1b]0;title\x07b\x1b[2Jc\u{9b}31md\u{202e}e\r\x7f\x08";
        let shown = printable(evil);
        assert_eq!(shown, "a\u{fffd}]0;title\u{fffd}b\u{fffd}[2Jc\u{fffd}31md\u{fffd}e\u{fffd}\u{fffd}\u{fffd}");
        assert!(matches!(printable("one\n\ttwo: 日本 🚲 é"), Cow::Borrowed(_)));
        let json = serde_json::to_string_pretty(&serde_json::json!({ "name": evil })).unwrap();
        let shown = printable_json(&json);
        assert!(!shown.chars().any(|c| is_control(c) && c != '\n'), "{shown}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap()["name"], evil, "it means the same");
    }
}
