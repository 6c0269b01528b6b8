//! The parts of a model card that people write, as they stand in its Markdown between marks.
//!
//! Invariants: what is read between the marks is what was written there; a mark without its end is no part.

use std::collections::BTreeMap;

/// The mark before a part.
pub fn part_begins(part: &str) -> String {
    format!("<!-- human:{part} -->")
}

/// The mark behind a part.
pub fn part_ends(part: &str) -> String {
    format!("<!-- /human:{part} -->")
}

/// The mark of the revision of a card that was read, in the file that people change.
pub fn revision_mark(revision: u64) -> String {
    format!("<!-- card revision {revision} -->")
}

/// The revision that a file was made from; `None`: its mark is not there.
///
/// ```
/// use kilter_domain::card::{revision_mark, revision_of};
/// assert_eq!(revision_of(&format!("# Card\n{}\n", revision_mark(42))), Some(42));
/// ```
pub fn revision_of(text: &str) -> Option<u64> {
    let (_, behind) = text.split_once("<!-- card revision ")?;
    behind.split_once(" -->")?.0.parse().ok()
}

/// What stands where nobody has written yet.
pub const UNWRITTEN: &str = "_Nobody has written this yet._";

/// The parts of a text that people wrote, by name; those that nobody has written yet are left out.
///
/// ```
/// use kilter_domain::card::human_parts;
/// let text = "# Card\n<!-- human:limitations -->\nNot for pricing.\n<!-- /human:limitations -->\n";
/// assert_eq!(human_parts(text)["limitations"], "Not for pricing.");
/// ```
pub fn human_parts(text: &str) -> BTreeMap<String, String> {
    let mut parts = BTreeMap::new();
    let mut rest = text;
    while let Some((_, behind)) = rest.split_once("<!-- human:") {
        let Some((part, behind)) = behind.split_once(" -->") else { break };
        rest = behind;
        let Some((written, behind)) = behind.split_once(&part_ends(part)) else { continue };
        rest = behind;
        let written = written.trim();
        if !written.is_empty() && written != UNWRITTEN {
            parts.insert(part.to_owned(), written.to_owned());
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_what_stands_between_their_marks() {
        let part = |name: &str, text: &str| format!("{}\n{text}\n{}\n", part_begins(name), part_ends(name));
        let text =
            format!("# A\n{}text\n{}{}", part("ethics", "first\n\nsecond"), part("notes", UNWRITTEN), part("data", ""));
        assert_eq!(human_parts(&text), BTreeMap::from([("ethics".to_owned(), "first\n\nsecond".to_owned())]));
        let open = format!("{} no end {}", part_begins("ethics"), part("notes", "b"));
        assert_eq!(human_parts(&open).into_iter().collect::<Vec<_>>(), [("notes".to_owned(), "b".to_owned())]);
    }
}
