//! How sources open, and which words do not stand in them.

use std::fs;

use crate::source::{root, sources};

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

/// Names that the words of the field replaced, and what replaced them (`docs/glossary.md`, `docs/contributing/naming.md`).
const REPLACED: &[(&str, &str)] = &[
    ("AppError", "the error of the use case"),
    ("Asks", "Requirement"),
    ("Audited", "AuditedTx"),
    ("Belief", "Alternative"),
    ("Bench", "GateEvaluation"),
    ("DOORS", "ACCESS_RULES"),
    ("Decides", "DecisionThreshold"),
    ("Door", "AccessRule"),
    ("EndpointProfile", "EndpointColumnStats"),
    ("FalseAlarms", "FalseAlarmRate"),
    ("Frozen", "ReferenceDistribution"),
    ("Governance", "ApprovalMode"),
    ("GrewBy", "GrowthThreshold"),
    ("Guess", "RunningMoments"),
    ("Hold", "Hysteresis"),
    ("House", "AppState"),
    ("KnownData", "TrainingSource"),
    ("Loan", "PooledReader"),
    ("Metered", "MetricValue"),
    ("Mover", "VersionTransition"),
    ("Patience", "FireAfter"),
    ("Picture", "ChartData"),
    ("ProfileColumn", "ColumnSummary"),
    ("ProfileDistance", "ColumnDistance"),
    ("ProfileQuery", "ColumnStatsQuery"),
    ("ProjectFiles", "FileSource"),
    ("Reach", "ConnectArgs"),
    ("Refusal", "V2Error"),
    ("RuleWord", "RuleStatus"),
    ("Scene", "EndpointMonitor"),
    ("Tell", "Reporter"),
    ("Thin", "TooFew"),
    ("Urn", "PolyaUrn"),
    ("VersionProfile", "VersionColumnStats"),
    ("Watched", "TrackedColumn"),
    ("WrongState", "InvalidState"),
    ("Wish", "RunOverrides"),
    ("because", "reason"),
    ("complain", "a line to standard error"),
    ("doorbell", "commit_notify"),
    ("keep_profiles", "keep_column_stats"),
    ("ledger", "audit log"),
    ("way_out", "hint"),
];

#[test]
fn names_that_were_replaced_do_not_come_back() {
    let mut found = Vec::new();
    for source in sources() {
        for word in source.code.split(|c: char| !c.is_alphanumeric() && c != '_') {
            let bound = word.starts_with("MOST_") || word.starts_with("LEAST_");
            let instead = REPLACED.iter().find(|(old, _)| *old == word).map(|(_, new)| *new);
            let instead = if bound { Some("MAX_ and MIN_") } else { instead };
            found.extend(instead.map(|new| format!("{}: {word} is called {new}", source.path)));
        }
    }
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

/// Keys, options and commands of earlier builds, as a page or an example would write them.
const REPLACED_TEXTS: &[&str] = &[
    "--because",
    "monitor.accuracy",
    "[monitor] accuracy",
    "false_alarms =",
    "kilter fit ",
    "kilter score ",
    "kilter split ",
    "kilter run --explain",
    "kilter run list",
    "kilter monitor profile",
    "kilter monitor rules",
];

#[test]
fn pages_and_examples_use_the_words_of_today() {
    let mut found = Vec::new();
    for (path, text) in texts() {
        // Both say what was called differently before.
        if path == "CHANGELOG.md" || path.starts_with("docs/decisions/") {
            continue;
        }
        found.extend(REPLACED_TEXTS.iter().filter(|old| text.contains(**old)).map(|old| format!("{path}: {old}")));
    }
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

/// Pages and examples: every `.md` and `.toml` below the root, `docs` and `examples`.
fn texts() -> Vec<(String, String)> {
    let (mut open, mut found) = (vec![root().join("docs"), root().join("examples")], Vec::new());
    let at_root = fs::read_dir(root()).into_iter().flatten().filter_map(Result::ok).map(|entry| entry.path());
    let mut paths: Vec<_> = at_root.filter(|path| path.is_file()).collect();
    while let Some(folder) = open.pop() {
        for path in fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok).map(|entry| entry.path()) {
            let list = if path.is_dir() { &mut open } else { &mut paths };
            list.push(path);
        }
    }
    for path in paths.into_iter().filter(|path| path.extension().is_some_and(|end| end == "md" || end == "toml")) {
        let text = fs::read_to_string(&path).expect("a page can be read");
        let name = path.strip_prefix(root()).expect("it is below the root").display().to_string();
        found.push((name, text));
    }
    assert!(found.len() > 40, "the pages were not found: {}", found.len());
    found
}
