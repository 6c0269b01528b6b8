//! Deployments that must not be, that race, and that nobody asked for: what serves is what the store says, and the folder
//! opens whatever happened.

use std::thread;

use serde_json::{Value, json};

use crate::{World, contract::project, customers, predictions::rows, server::Server};

/// A project whose versions are deployed by hand, by the stages of `terms`.
fn by_hand(terms: &str) -> World {
    let world = project("0.55");
    world.write("kilter.toml", &world.read("kilter.toml").replace("auto = true", terms));
    world
}

/// As many approved versions, each with another model.
fn versions(world: &World, count: u32) {
    for number in 1..=count {
        let contract = world.read("kilter.toml");
        let (before, after) = (format!("rounds={}", 18 + 2 * number), format!("rounds={}", 20 + 2 * number));
        assert_eq!(world.json(&["run"])["version"]["number"], number);
        world.write("kilter.toml", &contract.replace(&before, &after));
    }
}

fn states(world: &World) -> Vec<String> {
    let found = world.json(&["deployment", "list"]);
    let states = found["deployments"].as_array().unwrap().iter();
    states.map(|deployment| deployment["state"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_live_version_that_is_deployed_once_more_is_refused_and_everything_goes_on() {
    for terms in ["canary = { steps = [10, 100] }", "shadow = \"1d\"", ""] {
        let world = by_hand(terms);
        assert_eq!(world.kilter(&["run"]).exit, 0);
        assert_eq!(world.json(&["deploy", "--version", "1"])["state"], "live");
        let refused = world.problem(&["deploy", "--version", "1"], 6);
        assert!(refused["detail"].as_str().unwrap().contains("is already live at `churn`"), "{refused}");
        assert_eq!(states(&world), ["live"], "{terms}");
        let status = world.json(&["status"]);
        assert_eq!(status["endpoints"][0]["live"]["version"], 1, "{status}");
        assert_eq!(world.problem(&["rollback"], 4)["code"], "not_found");
        let server = Server::start(&world);
        assert_eq!(server.get("/v2/models/churn/ready").0, 200, "{terms}");
        assert_eq!(server.ask("POST", "/api/v1/endpoints/churn/deploy", &json!({ "version": 1 })).0, 409);
        assert_eq!(server.ask("POST", "/v2/models/churn/infer", &rows()).0, 200);
    }
}

#[test]
fn a_version_of_other_classes_is_a_mismatch_and_no_missing_right() {
    let world = by_hand("");
    versions(&world, 1);
    assert_eq!(world.json(&["deploy", "--version", "1"])["state"], "live");
    world.write("customers.csv", &customers().replace(",1\n", ",went\n").replace(",0\n", ",stayed\n"));
    assert_eq!(world.json(&["run"])["version"]["number"], 2);
    let refused = world.problem(&["deploy", "--version", "2"], 1);
    assert_eq!(refused["code"], "signature_differs", "{refused}");
    assert!(refused["detail"].as_str().unwrap().contains("binary of stayed, went"), "{refused}");
    let server = Server::start(&world);
    assert_eq!(server.ask("POST", "/api/v1/endpoints/churn/deploy", &json!({ "version": 2 })).0, 422);
}

#[test]
fn a_column_under_one_of_our_names_is_refused_at_training_and_the_folder_stays_open() {
    let world = project("0.55");
    let pandas: String = customers()
        .lines()
        .enumerate()
        .map(|(row, line)| if row == 0 { format!("{line},__index_level_0__\n") } else { format!("{line},{row}\n") })
        .collect();
    world.write("customers.csv", &pandas);
    let refused = world.problem(&["run"], 1);
    assert_eq!(refused["code"], "training_refused", "{refused}");
    assert!(refused["detail"].as_str().unwrap().contains("--exclude __index_level_0__"), "{refused}");
    assert!(world.json(&["status"])["endpoints"][0]["live"].is_null());
    assert!(states_or_none(&world).is_empty());
    let contract = world.read("kilter.toml").replace("--exclude id,at", "--exclude id,at,__index_level_0__");
    // A rule may name it all the same: it is not recorded, and nothing closes.
    world.write("kilter.toml", &format!("{contract}[monitor]\ndrift = [\"psi(__index_level_0__) < 0.2\"]\n"));
    assert_eq!(world.json(&["run"])["version"]["state"], "approved");
    let server = Server::start(&world);
    assert_eq!(server.ask("POST", "/v2/models/churn/infer", &rows()).0, 200);
}

fn states_or_none(world: &World) -> Vec<Value> {
    world.json(&["deployment", "list"])["deployments"].as_array().unwrap().clone()
}

#[test]
fn of_deploys_that_race_one_wins_the_others_leave_nothing_and_callers_get_what_the_store_says() {
    let world = by_hand("");
    versions(&world, 3);
    assert_eq!(world.json(&["deploy", "--version", "1"])["state"], "live");
    let server = Server::start(&world);
    for round in 0..6 {
        thread::scope(|scope| {
            for racer in 0..6u64 {
                let server = &server;
                scope.spawn(move || {
                    let statuses = [200, 404, 409];
                    let (status, answer) = match racer % 3 {
                        2 => server.ask("POST", "/api/v1/endpoints/churn/rollback", &json!({})),
                        _ => {
                            let version = 1 + (round + racer) % 3;
                            server.ask("POST", "/api/v1/endpoints/churn/deploy", &json!({ "version": version }))
                        }
                    };
                    assert!(statuses.contains(&status), "{status} {answer}");
                });
            }
        });
        let live = server.get("/api/v1/status").1["endpoints"][0]["live"]["version"].clone();
        let (status, answer) = server.ask("POST", "/v2/models/churn/infer", &rows());
        assert_eq!(status, 200, "{answer}");
        let answered = answer["model_version"].as_str().unwrap();
        assert!(answered.starts_with(&live.to_string()), "round {round}: {live} is live, {answered} answered");
    }
    server.signal("-TERM");
    assert_eq!(server.wait(), Some(0));
    assert!(!states(&world).iter().any(|state| state == "requested"));
    assert_eq!(world.json(&["audit", "verify"])["valid"], true);
}

#[test]
fn a_refused_act_leaves_an_entry_that_says_who_tried_what() {
    let world = by_hand("");
    versions(&world, 1);
    assert_eq!(world.json(&["deploy", "--version", "1"])["state"], "live");
    world.problem(&["deploy", "--version", "1"], 6);
    world.problem(&["approve", "churn@1"], 6);
    world.problem(&["reject", "churn@1", "--reason", "late"], 6);
    let entries = world.json(&["audit", "list"]);
    let entries = entries["entries"].as_array().unwrap();
    for (action, object) in [
        ("deployment.request", "endpoint:churn"),
        ("version.sign_off", "version:churn/1"),
        ("version.reject", "version:churn/1"),
    ] {
        let found = entries.iter().find(|entry| entry["action"] == action && entry["outcome"] == "denied");
        let found = found.unwrap_or_else(|| panic!("{action}: {entries:#?}"));
        assert_eq!(found["object"], object);
        assert!(found["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{found}");
    }
    assert_eq!(world.json(&["audit", "verify"])["valid"], true);
}

/// A project that deploys by itself what people approved.
fn automatic_after_approval() -> World {
    let world = project("0.55");
    let roles = "[project.roles]\nvalidator = [\"user:ana\"]\noperator = [\"user:olga\"]\ndeveloper = [\"user:dev\"]\n\
        consumer = [\"svc:api\"]\nadmin = [\"user:root\"]\n";
    let contract = world.read("kilter.toml");
    world.write("kilter.toml", &format!("{contract}\n[approve]\nrule = \"validator\"\n{roles}"));
    world
}

fn by(world: &World, who: &str, arguments: &[&str]) -> (i32, String) {
    let output = world.command(arguments).env("USER", who).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout) + &text(output.stderr))
}

/// The document of a command that someone with a role types.
fn as_ana(world: &World, arguments: &[&str]) -> Value {
    let (exit, printed) = by(world, "ana", &[arguments, &["--json"]].concat());
    assert_eq!(exit, 0, "{printed}");
    serde_json::from_str(&printed).unwrap()
}

fn live(world: &World) -> Value {
    as_ana(world, &["status"])["endpoints"][0]["live"]["version"].clone()
}

#[test]
fn what_a_person_approves_is_deployed_at_once_and_until_then_status_says_who_is_waited_for() {
    let world = automatic_after_approval();
    for rounds in ["rounds=20", "rounds=22", "rounds=24"] {
        world.write("kilter.toml", &world.read("kilter.toml").replace("rounds=20", rounds));
        assert_eq!(by(&world, "dev", &["run"]).0, 8, "it waits for a person");
        world.write("kilter.toml", &world.read("kilter.toml").replace(rounds, "rounds=20"));
    }
    let shown = by(&world, "ana", &["status"]).1;
    assert!(!shown.contains("healthy"), "nothing serves: {shown}");
    for printed in [
        "serves nothing yet",
        "v3 passed its gates and waits for the yes of 1 more validator",
        "user:ana",
        "kilter approve churn@3",
    ] {
        assert!(shown.contains(printed), "{printed}: {shown}");
    }
    let waits = as_ana(&world, &["status"])["endpoints"][0]["waits"].clone();
    assert_eq!((&waits["version"], &waits["command"]), (&json!(3), &json!("kilter approve churn@3")), "{waits}");

    // In this process, with no server: the one that was approved, whatever came meanwhile.
    let (exit, printed) = by(&world, "ana", &["approve", "churn@1"]);
    assert!(exit == 0 && printed.contains("v1 is live at churn"), "{printed}");
    assert_eq!(live(&world), 1);
    assert_eq!(as_ana(&world, &["status"])["endpoints"][0]["waits"]["version"], 3, "a newer one waits");

    // Through a server, and the newest that is approved.
    let server = Server::start(&world);
    let (exit, printed) = by(&world, "ana", &["approve", "churn@3", "--json"]);
    assert!(exit == 0 && printed.contains("\"state\": \"live\""), "{printed}");
    assert_eq!(live(&world), 3);
    let (status, answer) = server.ask("POST", "/v2/models/churn/infer", &rows());
    assert!(status == 200 && answer["model_version"].as_str().unwrap().starts_with('3'), "{answer}");
    let (exit, printed) = by(&world, "ana", &["approve", "churn@2"]);
    assert!(exit == 0 && !printed.contains("live at"), "an older one replaces no newer one: {printed}");
    assert_eq!(live(&world), 3);
    assert!(as_ana(&world, &["status"])["endpoints"][0]["waits"].is_null());
    server.signal("-TERM");
    assert_eq!(server.wait(), Some(0));
    assert!(by(&world, "ana", &["status"]).1.contains("healthy"));
    assert_eq!(as_ana(&world, &["audit", "verify"])["valid"], true);
}

#[test]
fn an_endpoint_with_nothing_live_says_what_it_waits_for_in_every_case() {
    let world = by_hand("");
    versions(&world, 1);
    let printed = world.kilter(&["status"]).out;
    assert!(
        printed.contains("v1 is approved and not deployed") && printed.contains("kilter deploy --version 1"),
        "{printed}"
    );
    let refused = project("1.0");
    assert_eq!(refused.kilter(&["run"]).exit, 3);
    let printed = refused.kilter(&["status"]).out;
    assert!(printed.contains("the newest version, v1, is rejected") && !printed.contains("healthy"), "{printed}");
    let fails = project("0.55");
    fails.write("kilter.toml", &fails.read("kilter.toml").replace("--target left", "--target nothing"));
    assert_eq!(fails.kilter(&["run"]).exit, 1);
    let printed = fails.kilter(&["status"]).out;
    assert!(printed.contains("no version was made yet") && printed.contains("kilter run"), "{printed}");
}
