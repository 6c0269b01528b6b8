//! The first part of a long reason, for a line of a terminal.

/// As much of `text` as fits into `width` characters. Detail in round brackets after a blank is left out, and intervals in square
/// brackets if there is no room for them. The cut is where a part of the sentence ends (a semicolon, a comma or a colon), if that
/// keeps two thirds of the line, else between two words.
pub(crate) fn headline(text: &str, width: usize) -> String {
    let text = without_brackets(text.lines().next().unwrap_or_default(), '(', ')');
    if length(&text) <= width {
        return text;
    }
    // Neither inside of an interval nor before the requirement: the interval gives way to it.
    let is_whole = |part: &&str| {
        part.matches('[').count() == part.matches(']').count() && !text[part.len()..].starts_with(", required")
    };
    if let Some(part) = first_parts(&text, width).filter(is_whole) {
        return part.to_owned();
    }
    let text = without_brackets(&text, '[', ']');
    if length(&text) <= width {
        return text;
    }
    if let Some(part) = first_parts(&text, width) {
        return part.to_owned();
    }
    let cut = text.char_indices().nth(width.saturating_sub(1)).map_or(text.len(), |(at, _)| at);
    let ends_with_a_word = text[cut..].starts_with(' ');
    let words = text[..cut].rsplit_once(' ').filter(|_| !ends_with_a_word).map_or(&text[..cut], |(words, _)| words);
    format!("{}…", words.trim_end_matches([',', ';', ':']))
}

/// The most parts of a sentence that fit, if they fill two thirds of the line.
fn first_parts(text: &str, width: usize) -> Option<&str> {
    ["; ", ", ", ": "].iter().find_map(|separator| {
        let parts = text.match_indices(separator).map(|(at, _)| &text[..at]);
        parts.filter(|part| length(part) <= width && length(part) * 3 >= width * 2).last()
    })
}

fn length(text: &str) -> usize {
    text.chars().count()
}

/// `text` without ` (…)`, for the two brackets that are given.
fn without_brackets(text: &str, open: char, close: char) -> String {
    let (mut kept, mut depth, mut before) = (String::with_capacity(text.len()), 0_usize, ' ');
    for char in text.chars() {
        match char {
            char if char == open && (depth > 0 || before == ' ' && !kept.trim_end().is_empty()) => depth += 1,
            char if char == close && depth > 0 => depth -= 1,
            _ if depth == 0 => kept.push(char),
            _ => {}
        }
        before = char;
    }
    // An open bracket would swallow the rest.
    if depth > 0 {
        return text.to_owned();
    }
    let kept = kept.split_whitespace().collect::<Vec<_>>().join(" ");
    kept.replace(" ;", ";").replace(" ,", ",").replace(" :", ":")
}

#[cfg(test)]
mod tests {
    use super::headline;

    #[test]
    fn a_headline_is_whole_where_it_fits_and_ends_with_a_part_where_not() {
        let gate =
            "auc = 0.6774 [0.6598, 0.6945], required >= 0.62; auc = 0.6774; there is no champion to compare it with";
        assert_eq!(headline(gate, 62), "auc = 0.6774 [0.6598, 0.6945], required >= 0.62; auc = 0.6774");
        assert_eq!(headline(gate, 60), "auc = 0.6774 [0.6598, 0.6945], required >= 0.62");
        let drift = "4 of 13 failed, worst: psi(days) = 8.4, required < 0.25 (psi 8.4 (chance 0.1), its rows)";
        assert_eq!(headline(drift, 62), "4 of 13 failed, worst: psi(days) = 8.4, required < 0.25");
        let difference =
            "gate `quality`: auc minus the champion's = 0.0036 [-0.0004, 0.0076], required >= 0.01; note: a repeat";
        assert_eq!(headline(difference, 70), "gate `quality`: auc minus the champion's = 0.0036, required >= 0.01");
        assert_eq!(headline(difference, 63), "gate `quality`: auc minus the champion's = 0.0036");
        let promotion =
            "since version 2 took over on 1997-07-02, auc is 0.6704 (0.6536 to 0.6868) on 4867 labelled answers";
        assert_eq!(headline(promotion, 63), "since version 2 took over on 1997-07-02, auc is 0.6704 on 4867…");
        assert_eq!(headline("a reason without any part that is short enough", 20), "a reason without…");
        assert_eq!(headline("an open (bracket", 40), "an open (bracket");
    }
}
