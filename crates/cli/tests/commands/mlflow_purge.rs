//! What clients of MLflow delete goes for good after its time: rows, histories, artifacts, and names are free again.

use std::{process::Stdio, thread, time::Duration};

use serde_json::{Value, json};

use crate::{
    World,
    database::Database,
    garbage::{age, files},
    mlflow_attacks::send,
    server::Server,
};

fn post(server: &Server, path: &str, body: Value) -> Value {
    let (status, said) = server.ask("POST", &format!("/api/2.0/mlflow/{path}"), &body);
    assert_eq!(status, 200, "{path}: {said}");
    said
}

fn get(server: &Server, path: &str) -> (u16, Value) {
    server.get(&format!("/api/2.0/mlflow/{path}"))
}

/// A run with a parameter, points and an artifact of its own.
fn run(server: &Server, experiment: &str, text: &str) -> String {
    let made = post(server, "runs/create", json!({ "experiment_id": experiment }));
    let (id, uri) = (&made["run"]["info"]["run_id"], &made["run"]["info"]["artifact_uri"]);
    let id = id.as_str().unwrap().to_owned();
    let points: Vec<Value> =
        (0..20).map(|step| json!({ "key": "a", "value": step, "timestamp": step, "step": step })).collect();
    post(
        server,
        "runs/log-batch",
        json!({ "run_id": id, "metrics": points, "params": [{ "key": "p", "value": text }] }),
    );
    put(server, uri.as_str().unwrap(), text);
    id
}

fn put(server: &Server, uri: &str, text: &str) {
    let path = format!("{}/note.txt", uri.strip_prefix("mlflow-artifacts:/").unwrap());
    let head = format!("PUT /api/2.0/mlflow-artifacts/artifacts/{path} HTTP/1.1\r\ncontent-length: {}\r\n", text.len());
    assert_eq!(send(server, &head, text.as_bytes()).status, 200);
}

fn counts(collection: &Value) -> Vec<(String, u64)> {
    let kinds = collection["garbage"].as_array().unwrap().iter().filter(|one| one["place"] == "tracking");
    kinds.map(|one| (one["kind"].as_str().unwrap().to_owned(), one["count"].as_u64().unwrap())).collect()
}

fn purged_for_good(world: &World) {
    let server = Server::start(world);
    let experiment =
        post(&server, "experiments/create", json!({ "name": "gone" }))["experiment_id"].as_str().unwrap().to_owned();
    let (gone, kept, restored) = (run(&server, "0", "a"), run(&server, "0", "b"), run(&server, "0", "c"));
    let (inside, model) =
        (run(&server, &experiment, "d"), post(&server, "logged-models", json!({ "experiment_id": experiment })));
    let model = &model["model"]["info"];
    put(&server, model["artifact_uri"].as_str().unwrap(), "e");
    for id in [&gone, &restored] {
        post(&server, "runs/delete", json!({ "run_id": id }));
    }
    post(&server, "runs/restore", json!({ "run_id": restored }));
    post(&server, "experiments/delete", json!({ "experiment_id": experiment }));
    drop(server);
    age(&world.path().join(".kilter/blobs/objects"), Duration::from_secs(3 * 24 * 3600));
    assert_eq!(counts(&world.json(&["gc", "--delete"])), [], "so long they can be restored");
    let shown = world.json(&["gc", "--deleted", "0s"]);
    // The experiment is found once its runs and models are gone.
    let expected = [("deleted_runs".to_owned(), 2), ("deleted_models".to_owned(), 1)];
    assert_eq!(counts(&shown), expected, "{shown}");
    let server = Server::start(world);
    assert_eq!(get(&server, &format!("runs/get?run_id={gone}")).0, 200, "nothing was removed yet");
    drop(server);
    let removed = world.json(&["gc", "--deleted", "0s", "--delete"]);
    let expected = [expected[0].clone(), expected[1].clone(), ("deleted_experiments".to_owned(), 1)];
    assert_eq!(counts(&removed), expected, "{removed}");
    let texts: Vec<String> = files(&world.path().join(".kilter/blobs/objects"))
        .iter()
        .map(|path| std::fs::read_to_string(path).unwrap())
        .collect();
    for (text, is_there) in [("a", false), ("b", true), ("c", true), ("d", false), ("e", false)] {
        assert_eq!(texts.iter().any(|found| found == text), is_there, "the bytes of {text}: {texts:?}");
    }
    let server = Server::start(world);
    for id in [&gone, &inside] {
        assert_eq!(get(&server, &format!("runs/get?run_id={id}")).0, 404);
        assert_eq!(get(&server, &format!("metrics/get-history?run_id={id}&metric_key=a")).0, 404);
        assert_eq!(server.get(&format!("/api/2.0/mlflow-artifacts/artifacts/0/{id}/artifacts/note.txt")).0, 404);
    }
    assert_eq!(get(&server, &format!("logged-models/{}", model["model_id"].as_str().unwrap())).0, 404);
    for id in [&kept, &restored] {
        let (_, found) = get(&server, &format!("runs/get?run_id={id}"));
        assert_eq!(found["run"]["data"]["metrics"][0]["step"], 19, "{found}");
        let (_, found) = get(&server, &format!("metrics/get-history?run_id={id}&metric_key=a"));
        assert_eq!(found["metrics"].as_array().unwrap().len(), 20, "{found}");
    }
    // The name is free.
    post(&server, "experiments/create", json!({ "name": "gone" }));
    let entries = world.json(&["audit", "list"]);
    let entry = |object: &str| {
        let entries = entries["entries"].as_array().unwrap();
        let found =
            entries.iter().find(|entry| entry["object"] == object).unwrap_or_else(|| panic!("{object} in {entries:?}"));
        assert_eq!(found["action"], "tracking.purge", "{found}");
        server.get(&format!("/api/v1/audit/{}", found["seq"])).1.to_string()
    };
    let said = entry("tracking:runs");
    assert!(said.contains(&gone) && said.contains(&inside) && !said.contains(&restored), "{said}");
    assert!(entry("tracking:experiments").contains(&format!("[\"{experiment}\"")), "{}", entry("tracking:experiments"));
    assert_eq!(world.json(&["audit", "verify"])["valid"], true);
}

