//! What hostile clients and pages send to MLflow's API: paths that leave, bodies that fill, hosts and origins of others.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

use serde_json::{Value, json};

use crate::{World, contract::project, database::Database, server::Server};

/// An answer as it came.
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }
}

/// Sends a request as it is; `host` and `connection` are added. Bytes that the server does not take any more are no failure.
pub fn send(server: &Server, head: &str, body: &[u8]) -> Answer {
    let host = if head.to_ascii_lowercase().contains("\nhost:") { "" } else { "host: localhost\r\n" };
    let mut stream = TcpStream::connect(&server.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    stream.write_all(format!("{head}{host}connection: close\r\n\r\n").as_bytes()).unwrap();
    let _ = stream.write_all(body);
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or(bytes.len());
    let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    Answer { status, head, body: bytes.get(end + 4..).unwrap_or_default().to_vec() }
}

fn post(server: &Server, path: &str, kind: &str, body: &[u8]) -> Answer {
    let length = body.len();
    send(server, &format!("POST /api/2.0/mlflow/{path} HTTP/1.1\r\n{kind}content-length: {length}\r\n"), body)
}

const JSON: &str = "content-type: application/json\r\n";

/// Paths that would leave the root, on one machine or another.
const PATHS: &[&str] = &[
    "..",
    "../x",
    "0/../../etc/passwd",
    "0/%2e%2e/x",
    "0/%2E%2e%2fx",
    "0/..%2f..%2fetc%2fpasswd",
    "0/%252e%252e%252fx",
    "0/%25252e%25252e/x",
    "%2fetc/passwd",
    "//etc/passwd",
    "0/a%5cb",
    "0/a%255cb",
    "0%5c..%5cx",
    "0/a%00b",
    "0/a%2500b",
    "0/a%0ab",
    "C:/windows/x",
    "c%3a/x",
    "file:///etc/passwd",
    "file%3a%2f%2f%2fetc%2fpasswd",
    "s3%3a%2f%2fbucket%2fx",
    "0/x%23y",
    "0/%c0%ae%c0%ae/x",
    "0/%ff",
];

fn paths_are_refused(server: &Server) {
    let long = "a/".repeat(1500) + "a";
    for path in PATHS.iter().copied().chain([long.as_str()]) {
        for method in ["PUT", "GET", "DELETE"] {
            let head = format!("{method} /api/2.0/mlflow-artifacts/artifacts/{path} HTTP/1.1\r\ncontent-length: 1\r\n");
            let answer = send(server, &head, b"x");
            // A name that is too long is of nothing that there is.
            let is_refused = answer.status == 400 || (path == long && method != "PUT" && answer.status == 404);
            assert!(is_refused, "{method} {path}: {} {}", answer.status, answer.text());
            assert!(!answer.text().contains("root:"), "{method} {path}");
        }
        if path == long {
            continue;
        }
        for route in ["mlflow-artifacts/artifacts?path=", "mlflow/artifacts/list?run_id=none&path="] {
            let answer = send(server, &format!("GET /api/2.0/{route}{path} HTTP/1.1\r\n"), b"");
            let is_refused = answer.status == 400 || (route.contains("list") && answer.status == 404);
            assert!(is_refused || path == "0/%c0%ae%c0%ae/x" || path == "0/%ff", "{route}{path}: {}", answer.text());
        }
    }
    // Names that only look like a way up are names.
    for path in ["0/%ef%bc%8e%ef%bc%8e/x", "0/%e2%80%a5/x", "0/...", "0/..x"] {
        let put = format!("PUT /api/2.0/mlflow-artifacts/artifacts/{path} HTTP/1.1\r\ncontent-length: 1\r\n");
        assert_eq!(send(server, &put, b"x").status, 200, "{path}");
        let get = send(server, &format!("GET /api/2.0/mlflow-artifacts/artifacts/{path} HTTP/1.1\r\n"), b"");
        assert_eq!((get.status, get.body.as_slice()), (200, &b"x"[..]), "{path}");
        assert!(get.head.contains("content-disposition: attachment"), "{}", get.head);
    }
}

#[test]
fn a_path_that_leaves_the_root_is_refused_however_it_is_written() {
    let world = World::new();
    paths_are_refused(&Server::start(&world));
    let Some(database) = Database::new() else { return };
    let world = World::new();
    world.set_database(&database.url());
    paths_are_refused(&Server::start(&world));
}

fn bodies_are_refused(server: &Server) {
    let run = post(server, "runs/create", JSON, br#"{"experiment_id": "0"}"#).json();
    let run = run["run"]["info"]["run_id"].as_str().unwrap().to_owned();
    let deep = "[".repeat(50_000);
    let of_run = |field: &str, value: &str| format!(r#"{{"run_id": "{run}", "{field}": {value}}}"#);
    let refused = [
        ("runs/log-metric", of_run("value", r#"NaN, "key": "a", "timestamp": 1"#)),
        ("runs/log-metric", of_run("value", r#"1e999, "key": "a", "timestamp": 1"#)),
        ("runs/log-batch", format!(r#"{{"run_id": "{run}", "metrics": {deep}"#)),
        ("runs/log-batch", format!(r#"{{"run_id": {}1{}}}"#, "[".repeat(200), "]".repeat(200))),
        ("runs/set-tag", of_run("key", r#""a", "value": "b\u0000c""#)),
        ("runs/set-tag", of_run("key", r#""a", "value": "\ud800""#)),
        ("runs/log-parameter", of_run("key", r#""a\u0000", "value": "b""#)),
        ("runs/update", of_run("run_name", r#""a\u0000b""#)),
        ("experiments/create", r#"{"name": "a\u0000b"}"#.to_owned()),
        ("experiments/create", r#"{"name": "x", "artifact_location": "mlflow-artifacts:/../x"}"#.to_owned()),
        ("experiments/create", r#"{"name": "x", "artifact_location": "file:///a/%2e%2e/b#c"}"#.to_owned()),
        ("experiments/create", format!(r#"{{"name": "{}"}}"#, "n".repeat(501))),
        ("experiments/set-experiment-tag", r#"{"experiment_id": "0", "key": "../x", "value": "1"}"#.to_owned()),
        ("runs/search", r#"{"experiment_ids": ["0"], "filter": "tags.`a\u0000` = 'x'"}"#.to_owned()),
        ("runs/create", r#"{"experiment_id": "0", "user_id": "a\u0000"}"#.to_owned()),
        ("logged-models", r#"{"experiment_id": "0", "name": "a\u0000"}"#.to_owned()),
        ("runs/create", "[]".to_owned()),
        ("runs/create", "{".to_owned()),
        ("runs/create", "\u{feff}{}".to_owned()),
    ];
    for (path, body) in &refused {
        let answer = post(server, path, JSON, body.as_bytes());
        let shown: String = body.chars().take(120).collect();
        assert_eq!(answer.status, 400, "{path} {shown}: {}", answer.text());
        assert!(answer.json()["error_code"].is_string(), "{path} {shown}: {}", answer.text());
    }
    for kind in [
        "",
        "content-type: text/plain\r\n",
        "content-type: application/x-www-form-urlencoded\r\n",
        "content-type: application/json, text/plain\r\n",
    ] {
        let answer = post(server, "runs/create", kind, br#"{"experiment_id": "0"}"#);
        assert_eq!(answer.status, 400, "{kind}: {}", answer.text());
    }
    // What is packed is not unpacked: a small body cannot become a large one.
    let packed = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];
    let answer = post(server, "runs/create", &format!("{JSON}content-encoding: gzip\r\n"), &packed);
    assert_eq!(answer.status, 400, "{}", answer.text());
    let metrics = vec![json!({ "key": "k".repeat(240), "value": 1.5, "timestamp": 1, "step": 1 }); 4_000];
    let large = json!({ "run_id": run, "metrics": metrics }).to_string();
    assert!(large.len() > 1_000_000);
    let answer = post(server, "runs/log-batch", JSON, large.as_bytes());
    assert!(answer.status == 400 && answer.text().contains("at most 1000000 bytes"), "{}", answer.text());
    let announced =
        format!("POST /api/2.0/mlflow/runs/log-batch HTTP/1.1\r\n{JSON}content-length: {}\r\n", 1_u64 << 40);
    assert_eq!(send(server, &announced, b"{").status, 400, "it is refused before its bytes come");
    // The run took nothing of all this.
    let found = send(server, &format!("GET /api/2.0/mlflow/runs/get?run_id={run} HTTP/1.1\r\n"), b"").json();
    assert!(found["run"]["data"].get("metrics").is_none() && found["run"]["data"].get("params").is_none(), "{found}");
}

#[test]
fn a_body_that_is_wrong_too_deep_too_large_or_of_another_type_is_refused() {
    let world = World::new();
    bodies_are_refused(&Server::start(&world));
    let Some(database) = Database::new() else { return };
    let world = World::new();
    world.set_database(&database.url());
    bodies_are_refused(&Server::start(&world));
}

#[test]
fn an_upload_that_breaks_off_leaves_nothing() {
    let world = World::new();
    let server = Server::start(&world);
    let path = "/api/2.0/mlflow-artifacts/artifacts/0/x/artifacts/half.bin";
    let mut stream = TcpStream::connect(&server.address).unwrap();
    write!(stream, "PUT {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1000000\r\n\r\n").unwrap();
    stream.write_all(&[1; 500_000]).unwrap();
    drop(stream);
    let get = |range: &str| send(&server, &format!("GET {path} HTTP/1.1\r\n{range}"), b"");
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(get("").status, 404);
    let put = format!("PUT {path} HTTP/1.1\r\ncontent-length: 10\r\n");
    assert_eq!(send(&server, &put, b"0123456789").status, 200);
    for (range, status, bytes) in [
        ("bytes=2-4", 206, "234"),
        ("bytes=-2", 206, "89"),
        ("bytes=10-", 416, ""),
        ("bytes=99999999999999999999-", 200, "0123456789"),
        ("bytes=0-1,3-4", 200, "0123456789"),
        ("bytes=4-2", 200, "0123456789"),
        ("lines=1-2", 200, "0123456789"),
        ("bytes=0-18446744073709551615", 206, "0123456789"),
    ] {
        let answer = get(&format!("range: {range}\r\n"));
        assert_eq!((answer.status, answer.text().as_str()), (status, bytes), "{range}");
    }
}

#[test]
fn evidence_is_not_deleted_with_a_folder_above_it() {
    let world = project("0.55");
    let id = world.json(&["run"])["run"]["run"].as_str().unwrap().to_owned();
    let server = Server::start(&world);
    let (_, found) = server.get("/api/2.0/mlflow/experiments/get-by-name?experiment_name=churn");
    let experiment = found["experiment"]["experiment_id"].as_str().unwrap().to_owned();
    let artifacts = |path: &str| format!("/api/2.0/mlflow-artifacts/artifacts/{path}");
    for path in [experiment.clone(), format!("{experiment}/{id}"), format!("{experiment}/{id}/artifacts")] {
        let (status, said) = server.ask("DELETE", &artifacts(&path), &json!({}));
        assert!(
            status == 400 && said["message"].as_str().unwrap().contains("the platform executed it"),
            "{path}: {said}"
        );
    }
    let (_, listed) = server.get(&format!("/api/2.0/mlflow/artifacts/list?run_id={id}"));
    assert!(!listed["files"].as_array().unwrap().is_empty(), "{listed}");
    // The files of a client's own run beside it go.
    let (_, run) = server.ask("POST", "/api/2.0/mlflow/runs/create", &json!({ "experiment_id": experiment }));
    let own = run["run"]["info"]["run_id"].as_str().unwrap().to_owned();
    let file = artifacts(&format!("{experiment}/{own}/artifacts/a.txt"));
    assert_eq!(send(&server, &format!("PUT {file} HTTP/1.1\r\ncontent-length: 1\r\n"), b"x").status, 200);
    assert_eq!(server.ask("DELETE", &artifacts(&format!("{experiment}/{own}")), &json!({})).0, 200);
    assert_eq!(server.get(&file).0, 404);
}
