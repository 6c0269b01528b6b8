//! Whether an interpreter is the one that `[env] python` asks for.

/// Whether `found` (`3.11.7`) is what `asked` says: the beginning of a version (`3.11`), or conditions (`>=3.10,<3.12`). `None` for
/// words that only `uv` understands.
pub(crate) fn fits(asked: &str, found: &str) -> Option<bool> {
    let found = numbers(found)?;
    asked.split(',').map(str::trim).try_fold(true, |all, part| Some(all & part_fits(part, &found)?))
}

fn part_fits(part: &str, found: &[u64]) -> Option<bool> {
    let split = part.find(|c: char| c.is_ascii_digit())?;
    let (operator, version) = part.split_at(split);
    let star = version.strip_suffix(".*");
    let asked = numbers(star.unwrap_or(version))?;
    let begins = found.len() >= asked.len() && found[..asked.len()] == asked[..];
    let ordering = compare(found, &asked);
    Some(match operator.trim() {
        "" | "==" => begins,
        "!=" => !begins,
        ">=" => ordering.is_ge(),
        "<=" => ordering.is_le(),
        ">" => ordering.is_gt(),
        "<" => ordering.is_lt(),
        "~=" => ordering.is_ge() && found.starts_with(&asked[..asked.len().saturating_sub(1)]),
        _ => return None,
    })
}

/// Parts that one of them lacks count as 0.
fn compare(found: &[u64], asked: &[u64]) -> std::cmp::Ordering {
    let at = |parts: &[u64], place: usize| parts.get(place).copied().unwrap_or(0);
    let places = 0..found.len().max(asked.len());
    places
        .map(|place| at(found, place).cmp(&at(asked, place)))
        .find(|order| order.is_ne())
        .unwrap_or(std::cmp::Ordering::Equal)
}

fn numbers(version: &str) -> Option<Vec<u64>> {
    version.split('.').map(|part| part.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_version_fits_its_beginning_and_its_conditions() {
        for (asked, expected) in [
            ("3", Some(true)),
            ("3.11", Some(true)),
            ("3.11.7", Some(true)),
            ("3.1", Some(false)),
            ("3.12", Some(false)),
            (">=3.10,<3.12", Some(true)),
            (">= 3.11.8", Some(false)),
            ("~=3.10", Some(true)),
            ("==3.11.*", Some(true)),
            ("!=3.11", Some(false)),
            ("pypy@3.11", None),
            ("3.13t", None),
        ] {
            assert_eq!(fits(asked, "3.11.7"), expected, "{asked}");
        }
    }

    proptest! {
        #[test]
        fn any_words_have_an_answer(asked in "[<>=!~0-9., a-z*]{0,20}|.{0,10}", found in "[0-9.]{0,12}") {
            let _ = fits(&asked, &found);
        }
    }
}
