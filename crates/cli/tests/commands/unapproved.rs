//! Acceptance check 1: a version that is not approved, or not validly signed, reaches traffic through no door; each refusal says
//! what is missing and leaves an entry.

use std::{
    io::{Read, Write},
    net::TcpStream,
    process::Command,
};

use serde_json::{Value, json};

use crate::{
    World,
    audit_evidence::SQLITE,
    lifecycle::{by, governed, live, shown, state},
    server::Server,
};

/// What refused acts left in the log: who tried what, the newest first.
fn denied(world: &World) -> Vec<String> {
    let listed = shown(world, "auditor", &["audit", "list", "--limit", "1000"]);
    let word = |entry: &Value, key: &str| entry[key].as_str().unwrap_or_default().to_owned();
    let entries = listed["entries"].as_array().unwrap().iter().filter(|entry| entry["outcome"] == "denied");
    entries.map(|entry| format!("{} {}", word(entry, "actor"), word(entry, "action"))).collect()
}

/// A command is refused: by its exit code, with what is missing, with an entry of its own, and what is live stays.
fn refused(world: &World, who: &str, arguments: &[&str], missing: &str, action: &str) {
    let (before, answers) = (denied(world).len(), live(world));
    let (exit, text) = by(world, who, arguments);
    assert!(exit == 6 && text.contains(missing), "{arguments:?} ends with {exit}: {text}");
    let after = denied(world);
    assert_eq!((after.len(), &*after[0]), (before + 1, &*format!("user:{who} {action}")), "{arguments:?}");
    assert_eq!(live(world), answers, "{arguments:?}");
}

