//! A change needs a right that was earned: what the types cannot say of it is held here, over the sources.
//!
//! The types say: the entry of a change is made from an `AuthorizedContext`, and a row of an audited table is written with an entry
//! (`AuditedTx`). Left to this test: nobody writes an entry as a literal, the ways to the right that ask for no role stay the few
//! that are listed, and what is written without an entry is bookkeeping.

use std::collections::BTreeSet;

use crate::source::{Source, sources};

/// The product: who could change something.
const PRODUCT: &[&str] = &["app", "cli", "server"];

/// Where an entry is put together.
const ENTRY: &str = "crates/app/src/authz/authorized.rs";

/// Ways to an `AuthorizedContext` that ask for no role, and the modules of `app` that take them.
const WITHOUT_ROLE: &[(&str, &[&str])] = &[
    // The platform does by itself what the contract says.
    (
        "system",
        &[
            "approval/lapse",
            "approval/settle",
            "audit/sign",
            "break_glass",
            "data_folder/recovery",
            "deployment/auto_deploy",
            "garbage/collect",
            "garbage/expired",
            "gate/transition",
            "monitor/evaluate",
            "publish/push_approved",
            "reconcile/project",
            "reconcile/projects",
        ],
    ),
    // A person was let in just now.
    ("logged_in", &["identity/login"]),
    // An account and its tokens are of whoever they belong to.
    ("own", &["identity/accounts", "identity/tokens"]),
    // A command on files of the data folder.
    ("of_folder", &["data_folder/integrity"]),
];

/// Modules of `app` that write without an entry: bookkeeping of what is recorded, measured, sent and held, and no state that
/// anybody decides about.
const BOOKKEEPING: &[&str] = &[
    "audit/publish",
    "audit/sign",
    "column_stats/collect",
    "components/leases",
    "data_folder/layout",
    "deployment/rollout",
    "events/outbox",
    "identity/authenticate",
    "monitor/endpoint_monitor",
    "monitor/readings",
    "monitor/usage",
    "objective/measure",
    "prediction/compact",
    "prediction/expire",
    "prediction/merge_partitions",
    "prediction/open_log",
    "replicas",
    "webhook/outbox",
];

/// Modules of `app` that write what clients log and register, without an entry. They ask for the right by `tracking/access` and
/// `registry/access`, and no type holds them to it: a check that is forgotten here compiles.
const LOGGED_BY_CLIENTS: &[&str] = &[
    "registry/aliases",
    "registry/models",
    "registry/package",
    "registry/versions",
    "tracking/artifacts",
    "tracking/experiments",
    "tracking/logged_models",
    "tracking/runs",
];

fn product() -> impl Iterator<Item = Source> {
    sources().into_iter().filter(|source| PRODUCT.contains(&source.krate.as_str()))
}

/// `approval/lapse` of `crates/app/src/approval/lapse.rs`; the whole path in another crate.
fn module(path: &str) -> &str {
    path.strip_prefix("crates/app/src/").and_then(|path| path.strip_suffix(".rs")).unwrap_or(path)
}

#[test]
fn an_entry_is_put_together_in_one_place_from_whoever_has_the_right() {
    let literal = |code: &str| {
        code.match_indices("AuditEvent {").any(|(at, _)| {
            let before = code[..at].trim_end();
            // Behind an arrow it is the type that a function returns.
            !before.ends_with("->") && !before.ends_with("struct")
        })
    };
    let found: Vec<String> = product().filter(|source| literal(&source.code)).map(|source| source.path).collect();
    assert_eq!(found, [ENTRY], "make the entry of a change by `AuthorizedContext::audit_event`");
}

#[test]
fn the_ways_to_a_right_that_ask_for_no_role_are_few() {
    for (way, expected) in WITHOUT_ROLE {
        let call = format!("AuthorizedContext::{way}(");
        let callers: BTreeSet<String> = product()
            .filter(|source| source.code.contains(&call))
            .map(|source| module(&source.path).to_owned())
            .collect();
        let expected: BTreeSet<String> = expected.iter().map(|&name| name.to_owned()).collect();
        assert_eq!(
            callers, expected,
            "`{call}`: ask for the right by `permit`, or say here why nobody has to be asked"
        );
    }
}

/// Each piece of code that is handed to `Store::write`.
fn writes(code: &str) -> Vec<&str> {
    let begins = code.match_indices(".write(").map(|(at, call)| at + call.len());
    let takes_transaction = |rest: &&str| {
        let rest = rest.trim_start();
        rest.strip_prefix("move").map_or(rest, str::trim_start).starts_with("|tx|")
    };
    begins.map(|at| &code[at..]).filter(takes_transaction).map(|rest| &rest[..end_of_call(rest)]).collect()
}

fn end_of_call(rest: &str) -> usize {
    let mut depth = 1;
    for (at, letter) in rest.char_indices() {
        match letter {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

#[test]
fn what_is_written_without_an_entry_is_bookkeeping() {
    let (mut with_entry, mut without) = (0, BTreeSet::new());
    for source in product() {
        for write in writes(&source.code) {
            match write.contains("audited(") {
                true => with_entry += 1,
                false => drop(without.insert(module(&source.path).to_owned())),
            }
        }
    }
    let expected: BTreeSet<String> = BOOKKEEPING.iter().chain(LOGGED_BY_CLIENTS).map(|&name| name.to_owned()).collect();
    assert_eq!(without, expected, "write an entry with the change, or say here that nobody decides about it");
    assert!(with_entry > 40, "the writes were not found: {with_entry}");
}
