//! The first part of a long reason, for a line of a terminal.

/// As much of `text` as fits into `width` characters, cut where a part ends: at a semicolon, a bracket, a comma or a colon.
/// What is in round brackets after a blank is detail and is left out. Where no part fits, the cut is between two words.
pub(crate) fn headline(text: &str, width: usize) -> String {
    let text = without_detail(text.lines().next().unwrap_or_default());
    if length(&text) <= width {
        return text;
    }
    for separator in ["; ", ", but ", ", ", ": "] {
        let ends = text.match_indices(separator).map(|(at, _)| &text[..at]);
        let fits = ends.filter(|part| length(part) <= width && length(part) * 2 >= width.min(40)).last();
        if let Some(part) = fits {
            return part.to_owned();
        }
    }
    let cut = text.char_indices().nth(width.saturating_sub(1)).map_or(text.len(), |(at, _)| at);
    let words = text[..cut].rsplit_once(' ').map_or(&text[..cut], |(words, _)| words);
    format!("{}…", words.trim_end_matches([',', ';', ':']))
}

fn length(text: &str) -> usize {
    text.chars().count()
}

/// `text` without ` (…)`.
fn without_detail(text: &str) -> String {
    let (mut kept, mut depth, mut before) = (String::with_capacity(text.len()), 0_usize, ' ');
    for char in text.chars() {
        match char {
            '(' if depth > 0 || before == ' ' && !kept.trim_end().is_empty() => depth += 1,
            ')' if depth > 0 => depth -= 1,
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
        assert_eq!(headline("a reason without any part that is short enough", 20), "a reason without…");
        assert_eq!(headline("an open (bracket", 40), "an open (bracket");
    }
}
