//! Webhooks of the registry, made by the real client: received, verified, once by several servers, and after a crash.

use std::{net::TcpListener, path::Path, process::Command};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::json;

use crate::{
    World, database::Database, events::Receiver, identity, mlflow::mlflow_python, mlflow_attacks::send,
    object_store::prefix, server::Server,
};

fn run_client(python: &Path, server: &Server, folder: &Path) -> String {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/python/mlflow_webhooks.py");
    let mut command = Command::new(python);
    let output = command.arg(script).arg(format!("http://{}", server.address)).current_dir(folder).output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn the_real_client_makes_webhooks_and_its_receiver_believes_what_comes() {
    let Some(python) = mlflow_python() else { return };
    let world = World::new();
    let server = Server::start(&world);
    let said = run_client(&python, &server, world.path());
    assert!(said.contains("as MLflow has it"), "{said}");
    let entries = world.json(&["audit", "list"]).to_string();
    assert!(entries.contains("webhook.create") && entries.contains("webhook.delete"), "{entries}");
    assert!(!entries.contains("top secret") && !entries.contains("/hook"), "neither a secret nor a path: {entries}");
    assert_eq!(world.json(&["audit", "verify"])["valid"], true);
}

#[test]
fn each_event_is_sent_once_by_several_servers_on_postgresql() {
    let (Some(python), Some(database), Some(storage)) = (mlflow_python(), Database::new(), prefix()) else { return };
    let world = World::new();
    world.set_database(&database.url());
    world.set_variable("KILTER_STORAGE", &storage);
    let (server, _other) = (Server::start(&world), Server::start_on(&world, "other"));
    let said = run_client(&python, &server, world.path());
    assert!(said.contains("as MLflow has it"), "{said}");
}

fn post(server: &Server, path: &str, body: serde_json::Value) -> serde_json::Value {
    let (status, said) = server.ask("POST", &format!("/api/2.0/mlflow/{path}"), &body);
    assert_eq!(status, 200, "{path}: {said}");
    said
}

fn told_after_a_crash(world: &World) {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let server = Server::start(world);
    let events = json!([{ "entity": "REGISTERED_MODEL", "action": "CREATED" }]);
    let new = json!({ "name": "late", "url": format!("http://{port}/x"), "events": events, "secret": "s" });
    post(&server, "webhooks", new);
    for name in ["one", "two", "three"] {
        post(&server, "registered-models/create", json!({ "name": name }));
    }
    server.signal("-KILL");
    server.wait();
    let receiver = Receiver::of(TcpListener::bind(port).unwrap(), &[200]);
    let _server = Server::start(world);
    let got = receiver.wait(3);
    let names: Vec<_> = got.iter().map(|one| one.event()["data"]["name"].clone()).collect();
    assert_eq!(names, ["one", "two", "three"], "{got:?}");
    assert!(got[0].header("x-mlflow-signature").starts_with("v1,"));
}

#[test]
fn what_happened_before_a_crash_is_sent_after_it() {
    told_after_a_crash(&World::new());
    let Some(database) = Database::new() else { return };
    let world = World::new();
    world.set_database(&database.url());
    told_after_a_crash(&world);
}

#[test]
fn where_there_are_accounts_only_an_administrator_makes_webhooks() {
    let world = identity::world(identity::ROLES);
    identity::done(&world, identity::PASSWORD, &["user", "add", "root", "--admin"]);
    identity::done(&world, identity::PASSWORD, &["user", "add", "dora"]);
    let server = Server::start(&world);
    let body =
        br#"{"name": "a", "url": "https://127.0.0.1/", "events": [{"entity": "MODEL_VERSION", "action": "CREATED"}]}"#;
    for (name, allowed) in [("root", 200), ("dora", 403)] {
        let carried = STANDARD.encode(format!("{name}:{}", identity::PASSWORD));
        let json = "content-type: application/json\r\n";
        let head = format!("HTTP/1.1\r\nauthorization: Basic {carried}\r\n{json}");
        let length = body.len();
        let made = send(&server, &format!("POST /api/2.0/mlflow/webhooks {head}content-length: {length}\r\n"), body);
        assert_eq!(made.status, allowed, "{name}: {}", made.text());
        let listed = send(&server, &format!("GET /ajax-api/2.0/mlflow/webhooks {head}"), b"");
        assert_eq!(listed.status, allowed, "{name}: {}", listed.text());
    }
}
