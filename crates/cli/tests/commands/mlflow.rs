//! The real MLflow client against a server: on a file and on PostgreSQL, with accounts, and what must not get through.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::{Value, json};

use crate::{
    World,
    contract::project,
    database::Database,
    identity,
    lifecycle::{by, shown},
    server::{Server, ask_with},
};

/// The Python with MLflow; `None` where `./test` did not make it.
pub fn mlflow_python() -> Option<PathBuf> {
    let named = std::env::var_os("KILTER_MLFLOW_PYTHON").map(PathBuf::from);
    let usual = || Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache/kilter/mlflow-venv/bin/python"));
    let python = named.or_else(usual)?;
    let found = Command::new(&python).args(["-c", "import mlflow, sklearn"]).output().ok()?;
    if !found.status.success() {
        eprintln!("skipped: KILTER_MLFLOW_PYTHON is no Python with MLflow; ./test makes one");
        return None;
    }
    Some(python)
}

/// Runs a script of the client against a server; everything that it said.
fn run_client(python: &Path, script: &str, server: &Server, folder: &Path) -> String {
    let scripts = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/python"));
    let mut command = Command::new(python);
    command.arg(scripts.join(script)).arg(format!("http://{}", server.address)).current_dir(folder);
    let output = command.env("MLFLOW_ENABLE_ASYNC_LOGGING", "false").output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn the_real_client_finds_everything_as_its_own_server_has_it() {
    let Some(python) = mlflow_python() else { return };
    let world = World::new();
    let server = Server::start(&world);
    let said = run_client(&python, "mlflow_tracking.py", &server, world.path());
    assert!(said.contains("as MLflow has it"), "{said}");
}

#[test]
fn the_real_client_finds_the_same_on_postgresql() {
    let (Some(python), Some(database)) = (mlflow_python(), Database::new()) else { return };
    let world = World::new();
    world.set_database(&database.url());
    let server = Server::start(&world);
    let said = run_client(&python, "mlflow_tracking.py", &server, world.path());
    assert!(said.contains("as MLflow has it"), "{said}");
}

#[test]
fn the_real_client_finds_the_registry_as_its_own_server_has_it() {
    let Some(python) = mlflow_python() else { return };
    let world = World::new();
    let server = Server::start(&world);
    let said = run_client(&python, "mlflow_registry.py", &server, world.path());
    assert!(said.contains("the registry is as MLflow has it"), "{said}");
}

#[test]
fn the_real_client_finds_the_same_registry_on_postgresql() {
    let (Some(python), Some(database)) = (mlflow_python(), Database::new()) else { return };
    let world = World::new();
    world.set_database(&database.url());
    let server = Server::start(&world);
    let said = run_client(&python, "mlflow_registry.py", &server, world.path());
    assert!(said.contains("the registry is as MLflow has it"), "{said}");
}

fn post(server: &Server, path: &str, body: &Value) -> (u16, Value) {
    server.ask("POST", &format!("/api/2.0/mlflow/{path}"), body)
}

#[test]
fn a_run_of_the_platform_is_an_mlflow_run_that_clients_read_and_do_not_change() {
    let world = project("0.55");
    let ran = world.json(&["run"]);
    let id = ran["run"]["run"].as_str().unwrap().to_owned();
    let server = Server::start(&world);
    let (_, found) = server.get("/api/2.0/mlflow/experiments/get-by-name?experiment_name=churn");
    let experiment = found["experiment"]["experiment_id"].as_str().unwrap().to_owned();
    let (status, found) = server.get(&format!("/api/2.0/mlflow/runs/get?run_id={id}"));
    assert_eq!((status, &found["run"]["info"]["status"]), (200, &json!("FINISHED")), "{found}");
    assert_eq!(found["run"]["info"]["experiment_id"], experiment.as_str());
    let (_, searched) = post(&server, "runs/search", &json!({ "experiment_ids": [experiment] }));
    assert_eq!(searched["runs"][0]["info"]["run_id"], id.as_str(), "{searched}");
    let (_, listed) = server.get(&format!("/api/2.0/mlflow/artifacts/list?run_id={id}"));
    let step = listed["files"][0]["path"].as_str().unwrap().to_owned();
    let (_, inside) = server.get(&format!("/api/2.0/mlflow/artifacts/list?run_id={id}&path={step}"));
    assert!(!inside["files"].as_array().unwrap().is_empty(), "{inside}");
    // What it made is evidence, and its experiment is the project's.
    let path = format!("/api/2.0/mlflow-artifacts/artifacts/{experiment}/{id}/artifacts/{step}");
    for (method, path) in [("DELETE", path.clone()), ("PUT", format!("{path}/model.onnx"))] {
        let (status, said) = server.ask(method, &path, &json!({}));
        assert_eq!((status, &said["error_code"]), (400, &json!("INVALID_PARAMETER_VALUE")), "{said}");
        assert!(said["message"].as_str().unwrap().contains("the platform executed it"), "{said}");
    }
    for (act, body) in [
        ("log-metric", json!({ "run_id": id, "key": "auc", "value": 1, "timestamp": 1 })),
        ("set-tag", json!({ "run_id": id, "key": "a", "value": "b" })),
        ("update", json!({ "run_id": id, "status": "FAILED" })),
        ("delete", json!({ "run_id": id })),
    ] {
        let (status, said) = post(&server, &format!("runs/{act}"), &body);
        assert!(
            status == 400 && said["message"].as_str().unwrap().contains("the platform executed it"),
            "{act}: {said}"
        );
    }
    let (status, said) = post(&server, "experiments/delete", &json!({ "experiment_id": experiment }));
    assert_eq!(status, 400, "{said}");
}

#[test]
fn what_is_wrong_or_dangerous_is_refused_with_mlflows_codes() {
    let world = World::new();
    let server = Server::start(&world);
    let (_, run) = post(&server, "runs/create", &json!({ "experiment_id": "0" }));
    let id = run["run"]["info"]["run_id"].as_str().unwrap().to_owned();
    for (path, body, expected) in [
        ("runs/create", json!({ "experiment_id": "x" }), "must be a valid integer"),
        ("runs/log-metric", json!({ "run_id": id, "key": "a", "timestamp": 1 }), "required parameter 'value'"),
        (
            "runs/log-metric",
            json!({ "run_id": id, "key": "a", "value": "much", "timestamp": 1 }),
            "for parameter 'value' supplied",
        ),
        ("runs/log-metric", json!({ "run_id": id, "key": "a", "value": 1, "timestamp": -1 }), "nonnegative"),
        ("runs/log-metric", json!({ "run_id": id, "key": "a\u{0}b", "value": 1, "timestamp": 1 }), "Invalid value"),
        (
            "runs/log-batch",
            json!({ "run_id": id, "tags": [{ "key": "../up", "value": "x" }] }),
            "must not resolve to other names",
        ),
        (
            "runs/set-tag",
            json!({ "run_id": id, "key": 7, "value": "x" }),
            "Invalid value 7 for parameter 'key' supplied",
        ),
        ("runs/update", json!({ "run_id": id, "status": "DONE" }), "it is no status of a run"),
        ("experiments/search", json!({}), "max_results"),
        ("experiments/create", json!({ "name": "a", "artifact_location": "s3://b/x?y=1" }), "no query"),
        ("runs/search", json!({ "experiment_ids": ["0"], "page_token": "!!" }), "Invalid page token"),
        (
            "runs/search",
            json!({ "experiment_ids": ["0"], "filter": "tags.a = 'x'; DROP TABLE tracked_run" }),
            "multiple expression",
        ),
    ] {
        let (status, said) = post(&server, path, &body);
        assert_eq!((status, &said["error_code"]), (400, &json!("INVALID_PARAMETER_VALUE")), "{path} {body}: {said}");
        assert!(said["message"].as_str().unwrap().contains(expected), "{path} {body}: {said}");
    }
    let many = |count: usize| {
        (0..count).map(|number| json!({ "key": format!("k{number}"), "value": "1" })).collect::<Vec<_>>()
    };
    let (status, said) = post(&server, "runs/log-batch", &json!({ "run_id": id, "params": many(101) }));
    assert!(status == 400 && said["message"].as_str().unwrap().contains("at most 100 params"), "{said}");
    let file = |path: &str| format!("/api/2.0/mlflow-artifacts/artifacts/{path}");
    for path in ["0/..%2f..%2fetc/passwd", "%2e%2e/x", "0/a%5cb", "0/%252e%252e/x", "0/a%00b"] {
        let (status, said) = server.ask("PUT", &file(path), &json!({}));
        assert_eq!((status, &said["error_code"]), (400, &json!("INVALID_PARAMETER_VALUE")), "{path}: {said}");
    }
    assert_eq!(server.get(&file("0/nothing")).0, 404);
    // The run took nothing of all this.
    let (_, found) = server.get(&format!("/ajax-api/2.0/mlflow/runs/get?run_id={id}"));
    assert_eq!(found["run"]["data"].get("metrics"), None, "{found}");
}

#[test]
fn accounts_and_the_scope_of_a_token_hold_for_mlflow_too() {
    let world = identity::world(identity::ROLES);
    identity::as_person(&world, "olga");
    assert_eq!(world.kilter(&["run"]).exit, 0);
    identity::as_person(&world, "root");
    identity::done(&world, identity::PASSWORD, &["user", "add", "root", "--admin"]);
    identity::done(&world, identity::PASSWORD, &["user", "add", "dora"]);
    identity::done(&world, identity::PASSWORD, &["user", "add", "olga"]);
    let token = |person: &str, right: &str| {
        identity::as_person(&world, person);
        identity::done(&world, identity::PASSWORD, &["login"]);
        let file = world.path().join(format!("{person}-{right}.token"));
        world.json(&["token", "create", right, "--right", right, "--out", file.to_str().unwrap()]);
        format!("authorization: Bearer {}\r\n", std::fs::read_to_string(file).unwrap().trim())
    };
    let (owner, reader, stranger) = (token("olga", "run"), token("olga", "read"), token("dora", "run"));
    let server = Server::start(&world);
    let ask = |headers: &str, method: &str, path: &str, body: Value| {
        let path = format!("/api/2.0/mlflow/{path}");
        ask_with(&server.address, headers, (method, &path, &body)).unwrap()
    };
    let (status, said) = ask("", "POST", "runs/create", json!({ "experiment_id": "0" }));
    assert_eq!((status, &said["error_code"]), (401, &json!("UNAUTHENTICATED")), "{said}");
    let (_, found) = ask(&reader, "GET", "experiments/get-by-name?experiment_name=churn", Value::Null);
    let experiment = found["experiment"]["experiment_id"].clone();
    let create = json!({ "experiment_id": experiment });
    for (who, allowed) in [(&owner, 200), (&reader, 403), (&stranger, 403)] {
        let (status, said) = ask(who, "POST", "runs/create", create.clone());
        assert_eq!(status, allowed, "{said}");
    }
    // Outside of every project whoever is known may log, and their token must be for it.
    for (who, allowed) in [(&stranger, 200), (&reader, 403)] {
        let (status, said) = ask(who, "POST", "runs/create", json!({ "experiment_id": "0" }));
        assert_eq!(status, allowed, "{said}");
    }
    // What may not be read is not found.
    let (_, searched) = ask(&stranger, "POST", "runs/search", json!({ "experiment_ids": [experiment] }));
    assert_eq!(searched, json!({}), "{searched}");
    let (_, searched) =
        ask(&reader, "POST", "experiments/search", json!({ "max_results": 10, "filter": "name = 'churn'" }));
    assert_eq!(searched["experiments"][0]["name"], "churn", "{searched}");
    // The registry: the model of the contract by its roles, others by the scope of the token.
    for (who, allowed) in [(&reader, 200), (&stranger, 403)] {
        let (status, said) = ask(who, "GET", "registered-models/get?name=churn", Value::Null);
        assert_eq!(status, allowed, "{said}");
        let (status, said) = ask(who, "GET", "model-versions/get-download-uri?name=churn&version=1", Value::Null);
        assert_eq!(status, allowed, "{said}");
    }
    for (who, allowed) in [(&stranger, 200), (&reader, 403)] {
        let (status, said) = ask(who, "POST", "registered-models/create", json!({ "name": "free" }));
        assert_eq!(status, allowed, "{said}");
    }
    let (_, found) = ask(&reader, "GET", "registered-models/search", Value::Null);
    assert_eq!(found["registered_models"].as_array().map_or(0, Vec::len), 2, "{found}");
    for (path, body) in [
        ("model-versions/create", json!({ "name": "churn", "source": "s3://bucket/model" })),
        ("registered-models/alias", json!({ "name": "churn", "alias": "champion", "version": "1" })),
        ("registered-models/set-tag", json!({ "name": "churn", "key": "a", "value": "b" })),
    ] {
        for who in [&reader, &stranger, &owner] {
            let (status, said) = ask(who, "POST", path, body.clone());
            // The token of the owner is for running alone.
            let allowed = if path.ends_with("set-tag") && who == &owner { 200 } else { 403 };
            assert_eq!((status, path), (allowed, path), "{said}");
        }
    }
}

/// A project whose runs predict a number from `x_0` to `x_3`, and whose versions a validator approves.
pub const PRICES: &str = r#"
[project]
name = "price"
owner = "user:ona"
[project.roles]
validator = ["user:vera"]
developer = ["svc:api", "user:dev"]
operator = ["svc:api"]
auditor = ["svc:api", "user:auditor"]
[data.sales]
path = "sales.csv"
time = "at"
id = ["id"]
label = "y"
[step.split]
run = "kilter data split {in.sales} {out.train} {out.test} --time at"
in = ["sales"]
out = { train = "work/train.parquet", test = "work/test.parquet" }
[step.train]
run = "kilter train {in.train} --target y --exclude id,at --param rounds=20 --out {out.model}"
in = ["split.train"]
out = { model = "work/model" }
[gate.quality]
dataset = "split.test"
rules = ["rmse <= 2.5"]
[package]
model = "train.model"
[approve]
rule = "validator"
[deploy.production]
auto = true
"#;

/// Rows of which `y` is `2 x_0 - x_1 + x_2 / 2 + 1`, nearly.
pub fn sales() -> String {
    let mut text = "id,at,x_0,x_1,x_2,x_3,y\n".to_owned();
    for id in 0..400u32 {
        let part = |factor: u32| f64::from(id.wrapping_mul(factor) >> 8 & 1023) / 256.0;
        let (x, noise) = ([part(2_654_435_761), part(40_503), part(69_069), part(1_664_525)], part(22_695_477) / 10.0);
        let y = 2.0 * x[0] - x[1] + x[2] / 2.0 + 1.0 + noise;
        text += &format!("{id},2024-{:02}-{:02},{},{},{},{},{y}\n", 1 + id / 40, 1 + id % 28, x[0], x[1], x[2], x[3]);
    }
    text
}

#[test]
fn what_a_client_registers_under_a_contract_is_packed_judged_approved_and_served() {
    let Some(python) = mlflow_python() else { return };
    check_governed(&World::new(), &python);
}

#[test]
#[ignore = "the whole way of a version once more: half a minute; ./test --replays -- postgresql"]
fn it_is_packed_judged_approved_and_served_on_postgresql_too() {
    let (Some(python), Some(database)) = (mlflow_python(), Database::new()) else { return };
    let world = World::new();
    world.set_database(&database.url());
    check_governed(&world, &python);
}

fn check_governed(world: &World, python: &Path) {
    world.write("sales.csv", &sales());
    world.write("kilter.toml", PRICES);
    let (exit, text) = by(world, "dev", &["run"]);
    assert_eq!(exit, 8, "{text}");
    let server = Server::start(world);
    let file = world.path().join("known.json");
    let client = |act: &str| {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/python/mlflow_governed.py");
        let url = format!("http://{}", server.address);
        let output =
            Command::new(python).arg(script).args([url.as_str(), act]).arg(&file).current_dir(world.path()).output();
        let output = output.unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("the contract holds"), "{said}");
    };
    client("register");
    let known: Value = serde_json::from_str(&world.read("known.json")).unwrap();
    let version = known["version"].to_string();
    let (exit, text) = by(world, "vera", &["approve", &format!("price@{version}"), "--reason", "as measured"]);
    assert_eq!(exit, 0, "{text}");
    client("promote");
    // It answers over V2 as MLflow does.
    let column =
        |place: usize| known["rows"].as_array().unwrap().iter().map(|row| row[place].clone()).collect::<Vec<_>>();
    let inputs: Vec<Value> = (0..4)
        .map(|place| json!({ "name": format!("x_{place}"), "shape": [3], "datatype": "FP64", "data": column(place) }))
        .collect();
    let (status, answer) = server.ask("POST", "/v2/models/price/infer", &json!({ "inputs": inputs }));
    assert_eq!((status, &answer["model_version"]), (200, &json!(version)), "{answer}");
    let score = answer["outputs"].as_array().unwrap().iter().find(|output| output["name"] == "score").unwrap();
    for (ours, of_mlflow) in score["data"].as_array().unwrap().iter().zip(known["answers"].as_array().unwrap()) {
        assert!((ours.as_f64().unwrap() - of_mlflow.as_f64().unwrap()).abs() < 1e-5, "{answer} {known}");
    }
    // What was refused has its entries, and so has what was done.
    let listed = shown(world, "auditor", &["audit", "list", "--limit", "1000"]);
    let entries = listed["entries"].as_array().unwrap();
    let count = |action: &str, outcome: &str| {
        entries.iter().filter(|entry| entry["action"] == action && entry["outcome"] == outcome).count()
    };
    assert_eq!((count("alias.set", "denied"), count("alias.set", "done")), (3, 2), "{listed}");
    assert_eq!((count("stage.set", "denied"), count("stage.set", "done")), (2, 2), "{listed}");
    drop(server);
    // What was registered without a contract comes under one later.
    let import = |number: u32| {
        let registered = format!("models:/free/{number}");
        by(world, "dev", &["package", "import", &registered, "--model", "price"])
    };
    assert_eq!(import(1).0, 1, "{}", import(1).1);
    let (exit, text) = import(2);
    assert!(exit == 0 && text.contains("price@4 is a draft"), "{exit} {text}");
    // What is revoked is no champion any more.
    assert_eq!(by(world, "vera", &["revoke", &format!("price@{version}"), "--reason", "INC-7"]).0, 0);
    let server = Server::start(world);
    let (status, said) = server.get("/api/2.0/mlflow/registered-models/alias?name=price&alias=champion");
    assert_eq!((status, &said["error_code"]), (400, &json!("INVALID_PARAMETER_VALUE")), "{said}");
    let (_, found) = server.get(&format!("/api/2.0/mlflow/model-versions/get?name=price&version={version}"));
    assert_eq!(found["model_version"]["current_stage"], "Archived", "{found}");
    assert_eq!(by(world, "auditor", &["audit", "verify"]).0, 0);
}
