//! The sources of the workspace, read once and looked at as text.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The folder that the workspace stands in.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("crates/cli stands two below the root").to_owned()
}

/// One source file.
pub struct Source {
    /// Path below the root.
    pub path: String,
    /// The crate (folder of the crate).
    pub krate: String,
    /// The text as it stands.
    pub text: String,
    /// The same with comments, texts and test modules blanked out, line for line.
    pub code: String,
}

/// Every `.rs` file below `crates/*/src`, in order.
pub fn sources() -> Vec<Source> {
    let root = root();
    let mut found = Vec::new();
    for krate in crates() {
        let mut paths = Vec::new();
        walk(&root.join("crates").join(&krate).join("src"), &mut paths);
        paths.sort();
        let read = |path| (fs::read_to_string(&path).expect("a source file can be read"), path);
        let files: Vec<(String, PathBuf)> = paths.into_iter().map(read).collect();
        let tests: Vec<String> = files.iter().flat_map(|(text, _)| test_modules(text)).collect();
        for (text, path) in files {
            let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
            if tests.iter().any(|name| name == stem) {
                continue;
            }
            let code = without_tests(&blanked(&text));
            let path = path.strip_prefix(&root).expect("it is below the root").display().to_string();
            found.push(Source { path, krate: krate.clone(), text, code });
        }
    }
    assert!(found.len() > 50, "the sources were not found: {}", found.len());
    found
}

/// The modules that a file declares for tests alone, and the tables that it includes.
fn test_modules(text: &str) -> Vec<String> {
    let included = text.split("include!(\"").skip(1).filter_map(|rest| rest.split_once(".rs\""));
    let included = included.map(|(name, _)| name.to_owned());
    let declared = text.split("#[cfg(test)]").skip(1).filter_map(|rest| rest.trim_start().lines().next());
    let name = |line: &str| Some(line.strip_suffix(';')?.rsplit_once("mod ")?.1.to_owned());
    declared.filter_map(name).chain(included).collect()
}

/// The folders of `crates`, in order.
pub fn crates() -> Vec<String> {
    let folder = fs::read_dir(root().join("crates")).expect("the workspace has crates");
    let mut crates: Vec<_> = folder
        .filter_map(Result::ok)
        .filter(|entry| entry.path().join("Cargo.toml").is_file())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    crates.sort();
    crates
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok) {
        let path = entry.path();
        if path.is_dir() {
            walk(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") && !is_test_file(&path) {
            found.push(path);
        }
    }
}

/// A module of tests in a file of its own.
fn is_test_file(path: &Path) -> bool {
    let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    stem == "tests" || stem.ends_with("_tests") || path.components().any(|part| part.as_os_str() == "tests")
}

/// `text` with the inside of comments, texts and characters replaced by spaces; line breaks stay.
pub fn blanked(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let end = skipped(bytes, at);
        for byte in &mut out[at..end] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
        at = end.max(at + 1);
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Where the comment, text or character that begins at `at` ends; `at` itself when none begins there.
fn skipped(bytes: &[u8], at: usize) -> usize {
    let rest = &bytes[at..];
    let find = |needle: &[u8], from: usize| {
        rest[from..]
            .windows(needle.len())
            .position(|w| w == needle)
            .map_or(bytes.len(), |found| at + from + found + needle.len())
    };
    let is_word = at > 0 && (bytes[at - 1].is_ascii_alphanumeric() || bytes[at - 1] == b'_');
    match rest {
        [b'/', b'/', ..] => rest.iter().position(|&b| b == b'\n').map_or(bytes.len(), |line| at + line),
        [b'/', b'*', ..] => find(b"*/", 2),
        [b'r', b'"' | b'#', ..] if !is_word => raw_text(bytes, at),
        [b'b', b'r', b'"' | b'#', ..] if !is_word => raw_text(bytes, at + 1),
        [b'"', ..] => quoted(bytes, at, b'"'),
        [b'\'', b'\\', ..] => quoted(bytes, at, b'\''),
        [b'\'', ..] if is_character(rest) => quoted(bytes, at, b'\''),
        _ => at,
    }
}

/// `'x'` is a character, `'x` a lifetime.
fn is_character(rest: &[u8]) -> bool {
    let width = match rest.get(1) {
        Some(0xF0..) => 4,
        Some(0xE0..) => 3,
        Some(0xC0..) => 2,
        _ => 1,
    };
    rest.get(1 + width) == Some(&b'\'')
}

fn quoted(bytes: &[u8], at: usize, quote: u8) -> usize {
    let mut end = at + 1;
    while end < bytes.len() && bytes[end] != quote {
        end += if bytes[end] == b'\\' { 2 } else { 1 };
    }
    (end + 1).min(bytes.len())
}

fn raw_text(bytes: &[u8], at: usize) -> usize {
    let hashes = bytes[at + 1..].iter().take_while(|&&b| b == b'#').count();
    if bytes.get(at + 1 + hashes) != Some(&b'"') {
        return at; // `r#name`
    }
    let close: Vec<u8> = std::iter::once(b'"').chain(std::iter::repeat_n(b'#', hashes)).collect();
    let from = at + 2 + hashes;
    bytes[from..].windows(close.len()).position(|w| w == close).map_or(bytes.len(), |found| from + found + close.len())
}

/// Blanked code without its `#[cfg(test)]` items.
fn without_tests(code: &str) -> String {
    let mut out = code.as_bytes().to_vec();
    let mut from = 0;
    while let Some(found) = code[from..].find("#[cfg(test)]") {
        let start = from + found;
        let end = item_end(code, start);
        for byte in &mut out[start..end] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
        from = end;
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Where the item that begins at `start` of blanked code ends: at its closing brace, or at a semicolon before one.
pub fn item_end(code: &str, start: usize) -> usize {
    let mut depth = 0;
    for (offset, byte) in code.bytes().enumerate().skip(start) {
        match byte {
            b'{' => depth += 1,
            b'}' if depth <= 1 => return offset + 1,
            b'}' => depth -= 1,
            b';' if depth == 0 => return offset + 1,
            _ => {}
        }
    }
    code.len()
}

#[test]
fn texts_and_comments_are_not_taken_for_code() {
    let text =
        "fn a() { \"}\"; '}'; /* } */ r#\"}\"#; // }\n}\nfn b<'x>(_: &'x u8) {}\n#[cfg(test)]\nmod t { fn c() {} }\n";
    let code = without_tests(&blanked(text));
    assert_eq!(code.matches('}').count(), 2, "{code}");
    assert_eq!(code.lines().count(), text.lines().count());
    assert!(code.contains("fn b<'x>") && !code.contains("fn c"), "{code}");
}
