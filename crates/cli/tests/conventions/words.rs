//! How sources open, and which words do not stand in them.

use crate::source::sources;

#[test]
fn every_module_opens_with_what_it_is_for() {
    let silent: Vec<_> = sources()
        .into_iter()
        .filter(|source| !source.text.trim_start().starts_with("//!"))
        .map(|source| source.path)
        .collect();
    assert!(silent.is_empty(), "these do not open with `//!`: {silent:#?}");
}

#[test]
fn nothing_panics_on_purpose_or_is_left_for_later() {
    let mut found = Vec::new();
    for source in sources() {
        for word in [".unwrap()", "panic!(", "todo!(", "unimplemented!(", "dbg!("] {
            found.extend(source.code.contains(word).then(|| format!("{}: {word}", source.path)));
        }
    }
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn only_the_output_of_the_command_line_writes_to_the_terminal() {
    let mut found = Vec::new();
    for source in sources().iter().filter(|source| source.path != "crates/cli/src/ui/output.rs") {
        for word in ["println!(", "print!(", "eprintln!(", "eprint!(", "io::stdout()", "io::stderr()"] {
            found.extend(source.code.contains(word).then(|| format!("{}: {word}", source.path)));
        }
    }
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn the_words_and_the_numbers_touch_no_clock_file_or_socket() {
    let mut found = Vec::new();
    for source in sources().iter().filter(|source| ["domain", "stats"].contains(&source.krate.as_str())) {
        for word in [
            "SystemTime",
            "Instant::",
            "Timestamp::now",
            "Zoned::now",
            "std::fs",
            "std::net",
            "std::env",
            "std::process",
            "File::",
        ] {
            found.extend(source.code.contains(word).then(|| format!("{}: {word}", source.path)));
        }
    }
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

/// What `docs/glossary.md` and the style of the field replace.
#[test]
fn names_that_were_replaced_do_not_come_back() {
    let mut found = Vec::new();
    for source in sources() {
        let words = source.code.split(|c: char| !c.is_alphanumeric() && c != '_');
        let is_replaced = |word: &&str| word.starts_with("MOST_") || word.starts_with("LEAST_");
        found.extend(
            words.filter(is_replaced).map(|word| format!("{}: {word} (bounds are MAX_ and MIN_)", source.path)),
        );
    }
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}
