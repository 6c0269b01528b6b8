//! Paths of a contract stay inside of the project.

use super::Location;

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
    if text.contains(char::is_control) {
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
    match parts.first() {
        None => Err("is the project itself"),
        // Written without the `./` before them, these would be read as another place.
        Some(first) if first.trim().is_empty() || first.starts_with('~') || first.contains(':') => {
            Err("begins with a name that is read as another place")
        }
        Some(_) => Ok(parts.join("/")),
    }
}

/// Where data comes from: a file inside of the project, or a place with one of the known schemes.
pub(super) fn location(text: &str) -> Result<Location, String> {
    // One letter before the colon is a drive, which `inside` refuses.
    let scheme = text.split_once(':').map(|(scheme, _)| scheme).filter(|scheme| scheme.len() > 1);
    match scheme {
        Some("s3" | "https") => remote(text),
        Some("http") if is_loopback(text) => remote(text),
        Some("http") => Err(format!("`{text}` sends data without encryption: write https://")),
        Some("sql") => match inside(text.trim_start_matches("sql:")) {
            Ok(path) => Ok(Location::Remote(format!("sql:{path}"))),
            Err(why) => Err(format!("the file of the query in `{text}` {why}: {STAY_INSIDE}")),
        },
        Some(scheme) if scheme.chars().all(|c| c.is_ascii_alphanumeric()) => Err(format!(
            "`{scheme}:` is not a place that data comes from: write a path in the project, or s3://, https://, sql:"
        )),
        _ => match inside(text) {
            Ok(path) => Ok(Location::File(path)),
            Err(why) => Err(format!("`{text}` {why}: {STAY_INSIDE}")),
        },
    }
}

/// An address that holds no secret: it stands in Git, and in messages.
fn remote(text: &str) -> Result<Location, String> {
    let (_, rest) = text.split_once("://").unwrap_or((text, ""));
    let host = rest.split('/').next().unwrap_or_default();
    if !text.contains("://") || host.is_empty() || text.contains(char::is_whitespace) || text.contains(char::is_control)
    {
        return Err(format!("`{text}` is not an address: write s3://BUCKET/KEY or https://HOST/PATH"));
    }
    match host.contains('@') {
        true => Err("an address in a contract holds no user and no password: it stands in Git".to_owned()),
        false => Ok(Location::Remote(text.to_owned())),
    }
}

/// Whether an address is on this machine.
fn is_loopback(text: &str) -> bool {
    let host = text.trim_start_matches("http://").split('/').next().unwrap_or_default();
    let host = host.rsplit_once(':').map_or(host, |(host, _)| host);
    ["127.0.0.1", "localhost", "[::1]"].contains(&host)
}

/// The hint of every path that is refused.
pub(super) const STAY_INSIDE: &str = "paths are relative to the folder of kilter.toml and stay inside of it";

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
        for text in [
            "../x",
            "a/../../x",
            "/etc/passwd",
            "~/x",
            "C:/x",
            "a\\b",
            "",
            " ",
            ".",
            "a/..",
            "a\0b",
            "./~x",
            "./s3:x",
            "./ /x",
        ] {
            assert!(inside(text).is_err(), "{text:?}");
        }
        assert_eq!(inside("./a//b/../c.csv").as_deref(), Ok("a/c.csv"));
        assert_eq!(inside("a/c.csv").as_deref(), Ok("a/c.csv"), "what was read once reads the same again");
        assert_eq!(inside("src/**/*.py").as_deref(), Ok("src/**/*.py"));
    }

    #[test]
    fn a_folder_overlaps_with_what_lies_in_it_and_not_with_its_namesake() {
        assert!(overlap("work", "work/model"));
        assert!(overlap("work/model", "work/model"));
        assert!(!overlap("work/model", "work/model2"));
    }
}
