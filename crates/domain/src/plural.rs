//! Counts in sentences: `1 row`, `2 rows`, `1 entry`, `0 entries`.

use std::fmt::Display;

/// `count` things of a kind; `one` is the name of one, with the regular plural of its last word.
///
/// ```
/// use kilter_domain::plural::counted;
/// assert_eq!([counted(1, "open alert"), counted(2, "open alert")], ["1 open alert", "2 open alerts"]);
/// assert_eq!([counted(1, "entry"), counted(0, "entry"), counted(2, "day")], ["1 entry", "0 entries", "2 days"]);
/// ```
pub fn counted(count: impl Display + Copy + TryInto<u64>, one: &str) -> String {
    if plural(count, true, false) {
        return format!("{count} {one}");
    }
    match one.strip_suffix('y').filter(|stem| !stem.ends_with(['a', 'e', 'o', 'u'])) {
        Some(stem) => format!("{count} {stem}ies"),
        None => format!("{count} {one}s"),
    }
}

/// What is said of one thing, else what is said of any other number of them.
///
/// ```
/// use kilter_domain::plural::plural;
/// assert_eq!([1, 0, 2].map(|count| plural(count, "is", "are")), ["is", "are", "are"]);
/// ```
pub fn plural<T>(count: impl TryInto<u64>, one: T, many: T) -> T {
    if count.try_into().is_ok_and(|count| count == 1) { one } else { many }
}
