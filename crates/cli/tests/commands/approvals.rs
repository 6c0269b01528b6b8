//! What people decide: approvals, refusals, alerts, labels; each with its entry.

use crate::{World, contract::project};

/// A project that asks a person, who is not its maker.
fn asking(rule: &str, roles: &str) -> World {
    let world = project("0.55");
    let contract = world.read("kilter.toml").replace("auto = true", "");
    world.write("kilter.toml", &format!("{contract}\n[approve]\nrule = \"{rule}\"\n[project.roles]\n{roles}\n"));
    world
}

fn by(world: &World, who: &str, arguments: &[&str]) -> (i32, String) {
    let output = world.command(arguments).env("USER", who).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout) + &text(output.stderr))
}

#[test]
fn a_version_waits_for_the_people_whom_the_contract_asks() {
    let roles = "validator = [\"user:ana\", \"user:ben\"]\noperator = [\"user:olga\"]\ndeveloper = [\"user:dev\"]\nadmin = [\"user:ida\"]";
    let world = asking("2 of validator", roles);
    assert_eq!(by(&world, "dev", &["run"]).0, 8, "it waits for people");
    assert_eq!(by(&world, "olga", &["deploy", "--version", "1"]).0, 6, "validated is not approved");
    assert_eq!(by(&world, "dev", &["approve", "churn@1"]).0, 5, "a developer does not approve");
    let (exit, shown) = by(&world, "ana", &["approve", "churn@1"]);
    assert!(exit == 8 && shown.contains("1 more validator"), "{shown}");
    assert_eq!(by(&world, "ana", &["approve", "churn@1"]).0, 8, "one person counts once");
    assert_eq!(by(&world, "ben", &["approve", "churn@1", "--reason", "calibrated on every region"]).0, 0);
    assert_eq!(by(&world, "ana", &["deploy", "--version", "1"]).0, 5, "a validator does not deploy");
    assert_eq!(by(&world, "olga", &["deploy", "--version", "1"]).0, 0);
    let entries = by(&world, "ana", &["audit", "list", "--json"]).1;
    let entries: serde_json::Value = serde_json::from_str(&entries).unwrap();
    let shown = |action: &str| {
        let entries = entries["entries"].as_array().unwrap();
        entries
            .iter()
            .find(|entry| entry["action"] == action)
            .unwrap_or_else(|| panic!("{action}: {entries:?}"))
            .clone()
    };
    let approved = shown("approved");
    assert_eq!((&approved["actor"], &approved["reason"]), (&"user:ben".into(), &"calibrated on every region".into()));
    assert_eq!(shown("deployment.request")["actor"], "user:olga");
    assert_eq!(by(&world, "ana", &["audit", "verify"]).0, 0);
}

#[test]
fn a_version_that_was_rejected_stays_so() {
    let world = asking("validator", "validator = [\"user:ana\"]\ndeveloper = [\"user:dev\"]\nadmin = [\"user:ida\"]");
    assert_eq!(by(&world, "dev", &["run"]).0, 8);
    assert_eq!(by(&world, "ana", &["reject", "churn@1", "--reason", " "]).0, 6, "a no needs its reason");
    assert_eq!(by(&world, "ana", &["reject", "churn@1", "--reason", "trained on returns"]).0, 0);
    let (exit, shown) = by(&world, "ana", &["approve", "churn@1"]);
    assert!(exit == 6 && shown.contains("a fix is a new version"), "{shown}");
    assert_eq!(by(&world, "ana", &["model", "show", "churn@7"]).0, 4);
    assert_eq!(world.problem(&["approve", "churn"], 2)["code"], "usage_invalid");
}

#[test]
fn labels_of_a_file_are_kept_and_rows_that_cannot_be_are_named() {
    let world = project("0.55");
    assert_eq!(world.kilter(&["run"]).exit, 0);
    world.write("labels.csv", "id,label,when\na,1,2024-05-01\nb,0,2024-05-02\n");
    assert_eq!(world.json(&["label", "churn", "labels.csv", "--known-at", "when"])["labels"], 2);
    let unknown = world.problem(&["label", "churn", "labels.csv", "--label", "truth"], 2);
    assert_eq!((&unknown["code"], &unknown["hint"]), (&"column_unknown".into(), &"name one of id, label, when".into()));
    world.write("labels.csv", "id,label,when\na,1,2024-05-01\nb,0,05/02/2024\n");
    let no_time = world.problem(&["label", "churn", "labels.csv", "--known-at", "when"], 1);
    let result = "row 2 of `labels.csv`, column `when`: `05/02/2024` is not a time";
    assert_eq!((&no_time["code"], &no_time["detail"]), (&"file_invalid".into(), &result.into()));
    assert!(no_time["hint"].as_str().unwrap().contains("2026-03-01T12:00:00Z"), "{no_time}");
    world.write("labels.csv", "id,label\n,1\n");
    assert!(world.problem(&["label", "churn", "labels.csv"], 1)["detail"].as_str().unwrap().contains("row 1"));
    world.write("labels.csv", "id,label\na,1\n");
    assert_eq!(world.problem(&["label", "nobody", "labels.csv"], 4)["code"], "no_live_version");
}

#[test]
fn an_alert_that_is_not_there_is_named() {
    let world = project("0.55");
    assert_eq!(world.kilter(&["run"]).exit, 0);
    assert_eq!(world.problem(&["alert", "ack", "0190-nothing"], 4)["code"], "not_found");
    assert_eq!(world.problem(&["alert", "mute", "x", "--for", "soon"], 2)["code"], "usage_invalid");
    assert_eq!(world.json(&["alert", "list", "--all"])["alerts"], serde_json::json!([]));
}
