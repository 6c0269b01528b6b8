//! What the reference implementations answer, and whether we answer the same.
//!
//! Reads the set in the folder that `KILTER_ORACLES` names (default: the copy beside this file), answers every case by
//! its metric and parameters, prints how many passed, failed and were skipped, and writes the answers as
//! `{case id: answer}` to the file that `KILTER_ANSWERS` names.

#[path = "answers/mod.rs"]
mod answers;

use answers::set::{Set, misses};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

#[test]
fn every_number_agrees_with_the_reference_implementations() {
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/oracles");
    let folder = std::env::var_os("KILTER_ORACLES").map_or(beside, PathBuf::from);
    let (mut passed, mut failed, mut skipped) = (0, 0, 0);
    let mut written = serde_json::Map::new();
    for (id, output) in answered(&folder) {
        match output {
            CommandOutput::Skipped(metric) => {
                skipped += 1;
                println!("skipped {id} ({metric})");
            }
            CommandOutput::Failed(error) => {
                failed += 1;
                println!("failed {id}: {error}");
            }
            CommandOutput::Answered(answer, misses) => {
                if misses.is_empty() {
                    passed += 1;
                } else {
                    failed += 1;
                    println!("failed {id}: {} ({} in all)", misses[..misses.len().min(3)].join("; "), misses.len());
                }
                written.insert(id, answer);
            }
        }
    }
    if let Some(file) = std::env::var_os("KILTER_ANSWERS") {
        std::fs::write(file, serde_json::Value::Object(written).to_string()).unwrap();
    }
    println!("{passed} passed, {failed} failed, {skipped} skipped");
    assert_eq!(failed, 0, "see the cases above");
}

enum CommandOutput {
    Skipped(String),
    Failed(String),
    Answered(serde_json::Value, Vec<String>),
}

/// Every case's answer, in order of the set. Processors share the cases; each reads the tables for itself.
fn answered(folder: &Path) -> Vec<(String, CommandOutput)> {
    let next = AtomicUsize::new(0);
    let work = || {
        let set = Set::open(folder).unwrap();
        let mut done = Vec::new();
        loop {
            // The last cases of a set are the longest, so they are taken first.
            let place = next.fetch_add(1, Ordering::Relaxed);
            let Some(place) = set.cases.len().checked_sub(place + 1) else { return done };
            let case = &set.cases[place];
            let output = match answers::answer(&set, case) {
                None => CommandOutput::Skipped(case.metric.clone()),
                Some(Err(error)) => CommandOutput::Failed(error),
                Some(Ok(answer)) => {
                    let misses = compared(case, &answer);
                    CommandOutput::Answered(answer, misses)
                }
            };
            done.push((place, (case.id.clone(), output)));
        }
    };
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let mut all: Vec<(usize, (String, CommandOutput))> = std::thread::scope(|scope| {
        let handles: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        handles.into_iter().flat_map(|handle| handle.join().unwrap()).collect()
    });
    all.sort_by_key(|(place, _)| *place);
    all.into_iter().map(|(_, output)| output).collect()
}

/// Behaviour is judged by its rule where it is answered; only numbers that the answer repeats are compared.
fn compared(case: &answers::set::Case, answer: &serde_json::Value) -> Vec<String> {
    if case.area != "behaviour" {
        return misses(&case.expected, answer, case.tolerance, "");
    }
    let expected = case.expected.as_object().into_iter().flatten();
    expected
        .filter_map(|(key, want)| answer.get(key).map(|got| misses(want, got, case.tolerance, key)))
        .flatten()
        .collect()
}
