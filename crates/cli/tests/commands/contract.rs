//! `check`, `schema`, `init`, and a whole `run`.

use crate::{World, customers};

#[test]
fn an_invalid_contract_is_told_with_its_lines_and_cures_and_exits_with_3() {
    let world = World::new();
    world.write(
        "kilter.toml",
        "[project]\nname = \"x\"\nownr = \"user:ana\"\n\n[step.a]\nrun = \"true\"\nin = [\"nothing\"]\n",
    );
    let said = world.kilter(&["check"]);
    assert_eq!(said.exit, 3, "{}{}", said.out, said.err);
    assert!(said.out.contains("kilter.toml:3:1") && said.out.contains("owner"), "{}", said.out);
    let said = world.kilter(&["check", "--json"]);
    let document: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!((document["valid"].as_bool(), document["errors"][0]["line"].as_u64()), (Some(false), Some(3)));
}

#[test]
fn the_schema_is_a_json_schema_of_the_contract() {
    let schema = World::new().json(&["schema"]);
    assert!(schema["$schema"].as_str().unwrap().contains("json-schema.org"));
    assert!(schema["properties"]["monitor"].is_object());
}

#[test]
fn a_first_contract_is_valid_and_an_existing_one_is_left_alone() {
    let world = World::new();
    world.write("data/customers.csv", &customers());
    assert_eq!(world.kilter(&["init", "--from", "data/customers.csv"]).exit, 0);
    assert_eq!(world.json(&["check"])["valid"], true, "{}", world.read("kilter.toml"));
    world.write("kilter.toml", "# mine\n");
    assert_eq!(world.problem(&["init", "--from", "data/customers.csv"], 6)["code"], "file_exists");
    assert_eq!(world.read("kilter.toml"), "# mine\n");
}

#[test]
fn the_column_to_predict_may_be_said_and_must_be_there() {
    let world = World::new();
    world.write("tickets.csv", "text,queue,n\nlost my card,card,1\ncannot log in,login,2\nlost it,card,3\n");
    let said = world.kilter(&["init", "--from", "tickets.csv"]);
    assert!(said.exit == 0 && said.out.contains("--label COLUMN"), "{}{}", said.out, said.err);
    std::fs::remove_file(world.path().join("kilter.toml")).unwrap();
    let problem = world.problem(&["init", "--from", "tickets.csv", "--label", "queu"], 2);
    assert_eq!(problem["hint"], "did you mean `queue`?", "{problem}");
    let written = world.json(&["init", "--from", "tickets.csv", "--label", "queue"]);
    assert_eq!(written["label"], "queue");
    assert!(world.read("kilter.toml").contains("--target queue"), "{}", world.read("kilter.toml"));
    assert_eq!(world.json(&["check"])["valid"], true);
}

#[test]
fn a_table_outside_of_the_project_is_refused_and_nothing_is_written() {
    let world = World::new();
    world.write("customers.csv", &customers());
    assert_eq!(world.problem(&["init", "--from", "customers.csv", "project"], 2)["code"], "usage_invalid");
    assert!(!world.path().join("project/kilter.toml").exists());
}

const PROJECT: &str = r#"
[project]
name = "churn"
[data.customers]
path  = "customers.csv"
time  = "at"
id    = ["id"]
label = "left"
[step.split]
run = "kilter split {in.customers} {out.train} {out.test} --time at"
in  = ["customers"]
out = { train = "work/train.parquet", test = "work/test.parquet" }
[step.train]
run = "kilter fit {in.train} --target left --exclude id,at --param rounds=20 --out {out.model}"
in  = ["split.train"]
out = { model = "work/model" }
[gate.quality]
on    = "split.test"
rules = ["auc >= BOUND"]
[package]
model = "train.model"
[deploy.production]
auto = true
"#;

pub fn project(bound: &str) -> World {
    let world = World::new();
    world.write("customers.csv", &customers());
    world.write("kilter.toml", &PROJECT.replace("BOUND", bound));
    world
}

#[test]
fn a_run_makes_a_version_that_its_gate_approves_and_the_next_run_takes_its_steps_from_the_cache() {
    let world = project("0.55");
    let ran = world.json(&["run"]);
    assert_eq!((ran["version"]["number"].as_u64(), ran["version"]["state"].as_str()), (Some(1), Some("approved")));
    assert_eq!(world.json(&["status"])["endpoints"][0]["live"]["version"], 1);
    assert_eq!(world.json(&["model", "show", "churn@1"])["gates"][0]["verdict"], "passed");
    assert_eq!(world.json(&["audit", "verify"])["sound"], true);
    let explained = world.json(&["run", "--explain"]);
    let states: Vec<_> =
        explained["run"]["steps"].as_array().unwrap().iter().map(|step| step["state"].clone()).collect();
    assert_eq!(states, ["cached", "cached"]);
}

#[test]
fn a_version_that_a_gate_refuses_exits_with_3_and_never_serves() {
    let world = project("1.0");
    let said = world.kilter(&["run"]);
    assert_eq!(said.exit, 3, "{}{}", said.out, said.err);
    assert!(said.out.contains("refused by a gate"), "{}", said.out);
    assert!(world.json(&["status"])["endpoints"][0]["live"].is_null());
}

#[test]
fn a_step_that_fails_is_told_with_the_end_of_its_log() {
    let world = World::new();
    world.write("kilter.toml", "[project]\nname = \"x\"\n[step.a]\nrun = \"sh -c 'echo so it goes; exit 9'\"\n");
    let said = world.kilter(&["run"]);
    assert_eq!(said.exit, 1, "{}{}", said.out, said.err);
    assert!(said.err.contains("so it goes"), "{}", said.err);
    let file = said.err.lines().find_map(|line| line.split_once("its whole log is ")).expect("the log is named").1;
    assert_eq!(std::fs::read_to_string(world.path().join(file)).unwrap(), "so it goes\n");
}

#[test]
fn a_replay_that_cannot_train_says_what_the_step_said() {
    let world = project("0.55");
    let contract = world.read("kilter.toml").replace("[package]", "[replay]\nstart = \"2024-06-01\"\n[package]");
    world.write("kilter.toml", &contract.replace("--target left", "--target lift"));
    let problem = world.problem(&["replay", "."], 1);
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("the first training failed: step `") && detail.contains("exit code 2"), "{problem}");
    assert!(detail.contains("did you mean `left`"), "{problem}");
    let kept = world.problem(&["replay", ".", "--keep", "state"], 1);
    let hint = kept["hint"].as_str().unwrap();
    let file = hint.strip_prefix("its whole log is `").and_then(|rest| rest.strip_suffix('`')).expect(hint);
    assert!(std::fs::read_to_string(world.path().join(file)).unwrap().contains("lift"), "{kept}");
}
