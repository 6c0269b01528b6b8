//! Paths of a contract stay inside of the project.

/// The path with `.` and doubled `/` taken out, or why it is not one inside of the project.
///
/// Patterns (`src/**/*.py`) pass as paths do.
pub(super) fn inside(text: &str) -> Result<String, &'static str> {
    if text.trim().is_empty() {
        return Err("is empty");
    }
    if text.len() > 1_000 {
        return Err("is longer than a path can be");
    }
    if text.contains('\0') || text.contains('\n') {
        return Err("has a character that no path may have");
    }
    if text.contains('\\') {
        return Err("has a backslash: separate folders by `/`");
    }
    if text.starts_with('/') || text.starts_with('~') || text.chars().nth(1) == Some(':') {
        return Err("leaves the project: it is absolute");
    }
    let mut parts: Vec<&str> = Vec::new();
    for part in text.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.pop().is_none() => return Err("leaves the project"),
            ".." => {}
            part => parts.push(part),
        }
    }
    match parts.is_empty() {
        true => Err("is the project itself"),
        false => Ok(parts.join("/")),
    }
}

/// Whether one is the other, or lies in it.
pub(super) fn overlap(one: &str, other: &str) -> bool {
    let lies_in = |inner: &str, outer: &str| {
        inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    lies_in(one, other) || lies_in(other, one)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_leaves_the_project_is_refused() {
        for text in ["../x", "a/../../x", "/etc/passwd", "~/x", "C:/x", "a\\b", "", " ", ".", "a/..", "a\0b"] {
            assert!(inside(text).is_err(), "{text:?}");
        }
        assert_eq!(inside("./a//b/../c.csv").as_deref(), Ok("a/c.csv"));
        assert_eq!(inside("src/**/*.py").as_deref(), Ok("src/**/*.py"));
    }

    #[test]
    fn a_folder_overlaps_with_what_lies_in_it_and_not_with_its_namesake() {
        assert!(overlap("work", "work/model"));
        assert!(overlap("work/model", "work/model"));
        assert!(!overlap("work/model", "work/model2"));
    }
}
