//! Texts from outside, made harmless.

use std::fmt::Write;

/// The longest name that a page shows; longer ones end in an ellipsis.
const LONGEST: usize = 120;

/// `text` as HTML text or as the value of a quoted attribute. Characters that no document may hold, and those that turn
/// the direction of writing, are shown as their code.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' | '\r' | '\t' => out.push(' '),
            c if c.is_control() || is_turning(c) => {
                // Writing into a text cannot fail.
                let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out
}

/// Bidirectional overrides could make a name read as another.
fn is_turning(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

/// `text` cut to what a page shows.
pub(crate) fn short(text: &str, most: usize) -> String {
    let most = most.min(LONGEST);
    match text.char_indices().nth(most) {
        None => text.to_owned(),
        Some((at, _)) => format!("{}…", &text[..at]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_name_cannot_become_markup() {
        assert_eq!(
            escaped("<script>alert('x') & \"y\"</script>"),
            "&lt;script&gt;alert(&#39;x&#39;) &amp; &quot;y&quot;&lt;/script&gt;"
        );
        assert_eq!(escaped("a\u{202e}b\0c"), "a\\u{202e}b\\u{0}c");
        assert_eq!(short("äöü", 2), "äö…");
        assert_eq!(short(&"x".repeat(500), 400).chars().count(), 121);
    }

    proptest! {
        #[test]
        fn no_text_holds_a_mark_of_html_afterwards(text in any::<String>()) {
            let out = escaped(&text);
            prop_assert!(!out.contains(['<', '>', '"', '\'']));
        }
    }
}
