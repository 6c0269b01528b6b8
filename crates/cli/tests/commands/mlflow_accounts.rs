//! Accounts over MLflow's API: a name and a password, a token in the place of the password, and what ends them.

use std::{
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use crate::{
    World,
    database::Database,
    identity,
    mlflow::mlflow_python,
    mlflow_attacks::{Answer, send},
    object_store::prefix,
    server::Server,
};

const OTHER: &str = "another battery horse";

/// A world with an administrator, a person and a token of theirs.
fn world() -> (World, String) {
    let world = identity::world(identity::ROLES);
    identity::done(&world, identity::PASSWORD, &["user", "add", "root", "--admin"]);
    identity::done(&world, identity::PASSWORD, &["user", "add", "olga"]);
    identity::as_person(&world, "olga");
    identity::done(&world, identity::PASSWORD, &["login"]);
    let file = world.path().join("olga.token");
    world.json(&["token", "create", "nightly", "--right", "run", "--right", "read", "--out", file.to_str().unwrap()]);
    let token = std::fs::read_to_string(file).unwrap().trim().to_owned();
    identity::as_person(&world, "root");
    identity::done(&world, identity::PASSWORD, &["login"]);
    (world, token)
}

fn ask(server: &Server, name: &str, password: &str) -> Answer {
    let carried = STANDARD.encode(format!("{name}:{password}"));
    let head =
        format!("GET /api/2.0/mlflow/experiments/get?experiment_id=0 HTTP/1.1\r\nauthorization: Basic {carried}\r\n");
    send(server, &head, b"")
}

#[test]
fn a_name_and_a_password_prove_who_asks_until_either_changes() {
    let (world, token) = world();
    let server = Server::start(&world);
    for _ in 0..2 {
        assert_eq!(ask(&server, "olga", identity::PASSWORD).status, 200);
    }
    assert_eq!(ask(&server, "whoever", &token).status, 200, "a token takes the place of the password");
    let nobody = send(&server, "GET /api/2.0/mlflow/experiments/get?experiment_id=0 HTTP/1.1\r\n", b"");
    assert_eq!((nobody.status, &nobody.json()["error_code"]), (401, &json!("UNAUTHENTICATED")));
    assert!(nobody.head.contains("www-authenticate: bearer, basic realm=\"kilter\""), "{}", nobody.head);
    for (name, password) in
        [("olga", OTHER), ("nobody", identity::PASSWORD), ("svc:ci", "x"), ("", ""), ("a b", "c"), ("olga", "")]
    {
        assert_eq!(ask(&server, name, password).status, 401, "{name}");
    }
    for carried in ["Basic", "Basic !", "Basic YW5h", "Digest x"] {
        let head =
            format!("GET /api/2.0/mlflow/experiments/get?experiment_id=0 HTTP/1.1\r\nauthorization: {carried}\r\n");
        assert_eq!(send(&server, &head, b"").status, 401, "{carried}");
    }
    // Another password: the one before proves nothing from now on, though it was right a moment ago.
    let olga = world.path().join("other.password");
    std::fs::write(&olga, OTHER).unwrap();
    let changed = world.kilter(&["user", "password", "olga", "--password-file", olga.to_str().unwrap()]);
    assert_eq!(changed.exit, 0, "{}", changed.err);
    assert_eq!(ask(&server, "olga", identity::PASSWORD).status, 401);
    assert_eq!(ask(&server, "olga", OTHER).status, 200);
    identity::done(&world, "", &["user", "disable", "olga"]);
    assert_eq!(ask(&server, "olga", OTHER).status, 401);
    assert_eq!(ask(&server, "olga", &token).status, 401);
    let entries = world.json(&["audit", "list"]);
    let has = |action: &str| entries["entries"].as_array().unwrap().iter().any(|entry| entry["action"] == action);
    assert!(has("account.password") && has("account.disable") && has("account.login"), "{entries}");
    assert!(!entries.to_string().contains(OTHER));
}

#[test]
fn guesses_are_slowed_down_and_do_not_shut_out_who_was_let_in() {
    let (world, _) = world();
    let server = Server::start(&world);
    assert_eq!(ask(&server, "olga", identity::PASSWORD).status, 200);
    let guessed: Vec<u16> =
        (0..6).map(|number| ask(&server, "olga", &format!("a wrong guess {number}")).status).collect();
    assert_eq!(guessed[..3], [401, 401, 401], "{guessed:?}");
    assert!(guessed.contains(&429), "{guessed:?}");
    let limited = ask(&server, "olga", "a wrong guess");
    assert_eq!((limited.status, &limited.json()["error_code"]), (429, &json!("REQUEST_LIMIT_EXCEEDED")));
    assert_eq!(
        ask(&server, "olga", identity::PASSWORD).status,
        200,
        "what was right a moment ago is not checked again"
    );
}

#[test]
fn what_ends_a_password_ends_it_on_other_servers_too() {
    let (Some(database), Some(storage)) = (Database::new(), prefix()) else { return };
    let world = World::new();
    world.set_database(&database.url());
    world.set_variable("KILTER_STORAGE", &storage);
    identity::as_person(&world, "root");
    identity::done(&world, identity::PASSWORD, &["user", "add", "root", "--admin"]);
    identity::done(&world, identity::PASSWORD, &["user", "add", "olga"]);
    let (one, other) = (Server::start(&world), Server::start_on(&world, "other"));
    for server in [&one, &other, &other] {
        assert_eq!(ask(server, "olga", identity::PASSWORD).status, 200);
    }
    identity::done(&world, "", &["user", "disable", "olga"]);
    assert_eq!(ask(&one, "olga", identity::PASSWORD).status, 401);
    let began = Instant::now();
    while ask(&other, "olga", identity::PASSWORD).status == 200 {
        assert!(began.elapsed() < Duration::from_secs(5), "the other server still lets her in");
    }
    eprintln!("the other server refused after {} ms", began.elapsed().as_millis());
}

fn run_client(python: &Path, server: &Server, variables: &[(&str, &str)], expected: &str) -> String {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/python/mlflow_accounts.py");
    let mut command = Command::new(python);
    command.arg(script).arg(format!("http://{}", server.address)).arg(expected);
    command.envs(variables.iter().copied()).env("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1");
    let output = command.output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn the_real_client_comes_in_by_password_and_by_token() {
    let Some(python) = mlflow_python() else { return };
    let (world, token) = world();
    let server = Server::start(&world);
    let password = |text| [("MLFLOW_TRACKING_USERNAME", "olga"), ("MLFLOW_TRACKING_PASSWORD", text)];
    for (variables, expected) in [
        (password(identity::PASSWORD).to_vec(), "let in"),
        (password(&token).to_vec(), "let in"),
        (vec![("MLFLOW_TRACKING_TOKEN", token.as_str())], "let in"),
        (password(OTHER).to_vec(), "UNAUTHENTICATED"),
        (vec![], "UNAUTHENTICATED"),
    ] {
        let said = run_client(&python, &server, &variables, expected);
        assert!(said.contains("as expected"), "{variables:?}: {said}");
    }
    let shown: Value = world.json(&["audit", "verify"]);
    assert_eq!(shown["valid"], true, "{shown}");
}
