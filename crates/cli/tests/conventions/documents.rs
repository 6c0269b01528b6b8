//! What a person may type, set or read in an error is documented, and generated pages are fresh.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    process::Command,
};

use kilter_api::Code;

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
        sources().iter().filter(|source| source.krate != "api").map(|source| source.code.as_str()).collect();
    let words: BTreeSet<&str> = raised.split(|c: char| !c.is_alphanumeric() && c != ':' && c != '_').collect();
    for code in Code::ALL {
        let raised = words.contains(format!("Code::{}", code.variant()).as_str());
        assert!(raised, "no code raises {}: strike it from api/src/code.rs", code.variant());
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
            // Tests write their committed pages with it.
            let is_of_tests = name == "KILTER_UPDATE";
            assert!(
                is_prefix || is_of_tests || page.contains(&format!("`{name}`")),
                "{}: {name} is not in cli/src/env.rs",
                source.path
            );
        }
    }
}

/// The options of each command, by its name; those of every command stand under the empty name.
fn options_by_command() -> BTreeMap<String, BTreeSet<String>> {
    let page = fs::read_to_string(root().join("docs/reference/cli.md")).expect("the page can be read");
    let mut commands: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut command = String::new();
    for line in page.lines() {
        if let Some(heading) = line.trim_start_matches('#').strip_prefix(' ').filter(|_| line.starts_with('#')) {
            command = heading.strip_prefix("kilter ").unwrap_or_default().to_owned();
        }
        commands.entry(command.clone()).or_default().extend(options_in(line));
    }
    commands
}

/// The long options that a text names.
fn options_in(text: &str) -> impl Iterator<Item = String> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'));
    words.filter(|word| word.starts_with("--") && word.len() > 3).map(str::to_owned)
}

/// What stands between backticks after `kilter`, or after a colon: `kilter run --force`.
fn commands_in(text: &str) -> Vec<String> {
    let quoted = text.split('`').skip(1).step_by(2).filter_map(|quoted| quoted.strip_prefix("kilter "));
    let result =
        text.split(": kilter ").skip(1).map(|rest| rest.split(['"', ';', ',', '`', '(']).next().unwrap_or_default());
    quoted.chain(result).map(str::to_owned).collect()
}

/// `Usage: ` and the line fit into a terminal of 100 columns.
#[test]
fn usage_lines_fit_into_100_columns() {
    let page = fs::read_to_string(root().join("docs/reference/cli.md")).expect("the page can be read");
    let usages: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix("    kilter ")).collect();
    assert!(usages.len() > 80, "{}", usages.len());
    for usage in usages {
        assert!("Usage: kilter ".len() + usage.chars().count() <= 100, "kilter {usage}");
    }
}

#[test]
fn every_command_and_option_that_a_text_names_is_there() {
    let commands = options_by_command();
    let everywhere: BTreeSet<&String> = commands.values().flatten().collect();
    // Those that make the pages of the repository, and help, are in no page of commands.
    let hidden = ["help", "reference", "COMMAND"];
    let mut named = 0;
    for source in sources() {
        let lines = source.text.lines().map(str::trim).filter(|line| !line.starts_with("//"));
        for text in lines.collect::<Vec<_>>().join("\n").replace("\\\n", "").lines() {
            for asked in commands_in(text) {
                let words: Vec<&str> = asked.split_whitespace().collect();
                let (one, two) = (words.first().copied().unwrap_or_default(), words[..words.len().min(2)].join(" "));
                // A name that is filled in is not known here.
                if hidden.contains(&one) || one.starts_with('{') {
                    continue;
                }
                named += 1;
                let name = if commands.contains_key(&two) { two.as_str() } else { one };
                assert!(commands.contains_key(name), "{}: there is no `kilter {asked}`", source.path);
                for option in options_in(&asked) {
                    let of = |name: &str| commands.get(name).is_some_and(|options| options.contains(&option));
                    assert!(of(name) || of(""), "{}: `kilter {name}` has no {option}: {asked}", source.path);
                }
            }
            for option in
                text.split('`').skip(1).step_by(2).filter(|quoted| quoted.starts_with("--")).flat_map(options_in)
            {
                assert!(everywhere.contains(&option), "{}: no command has {option}: {text}", source.path);
            }
        }
    }
    assert!(named > 80, "texts were looked at: {named}");
}
