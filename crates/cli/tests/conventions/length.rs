//! Functions fit on a screen, files hold one subject. What is longer stands in a list that may only shrink.

use std::{collections::BTreeMap, fs};

use crate::source::{item_end, root, sources};

const MAX_FUNCTION: usize = 70;
const MAX_FILE: usize = 500;
const ALLOWED: &str = "crates/cli/tests/conventions/longer.txt";

#[test]
fn functions_and_files_stay_small_and_the_list_of_longer_ones_only_shrinks() {
    let longer = longer();
    let allowed = allowed();
    let mut wrong = Vec::new();
    for (thing, lines) in &longer {
        match allowed.get(thing) {
            None => wrong.push(format!(
                "{thing} has {lines} lines: split it (a function has at most {MAX_FUNCTION}, a file {MAX_FILE})"
            )),
            Some(limit) if lines > limit => wrong.push(format!("{thing} grew from {limit} to {lines} lines: split it")),
            Some(limit) if lines < limit => {
                wrong.push(format!("{thing} shrank to {lines} lines: write that into {ALLOWED}"))
            }
            Some(_) => {}
        }
    }
    wrong.extend(
        allowed
            .keys()
            .filter(|thing| !longer.contains_key(*thing))
            .map(|thing| format!("{thing} is small now: strike it from {ALLOWED}")),
    );
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// Every function and file that is longer than it should be, and its lines.
fn longer() -> BTreeMap<String, usize> {
    let mut found = BTreeMap::new();
    for source in sources() {
        let lines = source.code.trim_end().lines().count();
        if lines > MAX_FILE {
            found.insert(source.path.clone(), lines);
        }
        for (name, lines) in functions(&source.code).into_iter().filter(|(_, lines)| *lines > MAX_FUNCTION) {
            let longest = found.entry(format!("{}::{name}", source.path)).or_insert(lines);
            *longest = lines.max(*longest);
        }
    }
    found
}

/// The functions of blanked code, and their lines from the signature to the closing brace.
fn functions(code: &str) -> Vec<(String, usize)> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("fn ") {
        let before = code[..at].chars().next_back();
        let name: String = code[at + 3..].chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        if before.is_none_or(|c| c.is_whitespace() || c == '(') && !name.is_empty() {
            let body = &code[at..item_end(code, at)];
            found.push((name, body.lines().count()));
        }
    }
    found
}

fn allowed() -> BTreeMap<String, usize> {
    let text = fs::read_to_string(root().join(ALLOWED)).expect("the list can be read");
    let line = |line: &str| {
        let (thing, lines) = line.split_once(' ').expect("a line is a thing and its lines");
        (thing.to_owned(), lines.trim().parse().expect("lines are a number"))
    };
    text.lines().filter(|text| !text.starts_with('#') && !text.trim().is_empty()).map(line).collect()
}

#[test]
fn the_length_of_a_function_is_counted_from_its_signature_to_its_last_brace() {
    assert_eq!(
        functions("fn a() {\n  if x {\n }\n}\nfn b();\nlet f: fn (u8) = x;"),
        [("a".into(), 4), ("b".into(), 1)]
    );
}
