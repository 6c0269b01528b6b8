//! Crates depend downwards, on allowed neighbours; every dependency from outside has its reason.

use std::{collections::BTreeSet, fs};

use toml::{Table, Value};

use crate::source::{crates, root};

/// Which crates each crate may stand on. A crate that is missing here may not exist.
pub const ALLOWED: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("stats", &[]),
    ("report", &[]),
    // The files of the web UI.
    ("web", &[]),
    ("api", &["domain"]),
    // What the command line and SDKs speak: over HTTP, or to a router that is handed in.
    ("client", &["domain", "api"]),
    // Copies what MLflow's servers and folders have, both ways.
    ("mlflow", &["domain", "api", "client"]),
    ("keys", &["domain"]),
    ("inference", &["domain", "stats"]),
    ("train", &["domain", "stats", "inference"]),
    // Models that our own kernels do not read.
    ("runtimes", &["domain", "inference"]),
    ("storage", &["domain"]),
    ("blobs", &["domain", "storage"]),
    ("store", &["domain"]),
    ("lake", &["domain", "stats", "storage"]),
    ("workflow", &["domain", "blobs", "lake"]),
    ("serving", &["domain", "stats", "inference"]),
    ("evaluation", &["domain", "stats", "inference", "lake", "serving"]),
    ("package", &["domain", "keys", "inference", "storage", "blobs", "lake", "serving", "evaluation"]),
    (
        "app",
        &[
            "domain",
            "stats",
            "keys",
            "inference",
            "storage",
            "blobs",
            "store",
            "workflow",
            "lake",
            "serving",
            "evaluation",
            "package",
            "runtimes",
        ],
    ),
    // Lists are read from the store as they stand; every change goes through an intention of `app`.
    ("server", &["domain", "web", "api", "serving", "store", "workflow", "app"]),
    // Commands that need no project (`train`, `sql`, `score`) stand on the crate that does the work.
    (
        "cli",
        &[
            "domain",
            "stats",
            "api",
            "inference",
            "train",
            "lake",
            "report",
            "workflow",
            "evaluation",
            "app",
            "server",
            "client",
            "mlflow",
        ],
    ),
];

fn manifest(path: &str) -> Table {
    fs::read_to_string(root().join(path)).expect("the manifest can be read").parse().expect("the manifest is TOML")
}

/// The dependencies of a section of a crate's manifest.
fn section(krate: &str, name: &str) -> Table {
    manifest(&format!("crates/{krate}/Cargo.toml")).get(name).and_then(Value::as_table).cloned().unwrap_or_default()
}

#[test]
fn every_crate_depends_only_on_those_it_may_depend_on() {
    let known: BTreeSet<_> = ALLOWED.iter().map(|(krate, _)| *krate).collect();
    for krate in crates() {
        assert!(
            known.contains(krate.as_str()),
            "crate {krate} has no neighbours yet: add it to the table and to ARCHITECTURE.md"
        );
    }
    for (krate, allowed) in ALLOWED {
        for name in section(krate, "dependencies").keys() {
            if let Some(neighbour) = name.strip_prefix("kilter-") {
                assert!(allowed.contains(&neighbour), "{krate} may not stand on {neighbour}");
            }
        }
    }
}

#[test]
fn no_crate_depends_on_one_above_it_not_even_in_tests() {
    let height = |krate: &str| ALLOWED.iter().position(|(name, _)| *name == krate);
    for (krate, _) in ALLOWED {
        for name in section(krate, "dev-dependencies").keys().filter_map(|name| name.strip_prefix("kilter-")) {
            assert!(height(name) < height(krate), "the tests of {krate} stand on {name}, which is above it");
        }
    }
}

#[test]
fn every_dependency_takes_its_version_from_the_workspace() {
    for krate in crates() {
        for kind in ["dependencies", "dev-dependencies", "build-dependencies"] {
            for (name, value) in section(&krate, kind) {
                let shared = value.get("workspace").and_then(Value::as_bool) == Some(true);
                assert!(shared, "{krate}: {name} in {kind} must be `workspace = true`");
            }
        }
    }
}

#[test]
fn every_dependency_from_outside_has_its_reason_and_is_used() {
    let text = fs::read_to_string(root().join("Cargo.toml")).expect("the manifest can be read");
    let used: BTreeSet<String> = crates()
        .iter()
        .flat_map(|krate| ["dependencies", "dev-dependencies", "build-dependencies"].map(|kind| section(krate, kind)))
        .flat_map(|section| section.keys().cloned().collect::<Vec<_>>())
        .collect();
    let workspace = manifest("Cargo.toml");
    let dependencies = workspace["workspace"]["dependencies"].as_table().expect("the workspace has dependencies");
    for name in dependencies.keys() {
        assert!(used.contains(name), "no crate uses {name}: strike it from the workspace");
        let line = text.lines().find(|line| line.starts_with(&format!("{name} = "))).expect("it stands on one line");
        let has_reason = line.split_once(" # ").is_some_and(|(_, reason)| reason.trim().len() > 10);
        assert!(has_reason || name.starts_with("kilter-"), "{name} in Cargo.toml needs its reason as a comment");
    }
}
