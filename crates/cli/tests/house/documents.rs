//! What a person may type, set or read in an error is documented, and generated pages are fresh.

use std::{collections::BTreeSet, fs, process::Command};

use kilter_wire::Code;

use crate::source::{root, sources};

fn kilter(arguments: &[&str]) -> String {
    let answer = Command::new(env!("CARGO_BIN_EXE_kilter")).args(arguments).output().expect("kilter runs");
    assert!(answer.status.success(), "{}", String::from_utf8_lossy(&answer.stderr));
    String::from_utf8(answer.stdout).expect("kilter writes UTF-8")
}

#[test]
fn the_pages_that_are_made_from_the_code_are_fresh() {
    for (arguments, path) in [
        (&["reference", "cli"][..], "docs/reference/cli.md"),
        (&["reference", "errors"], "docs/reference/errors.md"),
        (&["reference", "rights"], "docs/reference/rights.md"),
    ] {
        let page = fs::read_to_string(root().join(path)).unwrap_or_default();
        assert!(
            page == kilter(arguments),
            "{path} is stale: write it again with `kilter {} > {path}`",
            arguments.join(" ")
        );
    }
}

#[test]
fn every_error_code_is_raised_somewhere() {
    let raised: String =
        sources().iter().filter(|source| source.floor != "wire").map(|source| source.code.as_str()).collect();
    let words: BTreeSet<&str> = raised.split(|c: char| !c.is_alphanumeric() && c != ':' && c != '_').collect();
    for code in Code::ALL {
        let raised = words.contains(format!("Code::{}", code.variant()).as_str());
        assert!(raised, "no code of the house raises {}: strike it from wire/src/code.rs", code.variant());
    }
}

#[test]
fn every_environment_variable_that_is_read_is_documented() {
    let page = fs::read_to_string(root().join("docs/reference/cli.md")).expect("the page can be read");
    for source in sources() {
        for (at, _) in source.text.match_indices("\"KILTER_") {
            let name: String =
                source.text[at + 1..].chars().take_while(|c| c.is_ascii_uppercase() || *c == '_').collect();
            let is_prefix = name.ends_with('_');
            assert!(
                is_prefix || page.contains(&format!("`{name}`")),
                "{}: {name} is not in cli/src/settings.rs",
                source.path
            );
        }
    }
}
