//! What no model may read: the roles of the contract reach the trainer, and a column that alone tells the label refuses
//! the version.

use std::fmt::Write;

use serde_json::Value;

use crate::{World, server::Server};

const PROJECT: &str = r#"
[project]
name = "churn"

[data.customers]
path = "customers.csv"
id = ["id"]
time = "at"
label = "left"
label_time = "known_at"
ignore = ["closed"]
sensitive = ["region"]

[step.split]
run = "kilter data split {in.customers} {out.train} {out.test} --time at --share 0.3"
in = ["customers"]
out = { train = "work/train.parquet", test = "work/test.parquet" }

[step.train]
run = "kilter train {in.train} --target left --exclude at --param rounds=20 --out {out.model}"
in = ["split.train"]
out = { model = "work/model" }

[gate.quality]
dataset = "split.test"
rules = ["auc >= 0.5"]

[package]
model = "train.model"
"#;

/// Customers with a column that holds the label, one that is filled only when they left, and when that became known.
fn project(contract: &str) -> World {
    let world = World::new();
    let mut text = "id,at,age,visits,region,left,known_at,closed,exit_fee\n".to_owned();
    for (row, line) in crate::customers().lines().skip(1).enumerate() {
        let left = line.ends_with(",1");
        let fee = if left { (10 + row % 7).to_string() } else { String::new() };
        writeln!(text, "{line},2025-01-{:02},{},{fee}", 1 + row % 28, u8::from(left) * 7 + 1).unwrap();
    }
    world.write("customers.csv", &text);
    world.write("kilter.toml", contract);
    world
}

fn left_out(world: &World) -> Vec<(String, String)> {
    let report: Value = serde_json::from_str(&world.read("work/model/training.json")).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    report["left_out"].as_array().unwrap().iter().map(|out| (text(&out["column"]), text(&out["why"]))).collect()
}

#[test]
fn the_roles_of_the_contract_reach_the_trainer_and_a_changed_role_trains_again() {
    let contract = PROJECT.replace("[\"closed\"]", "[\"closed\", \"exit_fee\"]");
    let world = project(&contract);
    let ran = world.json(&["run"]);
    assert_eq!(ran["version"]["state"], "approved", "{ran}");
    let out = left_out(&world);
    for (column, role) in
        [("id", "id"), ("known_at", "label_time"), ("closed", "ignore"), ("exit_fee", "ignore"), ("left", "target")]
    {
        let why = &out.iter().find(|(name, _)| name == column).unwrap_or_else(|| panic!("{column} in {out:?}")).1;
        let wanted = format!("the contract names it as `{role}` of `customers`");
        assert!(*why == wanted || role == "target", "{column}: {why}");
    }
    let report: Value = serde_json::from_str(&world.read("work/model/training.json")).unwrap();
    let notes = report["notes"].to_string();
    assert!(notes.contains("`region` is sensitive in `customers`"), "{notes}");

    // A role that is taken away trains again, and the column is read.
    world.write("kilter.toml", &contract.replace("id = [\"id\"]\n", ""));
    let explained = world.json(&["run", "--dry-run"]);
    let steps = explained["run"]["steps"].as_array().unwrap();
    let train = steps.iter().find(|step| step["step"] == "train").unwrap();
    assert!(train["state"] == "queued" || train["reason"].to_string().contains("roles"), "{explained}");
    let fields: Vec<&Value> = steps.iter().flat_map(|step| step["reason"].as_array().unwrap()).collect();
    assert!(fields.iter().any(|change| change["field"] == "roles.customers.id"), "{explained}");

    // Outside of a run the trainer takes what it is given.
    world.json(&["train", "customers.csv", "--target", "left", "--include", "age,closed", "--out", "other"]);
    // In a run an ignored column cannot be named.
    let named = contract.replace("--exclude at", "--include age,closed");
    world.write("kilter.toml", &named);
    let output = world.kilter(&["run"]);
    assert!(
        output.exit == 1 && output.err.contains("column `closed` is to be read, but the contract names it as `ignore`"),
        "{}",
        output.err
    );
}

#[test]
fn a_column_that_alone_tells_the_label_refuses_the_version_and_is_said_where_people_look() {
    let world = project(PROJECT);
    let output = world.kilter(&["run"]);
    assert_eq!(output.exit, 3, "{}{}", output.out, output.err);
    assert!(output.out.contains("`exit_fee` alone ranks the label almost perfectly"), "{}", output.out);
    let shown = world.kilter(&["model", "show", "churn@1", "--verbose"]);
    assert!(
        shown.out.contains("churn@1 is rejected")
            && shown.out.contains("gate label_leakage: failed")
            && shown.out.contains("put it into `ignore` of [data.customers], or into `not_leaking`"),
        "{}",
        shown.out
    );
    let server = Server::start(&world);
    let (_, version) = server.get("/api/v1/models/churn/versions/1");
    let gates = version["gates"].as_array().unwrap();
    let gate = gates.iter().find(|gate| gate["gate"] == "label_leakage").unwrap_or_else(|| panic!("{version}"));
    assert!(gate["verdict"] == "failed" && gate["reason"].to_string().contains("`exit_fee`"), "{gate}");
    drop(server);

    // Named as honest it passes, and a rule of the contract is judged instead.
    world.write("kilter.toml", &PROJECT.replace("sensitive =", "not_leaking = [\"exit_fee\"]\nsensitive ="));
    assert_eq!(world.json(&["run"])["version"]["state"], "approved");
    world.write("kilter.toml", &PROJECT.replace("\"auc >= 0.5\"", "\"auc >= 0.5\", \"best_single_auc <= 1\""));
    assert_eq!(world.json(&["run", "--force"])["version"]["state"], "approved");
}
