//! The real clients of Triton, KServe and MLflow against a server with a live model, and what hostile clients send to it.

use std::{
    io::{Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    World,
    contract::project,
    customers,
    mlflow::mlflow_python,
    mlflow_attacks::{Answer, send},
    server::Server,
};

/// The Python with the clients of Triton and KServe; `None` where `./test` did not make it.
pub fn serving_python() -> Option<PathBuf> {
    let named = std::env::var_os("KILTER_SERVING_PYTHON").map(PathBuf::from);
    let usual = || Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache/kilter/serving-venv/bin/python"));
    let python = named.or_else(usual)?;
    let found = Command::new(&python).args(["-c", "import tritonclient.http, kserve"]).output().ok()?;
    if !found.status.success() {
        eprintln!("skipped: KILTER_SERVING_PYTHON is no Python with tritonclient and kserve; ./test makes one");
        return None;
    }
    Some(python)
}

/// A live model of numbers, a text and a truth value.
fn members() -> World {
    let world = project("0.55");
    let mut lines = String::new();
    for (at, line) in customers().lines().enumerate() {
        let member = if at == 0 { "member" } else { ["true", "false", "true"][at % 3] };
        lines += &format!("{line},{member}\n");
    }
    world.write("customers.csv", &lines);
    assert_eq!(world.kilter(&["run"]).exit, 0);
    world
}

/// What a script of a client says of a server; whether it ended with 0.
fn run_client(python: &Path, script: &str, server: &Server) -> (bool, String) {
    let script = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/python")).join(script);
    let output =
        Command::new(python).arg(script).arg(format!("http://{}", server.address)).arg("churn").output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.success(), said)
}

