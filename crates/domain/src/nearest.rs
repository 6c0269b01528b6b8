//! The nearest known name: what the hint of an error proposes.

/// The candidate that `word` was most probably meant to be; `None` when nothing is near.
///
/// Near means: at most a third of the longer word is changed, added, dropped or swapped with its neighbour
/// (always one letter, never more than three). Case does not count.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = bounded(word)?;
    candidates
        .into_iter()
        .filter_map(|candidate| {
            let letters = bounded(candidate)?;
            let allowed = (word.len().max(letters.len()) / 3).clamp(1, 3);
            let edits = distance(&word, &letters);
            (edits <= allowed).then_some((edits, candidate))
        })
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, candidate)| candidate)
}

/// Long texts are never a mistyped name, and the distance costs the product of the lengths.
fn bounded(word: &str) -> Option<Vec<char>> {
    (!word.is_empty() && word.len() <= 64).then(|| word.to_lowercase().chars().collect())
}

/// Optimal string alignment: insertions, deletions, changes, swaps of neighbours.
fn distance(from: &[char], to: &[char]) -> usize {
    let width = to.len() + 1;
    let mut rows = vec![vec![0; width]; from.len() + 1];
    rows[0] = (0..width).collect();
    for i in 1..=from.len() {
        rows[i][0] = i;
        for j in 1..width {
            let change = rows[i - 1][j - 1] + usize::from(from[i - 1] != to[j - 1]);
            let mut best = change.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
            if i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = best;
        }
    }
    rows[from.len()][to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_is_recognised_and_another_word_is_not() {
        let known = ["monitor", "monotone", "gate", "params"];
        assert_eq!(nearest("moniter", known), Some("monitor"));
        assert_eq!(nearest("gaet", known), Some("gate"));
        assert_eq!(nearest("PARAM", known), Some("params"));
        assert_eq!(nearest("deployment", known), None);
        assert_eq!(nearest("", known), None);
    }
}