/// What a server answers to someone, with its head.
fn answer(server: &Server, who: &str, request: &str, body: &Value) -> String {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let mut stream = TcpStream::connect(&server.address).unwrap();
    write!(
        stream,
        "{request} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\nx-kilter-actor: user:{who}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

/// The same through the API of a server.
fn refused_by_server(world: &World, server: &Server, number: u32, missing: &str) {
    let before = denied(world).len();
    let body = json!({ "version": number, "reason": "by the API" });
    let answer = answer(server, "olga", "POST /api/v1/endpoints/churn/deploy", &body);
    assert!(answer.starts_with("HTTP/1.1 409") && answer.contains(missing), "{answer}");
    let after = denied(world);
    assert_eq!((after.len(), &*after[0]), (before + 1, "user:olga deployment.request"));
}

/// The same through the registry of MLflow's clients: no name and no stage says that production may use it.
fn refused_by_registry(world: &World, server: &Server, number: u32, missing: &str) {
    let version = number.to_string();
    for (action, request, body) in [
        ("alias.set", "registered-models/alias", json!({ "name": "churn", "alias": "champion", "version": version })),
        (
            "stage.set",
            "model-versions/transition-stage",
            json!({ "name": "churn", "version": version, "stage": "Production" }),
        ),
    ] {
        let before = denied(world).len();
        let answer = answer(server, "olga", &format!("POST /api/2.0/mlflow/{request}"), &body);
        let is_refused = answer.starts_with("HTTP/1.1 403") && answer.contains("PERMISSION_DENIED");
        assert!(is_refused && answer.contains(missing), "{answer}");
        let after = denied(world);
        assert_eq!((after.len(), &*after[0]), (before + 1, &*format!("user:olga {action}")));
    }
    let found = answer(server, "auditor", "GET /api/2.0/mlflow/registered-models/get?name=churn", &Value::Null);
    assert!(!found.contains("champion") && !found.contains("Production"), "{found}");
}

/// Nobody answers at the endpoint, and its status says why.
fn answers_nobody(server: &Server, reason: &str) {
    let rows = json!({ "inputs": [
        { "name": "age", "shape": [1], "datatype": "FP64", "data": [44.0] },
        { "name": "visits", "shape": [1], "datatype": "INT64", "data": [3] },
        { "name": "region", "shape": [1], "datatype": "BYTES", "data": ["north"] },
    ] });
    let predicted = answer(server, "olga", "POST /v2/models/churn/infer", &rows);
    let is_refused = ["404", "409", "503"].iter().any(|status| predicted.starts_with(&format!("HTTP/1.1 {status}")));
    assert!(is_refused, "{predicted}");
    let status = answer(server, "auditor", "GET /api/v1/status", &Value::Null);
    assert!(status.contains(reason), "{reason}: {status}");
}

const ASKS: &str = "[approve]\nrule = \"validator\"";

#[test]
fn a_version_that_is_not_approved_reaches_traffic_through_no_door() {
    let world = governed("0.55", ASKS);
    // The run, which deploys by itself what may serve.
    assert_eq!(by(&world, "dev", &["run"]).0, 8);
    assert_eq!((state(&world, "churn@1"), live(&world)), ("validated".to_owned(), Value::Null));
    // The command, the API, and the loop of a server, which deploys by itself too.
    refused(&world, "olga", &["deploy", "--version", "1"], "it must be approved first", "deployment.request");
    let server = Server::start(&world);
    refused_by_server(&world, &server, 1, "it must be approved first");
    refused_by_registry(&world, &server, 1, "it must be approved first; missing: the yes of 1 more validator");
    answers_nobody(&server, "\"churn\"");
    drop(server);
    assert_eq!(live(&world), Value::Null);
    // In the place of what is retired.
    assert_eq!(by(&world, "vera", &["approve", "churn@1"]).0, 0);
    assert_eq!(by(&world, "dev", &["run", "--force"]).0, 8);
    assert_eq!((state(&world, "churn@2"), live(&world)), ("validated".to_owned(), 1.into()));
    refused(&world, "ona", &["retire", "churn@1", "--replacement", "2"], "validated", "version.retire");
    // By a rollback.
    assert_eq!(by(&world, "vera", &["approve", "churn@2"]).0, 0);
    assert_eq!(live(&world), 2);
    assert_eq!(by(&world, "vera", &["revoke", "churn@1", "--reason", "INC-7"]).0, 0);
    refused(&world, "olga", &["rollback", "--reason", "complaints"], "revoked", "deployment.roll_back");
    // By an emergency, which goes past the approval and past nothing else.
    let emergency = ["deploy", "--version", "1", "--break-glass", "--reason", "fraud wave"];
    refused(&world, "ida", &emergency, "revoked", "break_glass.deploy");
    assert_eq!(by(&world, "dev", &["run", "--force"]).0, 8);
    assert_eq!(by(&world, "vera", &["reject", "churn@3", "--reason", "learned from returns"]).0, 0);
    let emergency = ["deploy", "--version", "3", "--break-glass", "--reason", "fraud wave"];
    refused(&world, "ida", &emergency, "rejected", "break_glass.deploy");
    assert_eq!(by(&world, "auditor", &["audit", "verify"]).0, 0);
    // The process that serves, at load: whatever was written into the database.
    let database = world.path().join(".kilter/kilter.db");
    let taken = "UPDATE model_version SET state = 'validated' WHERE number = 2";
    let output = Command::new("python3").args(["-c", SQLITE]).arg(database).arg(taken).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    answers_nobody(&Server::start(&world), "validated");
    assert_eq!(by(&world, "auditor", &["audit", "verify"]).0, 3, "and the audit log says that it was");
}

#[test]
fn a_version_that_is_not_validly_signed_reaches_traffic_through_no_door() {
    let world = governed("0.55", ASKS);
    for number in ["1", "2", "3"] {
        assert_eq!(by(&world, "dev", &["run", "--force"]).0, 8);
        if number != "3" {
            assert_eq!(by(&world, "vera", &["approve", &format!("churn@{number}")]).0, 0);
        }
    }
    assert_eq!(live(&world), 2);
    let keys = shown(&world, "ida", &["key", "list"])["keys"].clone();
    let key = keys.as_array().unwrap().iter().find(|key| key["purpose"] == "package").unwrap()["id"].clone();
    let (exit, text) = by(&world, "ida", &["key", "revoke", key.as_str().unwrap(), "--reason", "the laptop is lost"]);
    assert_eq!(exit, 0, "{text}");
    // The loop and the command that completes an approval deploy by themselves.
    let before = denied(&world).len();
    let (exit, text) = by(&world, "vera", &["approve", "churn@3"]);
    assert!(exit == 0 && text.contains("is not deployed at churn") && text.contains("not validly signed"), "{text}");
    assert_eq!((denied(&world).len(), &*denied(&world)[0]), (before + 1, "system:deploy deployment.request"));
    assert_eq!((state(&world, "churn@3"), live(&world)), ("approved".to_owned(), 2.into()));
    let missing = "not validly signed";
    refused(&world, "olga", &["deploy", "--version", "3"], missing, "deployment.request");
    refused(&world, "ona", &["retire", "churn@2", "--replacement", "3"], missing, "version.retire");
    refused(&world, "olga", &["rollback", "--reason", "complaints"], missing, "deployment.roll_back");
    let emergency = ["deploy", "--version", "3", "--break-glass", "--reason", "fraud wave"];
    refused(&world, "ida", &emergency, missing, "break_glass.deploy");
    let server = Server::start(&world);
    refused_by_server(&world, &server, 3, missing);
    refused_by_registry(&world, &server, 3, missing);
    answers_nobody(&server, missing);
    drop(server);
    assert_eq!(by(&world, "auditor", &["audit", "verify"]).0, 0);
}