#[test]
fn the_http_clients_of_triton_and_kserve_work_unchanged() {
    let Some(python) = serving_python() else { return };
    let world = members();
    let server = Server::start(&world);
    let (is_fine, said) = run_client(&python, "serving_rest.py", &server);
    assert!(is_fine && said.contains(r#"{"checks": 11, "failed": 0}"#), "{said}");
}

#[test]
fn the_client_of_mlflows_scoring_server_works_unchanged() {
    let Some(python) = mlflow_python() else { return };
    let world = members();
    let server = Server::start(&world);
    let (is_fine, said) = run_client(&python, "mlflow_scoring.py", &server);
    assert!(is_fine && said.contains("scores unchanged"), "{said}");
}

const INFER: &str = "/v2/models/churn/infer";

fn post(server: &Server, path: &str, headers: &str, body: &[u8]) -> Answer {
    send(server, &format!("POST {path} HTTP/1.1\r\n{headers}content-length: {}\r\n", body.len()), body)
}

fn one_row() -> Value {
    json!({ "inputs": [
        { "name": "age", "datatype": "FP64", "shape": [1], "data": [25] },
        { "name": "visits", "datatype": "INT64", "shape": [1], "data": [18] },
        { "name": "region", "datatype": "BYTES", "shape": [1], "data": ["north"] },
    ] })
}

/// Every failure is the client's, and says why in the words of the protocol.
fn is_refused(answer: &Answer, status: u16, words: &str) {
    let error = answer.json()["error"].as_str().map(str::to_owned).unwrap_or_default();
    assert!(answer.status == status && error.contains(words), "{} {}", answer.status, answer.text());
}

#[test]
fn hostile_requests_are_refused_in_the_words_of_the_protocol_and_the_server_goes_on() {
    let world = project("0.55");
    assert_eq!(world.kilter(&["run"]).exit, 0);
    let server = Server::start(&world);
    let body = one_row().to_string();
    // Whatever type is stated, as `curl -d` does.
    for kind in ["", "content-type: application/x-www-form-urlencoded\r\n", "content-type: text/plain\r\n"] {
        assert_eq!(post(&server, INFER, kind, body.as_bytes()).status, 200, "{kind}");
    }
    is_refused(&post(&server, INFER, "origin: http://evil.example\r\n", body.as_bytes()), 403, "another origin");
    is_refused(&post(&server, INFER, "host: evil.example\r\n", body.as_bytes()), 403, "evil.example");
    // Deep nesting, with and without the fields that say what data should be.
    for deep in ["[".repeat(100_000), format!("{{\"inputs\":{}", "[".repeat(100_000))] {
        is_refused(&post(&server, INFER, "", deep.as_bytes()), 400, "JSON");
    }
    let data = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    let nested = format!(r#"{{"inputs":[{{"name":"age","datatype":"FP64","shape":[1],"data":{data}}}]}}"#);
    is_refused(&post(&server, INFER, "", nested.as_bytes()), 400, "`age`");
    let early = format!(r#"{{"inputs":[{{"name":"age","data":{data},"datatype":"FP64","shape":[1]}}]}}"#);
    is_refused(&post(&server, INFER, "", early.as_bytes()), 400, "");
    // Shapes that no memory holds.
    for shape in ["[4611686018427387904,4611686018427387904]", "[18446744073709551615]", "[0,18446744073709551615]"] {
        let huge = format!(r#"{{"inputs":[{{"name":"age","datatype":"FP64","shape":{shape},"data":[1]}}]}}"#);
        is_refused(&post(&server, INFER, "", huge.as_bytes()), 400, "`age`");
        let binary = huge.replace("\"data\":[1]", "\"parameters\":{\"binary_data_size\":8}");
        let length = format!("inference-header-content-length: {}\r\n", binary.len());
        is_refused(&post(&server, INFER, &length, &[binary.as_bytes(), &[0; 8]].concat()), 400, "`age`");
    }
    for length in ["99999999999999999999", "-1", "x", "5", "1000000"] {
        let header = format!("inference-header-content-length: {length}\r\n");
        is_refused(&post(&server, INFER, &header, body.as_bytes()), 400, "");
    }
    // A body that is too large, said in advance and not, and one that becomes too large.
    let large = post(&server, INFER, "", &vec![b' '; (16 << 20) + 1]);
    is_refused(&large, 413, "bytes");
    let mut bomb = Command::new("sh");
    let bomb = bomb.args(["-c", "head -c 200000000 /dev/zero | gzip -c -9"]).output().unwrap().stdout;
    is_refused(&post(&server, INFER, "content-encoding: gzip\r\n", &bomb), 413, "bytes");
    is_refused(&post(&server, INFER, "content-encoding: gzip\r\n", &bomb[..bomb.len() / 2]), 413, "bytes");
    is_refused(&post(&server, INFER, "content-encoding: gzip\r\n", body.as_bytes()), 400, "compressed");
    is_refused(&post(&server, INFER, "content-encoding: br\r\n", body.as_bytes()), 415, "`br`");
    // Addresses and methods that there are not.
    for path in ["/v2/", "/v2/models", "/v2/models/churn/nothing", "/v2/models/churn/versions/1/x", "/v2/health"] {
        is_refused(&post(&server, path, "", b"{}"), 404, "nothing at POST");
    }
    for (method, path) in [("PUT", INFER), ("GET", INFER), ("DELETE", "/v2"), ("POST", "/v2/health/live")] {
        is_refused(&send(&server, &format!("{method} {path} HTTP/1.1\r\n"), b""), 405, method);
    }
    is_refused(&post(&server, "/v2/models/%ff/infer", "", b"{}"), 400, "UTF-8");
    is_refused(&post(&server, "/v2/models/..%2fchurn/infer", "", body.as_bytes()), 404, "no model");
    assert_eq!(post(&server, INFER, "", body.as_bytes()).status, 200, "and it goes on");
    assert!(server.peak_bytes() < 900 << 20, "{}", server.peak_bytes());
}

#[test]
fn bodies_that_are_cut_or_come_slowly_hold_nobody_up() {
    let world = project("0.55");
    assert_eq!(world.kilter(&["run"]).exit, 0);
    let server = Server::start(&world);
    let body = one_row().to_string();
    let head = format!("POST {INFER} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n", body.len());
    let mut slow: Vec<TcpStream> = (0..20).map(|_| TcpStream::connect(&server.address).unwrap()).collect();
    for (at, stream) in slow.iter_mut().enumerate() {
        let sent = head.len() / 2 + at * (head.len() / 2 + body.len()) / 20;
        stream.write_all(&[head.as_bytes(), body.as_bytes()].concat()[..sent]).unwrap();
    }
    let began = Instant::now();
    for _ in 0..20 {
        assert_eq!(post(&server, INFER, "", body.as_bytes()).status, 200);
    }
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    // One that sends the rest is answered; what the others began is no request and leaves nothing behind.
    let last = slow.len() - 1;
    let sent = head.len() / 2 + last * (head.len() / 2 + body.len()) / 20;
    let mut stream = slow.remove(last);
    stream.write_all(&[head.as_bytes(), body.as_bytes()].concat()[sent..]).unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200");
    drop(slow);
    let (_, stats) = server.get("/v2/models/churn/stats");
    assert_eq!(stats["model_stats"][0]["inference_count"], 21, "{stats}");
}

#[test]
fn a_version_that_could_not_be_loaded_is_loaded_when_it_can_be() {
    let world = project("0.55");
    assert_eq!(world.kilter(&["run"]).exit, 0);
    let blobs = world.path().join(".kilter/blobs");
    let aside = world.path().join("aside");
    std::fs::rename(&blobs, &aside).unwrap();
    std::fs::create_dir(&blobs).unwrap();
    let server = Server::start(&world);
    let (_, index) = server.ask("POST", "/v2/repository/index", &json!({}));
    assert_eq!((&index[0]["name"], &index[0]["state"]), (&json!("churn"), &json!("UNAVAILABLE")), "{index}");
    assert!(index[0]["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{index}");
    assert_eq!(server.ask("POST", "/v2/repository/index", &json!({ "ready": true })).1, json!([]));
    let load = || post(&server, "/v2/repository/models/churn/load", "", b"");
    assert!((400..600).contains(&load().status));
    std::fs::remove_dir_all(&blobs).unwrap();
    std::fs::rename(&aside, &blobs).unwrap();
    assert_eq!(load().status, 200, "{}", load().text());
    assert_eq!(post(&server, INFER, "", one_row().to_string().as_bytes()).status, 200);
    let (_, index) = server.ask("POST", "/v2/repository/index", &Value::Null);
    assert_eq!(index, json!([{ "name": "churn", "version": "1", "state": "READY", "reason": "" }]));
}

#[test]
fn without_a_name_rows_go_to_the_only_endpoint() {
    let world = project("0.55");
    let server = Server::start(&world);
    let rows = json!({ "instances": [{ "age": 25, "visits": 18, "region": "north" }] });
    let (status, said) = server.ask("POST", "/invocations", &rows);
    assert_eq!((status, &said["error_code"]), (404, &json!("RESOURCE_DOES_NOT_EXIST")), "{said}");
    drop(server);
    let contract = world.read("kilter.toml") + "[deploy.second]\nauto = true\n";
    world.write("kilter.toml", &contract);
    assert_eq!(world.kilter(&["run"]).exit, 0);
    let server = Server::start(&world);
    let (status, said) = server.ask("POST", "/invocations", &rows);
    assert!(status == 400 && said["message"].as_str().unwrap().contains("churn, churn-second"), "{said}");
    let (status, said) = server.ask("POST", "/invocations?endpoint=churn-second", &rows);
    assert_eq!((status, said["predictions"].as_array().map(Vec::len)), (200, Some(1)), "{said}");
    let (_, stats) = server.get("/v2/models/churn-second/stats");
    assert_eq!(stats["model_stats"][0]["inference_count"], 1, "{stats}");
    assert_eq!(server.get("/v2/models/churn/stats").1["model_stats"][0]["inference_count"], 0);
}
