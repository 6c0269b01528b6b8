//! What the reference implementations answer, and whether we answer the same.
//!
//! Reads the set in the folder that `KILTER_ORACLES` names (default: the copy beside this file), answers every case by
//! its metric and parameters, prints how many passed, failed and were skipped, and writes the answers as
//! `{case id: answer}` to the file that `KILTER_ANSWERS` names.

#[path = "answers/mod.rs"]
mod answers;

use answers::set::{Set, misses};
use std::path::PathBuf;

#[test]
fn every_number_agrees_with_the_reference_implementations() {
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/oracles");
    let folder = std::env::var_os("KILTER_ORACLES").map_or(beside, PathBuf::from);
    let set = Set::open(&folder).unwrap();
    let (mut passed, mut failed, mut skipped) = (0, 0, 0);
    let mut written = serde_json::Map::new();
    for case in &set.cases {
        match answers::answer(&set, case) {
            None => {
                skipped += 1;
                println!("skipped {} ({})", case.id, case.metric);
            }
            Some(Err(error)) => {
                failed += 1;
                println!("failed {}: {error}", case.id);
            }
            Some(Ok(answer)) => {
                let misses = compared(case, &answer);
                if misses.is_empty() {
                    passed += 1;
                } else {
                    failed += 1;
                    println!(
                        "failed {}: {} ({} in all)",
                        case.id,
                        misses[..misses.len().min(3)].join("; "),
                        misses.len()
                    );
                }
                written.insert(case.id.clone(), answer);
            }
        }
    }
    if let Some(file) = std::env::var_os("KILTER_ANSWERS") {
        std::fs::write(file, serde_json::Value::Object(written).to_string()).unwrap();
    }
    println!("{passed} passed, {failed} failed, {skipped} skipped");
    assert_eq!(failed, 0, "see the cases above");
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
