//! Names for runs that get none: two words and a number, by which people can tell runs apart.

const ADJECTIVES: &[&str] = &[
    "amber", "bold", "brave", "bright", "calm", "clean", "clever", "crisp", "deep", "eager", "early", "fair", "fast",
    "fine", "fresh", "gentle", "grand", "green", "happy", "honest", "jolly", "keen", "kind", "light", "lively", "loud",
    "lucky", "merry", "mild", "neat", "noble", "plain", "proud", "quick", "quiet", "rapid", "sharp", "shy", "silent",
    "smart", "smooth", "solid", "steady", "still", "sunny", "sweet", "swift", "tidy", "warm", "wise",
];
const ANIMALS: &[&str] = &[
    "ant", "badger", "bear", "bee", "bison", "boar", "cat", "crane", "crow", "deer", "dove", "duck", "eagle", "elk",
    "falcon", "finch", "fox", "frog", "goat", "goose", "grouse", "hare", "hawk", "heron", "horse", "ibex", "jay",
    "kite", "lark", "lynx", "mole", "moose", "moth", "newt", "otter", "owl", "panda", "perch", "pike", "puma", "quail",
    "raven", "robin", "seal", "shrew", "stork", "swan", "trout", "wolf", "wren",
];

/// A name made of the end of an id, which is random.
pub(super) fn of(id: &str) -> String {
    let digits: String = id.chars().rev().filter(char::is_ascii_hexdigit).take(12).collect();
    let number = usize::from_str_radix(&digits, 16).unwrap_or_default();
    let (adjective, rest) = (number % ADJECTIVES.len(), number / ADJECTIVES.len());
    let (animal, rest) = (rest % ANIMALS.len(), rest / ANIMALS.len());
    format!("{}-{}-{}", ADJECTIVES[adjective], ANIMALS[animal], rest % 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_give_names_of_their_own() {
        let names: std::collections::BTreeSet<String> = (0..100).map(|_| of(&kilter_app::new_id())).collect();
        assert!(names.len() > 95, "{names:?}");
        assert!(names.iter().all(|name| name.split('-').count() == 3));
    }
}
