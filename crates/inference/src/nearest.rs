//! "Did you mean": the known name closest to a mistyped one.

/// The name among `names` that is fewest edits away from `wanted`, when that is close enough to be what was meant.
pub fn nearest<'a>(wanted: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (wanted.chars().count() / 3).max(1);
    // Long names are never typed by hand: no quadratic work for hostile ones.
    let candidates = names.filter(|name| name.len() <= 200 && wanted.len() <= 200);
    candidates
        .map(|name| (distance(wanted, name), name))
        .filter(|&(edits, _)| edits <= limit)
        .min()
        .map(|(_, name)| name)
}

/// Levenshtein distance, ignoring the case of ASCII letters.
fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.chars().map(|c| c.to_ascii_lowercase()).collect();
    let mut row: Vec<usize> = (0..=a.len()).collect();
    for (line, b) in b.chars().map(|c| c.to_ascii_lowercase()).enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], line + 1);
        for (at, &a) in a.iter().enumerate() {
            let changed = diagonal + usize::from(a != b);
            diagonal = row[at + 1];
            row[at + 1] = changed.min(diagonal + 1).min(row[at] + 1);
        }
    }
    row[a.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_found_and_strangers_are_not() {
        let names = ["spend_30d", "orders", "tenure_days"];
        assert_eq!(nearest("spend_3d", names.into_iter()), Some("spend_30d"));
        assert_eq!(nearest("Orders", names.into_iter()), Some("orders"));
        assert_eq!(nearest("colour", names.into_iter()), None);
    }
}