#[test]
fn what_clients_deleted_long_ago_goes_with_its_history_and_its_bytes() {
    purged_for_good(&World::new());
    let Some(database) = Database::new() else { return };
    let world = World::new();
    world.set_database(&database.url());
    purged_for_good(&world);
}

#[test]
fn what_a_version_of_the_registry_names_stays() {
    let world = World::new();
    let server = Server::start(&world);
    let (named, gone) = (run(&server, "0", "named"), run(&server, "0", "gone"));
    let model = post(&server, "logged-models", json!({ "experiment_id": "0" }));
    let model = model["model"]["info"]["model_id"].as_str().unwrap().to_owned();
    post(&server, "registered-models/create", json!({ "name": "m" }));
    post(
        &server,
        "model-versions/create",
        json!({ "name": "m", "source": format!("runs:/{named}/model"), "run_id": named }),
    );
    post(
        &server,
        "model-versions/create",
        json!({ "name": "m", "source": format!("models:/{model}"), "model_id": model }),
    );
    for id in [&named, &gone] {
        post(&server, "runs/delete", json!({ "run_id": id }));
    }
    assert_eq!(server.ask("DELETE", &format!("/api/2.0/mlflow/logged-models/{model}"), &json!({})).0, 200);
    drop(server);
    let removed = world.json(&["gc", "--deleted", "0s", "--delete"]);
    assert_eq!(counts(&removed), [("deleted_runs".to_owned(), 1)], "{removed}");
    let server = Server::start(&world);
    assert_eq!(get(&server, &format!("runs/get?run_id={named}")).0, 200);
    assert_eq!(get(&server, &format!("runs/get?run_id={gone}")).0, 404);
}

#[test]
fn a_run_of_the_platform_is_never_removed() {
    let world = crate::contract::project("0.55");
    let id = world.json(&["run"])["run"]["run"].as_str().unwrap().to_owned();
    assert_eq!(counts(&world.json(&["gc", "--deleted", "0s", "--delete"])), []);
    let server = Server::start(&world);
    assert_eq!(get(&server, &format!("runs/get?run_id={id}")).0, 200);
}

fn killed_in_the_middle(world: &World) {
    let server = Server::start(world);
    let kept: Vec<String> = (0..3).map(|number| run(&server, "0", &format!("kept {number}"))).collect();
    let deleted: Vec<String> = (0..450).map(|number| run(&server, "0", &format!("deleted {number}"))).collect();
    deleted.iter().for_each(|id| drop(post(&server, "runs/delete", json!({ "run_id": id }))));
    drop(server);
    let (mut kills, mut lefts) = (0, Vec::new());
    for pause in [20, 60, 120, 200] {
        let mut child = world
            .command(&["gc", "--delete", "--deleted", "0s"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        thread::sleep(Duration::from_millis(pause));
        kills += usize::from(child.try_wait().unwrap().is_none());
        let _ = child.kill();
        child.wait().unwrap();
        let server = Server::start(world);
        let mut left = 0;
        for id in &deleted {
            let (status, found) = get(&server, &format!("runs/get?run_id={id}"));
            if status == 404 {
                continue;
            }
            left += 1;
            assert_eq!(found["run"]["data"]["params"].as_array().unwrap().len(), 1, "all of it or nothing: {found}");
            let path = format!("/api/2.0/mlflow-artifacts/artifacts/0/{id}/artifacts/note.txt");
            assert_eq!(send(&server, &format!("GET {path} HTTP/1.1\r\n"), b"").status, 200, "{id}");
        }
        lefts.push(left);
    }
    eprintln!("{kills} collections of 4 were killed, and left {lefts:?} of 450");
    assert!(kills > 0, "no collection was killed");
    world.json(&["gc", "--delete", "--deleted", "0s"]);
    let server = Server::start(world);
    let found = post(&server, "runs/search", json!({ "experiment_ids": ["0"], "run_view_type": "ALL" }));
    assert_eq!(found["runs"].as_array().unwrap().len(), kept.len(), "{found}");
    assert_eq!(world.json(&["audit", "verify"])["valid"], true);
}

#[test]
fn a_purge_that_is_killed_leaves_whole_runs_and_the_next_one_ends_it() {
    killed_in_the_middle(&World::new());
    let Some(database) = Database::new() else { return };
    let world = World::new();
    world.set_database(&database.url());
    killed_in_the_middle(&world);
}
