//! The names of ranges of numbers: `30..45`, `0.251..0.498`.
//!
//! A range of a column is cut at values of its rows, which may have seventeen digits. Its name has the digits that a person
//! reads, and more of them only where two edges would otherwise be called the same. The rows are parted by the edges
//! themselves, never by their names.

use std::sync::Arc;

/// Significant digits of an edge, where they tell the edges apart.
const DIGITS: usize = 4;
/// Digits that tell any two doubles apart.
const MAX_DIGITS: usize = 17;

/// The names of the ranges between increasing edges, the open ones below the first and above the last included: of `n`
/// edges `n + 1` names.
pub fn range_names(edges: &[f64]) -> Vec<Arc<str>> {
    let texts = edge_names(edges);
    let end = |at: Option<usize>| at.and_then(|at| texts.get(at)).map_or("", String::as_str);
    (0..=edges.len()).map(|at| Arc::from(format!("{}..{}", end(at.checked_sub(1)), end(Some(at))))).collect()
}

fn edge_names(edges: &[f64]) -> Vec<String> {
    let texts = |digits: usize| -> Vec<String> { edges.iter().map(|edge| rounded(*edge, digits)).collect() };
    let is_told_apart = |texts: &Vec<String>| {
        texts.windows(2).zip(edges.windows(2)).all(|(texts, edges)| texts[0] != texts[1] || edges[0] == edges[1])
    };
    (DIGITS..MAX_DIGITS).map(texts).find(is_told_apart).unwrap_or_else(|| texts(MAX_DIGITS))
}

/// A number with so many significant digits; its whole part keeps all of its own.
fn rounded(value: f64, digits: usize) -> String {
    let whole_digits = if value.abs() >= 1.0 { value.abs().log10().floor() as usize + 1 } else { 0 };
    let decimals = digits.max(whole_digits).min(MAX_DIGITS) - 1;
    // A number that was written by us is read by us.
    format!("{value:.decimals$e}").parse::<f64>().unwrap_or(value).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn names(edges: &[f64]) -> String {
        range_names(edges).join(" ")
    }

    #[test]
    fn a_range_is_called_by_digits_that_a_person_reads() {
        assert_eq!(
            names(&[-3.581047580191171, 0.9509806871414185, 13516.369216524961]),
            "..-3.581 -3.581..0.951 0.951..13516 13516.."
        );
        assert_eq!(names(&[1990.0, 1992.0, 123_456_789.0]), "..1990 1990..1992 1992..123456789 123456789..");
        // Two edges that would be called the same have the digits that tell them apart.
        assert_eq!(names(&[0.50001, 0.50002, 0.9]), "..0.50001 0.50001..0.50002 0.50002..0.9 0.9..");
        assert_eq!(names(&[]), "..");
    }

    proptest! {
        #[test]
        fn different_edges_have_different_names(mut edges in proptest::collection::vec(any::<f64>(), 1..12)) {
            edges.retain(|edge| edge.is_finite());
            edges.sort_by(f64::total_cmp);
            edges.dedup();
            let mut names: Vec<Arc<str>> = range_names(&edges);
            prop_assert_eq!(names.len(), edges.len() + 1);
            names.sort();
            names.dedup();
            prop_assert_eq!(names.len(), edges.len() + 1);
        }
    }
}
