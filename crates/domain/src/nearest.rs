//! The nearest known name: what the hint of an error proposes.

use strsim::osa_distance;

/// The longest name that is compared, in bytes: the distance costs the product of the lengths, and a longer name is never a
/// slip of the finger.
const MAX_BYTES: usize = 200;

/// The candidate that `word` was most probably meant to be; `None` when nothing is near.
///
/// Near means: at most a third of the letters of the longer word (always one) is changed, added, dropped or swapped with its
/// neighbour. Case does not count. Of two that are as near, the first by alphabet.
///
/// ```
/// use kilter_domain::nearest::nearest;
///
/// assert_eq!(nearest("moniter", ["gate", "monitor"]), Some("monitor"));
/// assert_eq!(nearest("deployment", ["gate", "monitor"]), None);
/// ```
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = comparable(word)?;
    let letters = word.chars().count();
    let near = candidates.into_iter().filter_map(|candidate| {
        let lower = comparable(candidate)?;
        let of_candidate = lower.chars().count();
        let allowed = (letters.max(of_candidate) / 3).max(1);
        // Most names differ in length alone by more than is allowed: nothing to compute.
        let edits = (letters.abs_diff(of_candidate) <= allowed).then(|| osa_distance(&word, &lower))?;
        (edits <= allowed).then_some((edits, candidate))
    });
    near.min().map(|(_, candidate)| candidate)
}

fn comparable(word: &str) -> Option<String> {
    (!word.is_empty() && word.len() <= MAX_BYTES).then(|| word.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [&str; 6] = ["spend_30d", "orders", "tenure_days", "recency_days", "frequency", "monetary"];

    #[test]
    fn a_slip_of_the_finger_is_recognised_and_another_word_is_not() {
        let known = ["monitor", "monotone", "gate", "params"];
        assert_eq!(nearest("moniter", known), Some("monitor"));
        assert_eq!(nearest("gaet", known), Some("gate"), "a swap of neighbours is one slip");
        assert_eq!(nearest("PARAM", known), Some("params"));
        assert_eq!(nearest("deployment", known), None);
        assert_eq!(nearest("", known), None);
    }

    #[test]
    fn a_column_is_found_however_it_was_mistyped() {
        for (typed, meant) in [
            ("spend_3d", "spend_30d"),
            ("Orders", "orders"),
            ("recency_day", "recency_days"),
            ("Frequency", "frequency"),
            ("tenurdys", "tenure_days"),
            ("oders", "orders"),
        ] {
            assert_eq!(nearest(typed, COLUMNS), Some(meant), "{typed}");
        }
        assert_eq!(nearest("colour", COLUMNS), None);
        assert_eq!(nearest("ÜBERZUG", ["überzug"]), Some("überzug"), "case of every alphabet");
    }

    #[test]
    fn a_long_name_may_have_more_slips_than_a_short_one() {
        let long = "average_order_value_of_the_last_30_days";
        assert_eq!(nearest("avg_order_value_of_the_last_30_days", [long]), Some(long));
        let seventy = format!("{long}_per_customer_and_country_of_delivery");
        assert_eq!(nearest(&seventy[1..], [seventy.as_str()]), Some(seventy.as_str()));
    }

    #[test]
    fn of_two_that_are_as_near_the_first_by_alphabet_is_proposed_in_any_order() {
        assert_eq!(nearest("cat", ["car", "bat"]), Some("bat"));
        assert_eq!(nearest("cat", ["bat", "car"]), Some("bat"));
    }

    #[test]
    fn a_name_that_nobody_typed_is_not_compared() {
        let hostile = "a".repeat(MAX_BYTES + 1);
        assert_eq!(nearest(&hostile, [hostile.as_str()]), None);
        assert_eq!(nearest("a", [hostile.as_str(), ""]), None);
    }
}
