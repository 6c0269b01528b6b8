//! The real gRPC clients of Triton and KServe against a server with a live model, who may call it, and how calls end with it.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::Path,
    process::{Command, Stdio},
};

use serde_json::{Value, json};

use crate::{World, contract::project, server::Server, serving_rest::serving_python};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/python/serving_grpc.py");

fn live() -> World {
    let world = project("0.55");
    assert_eq!(world.kilter(&["run"]).exit, 0);
    world
}

/// What the script says; it must end well.
fn expect(python: &Path, arguments: &[&str]) -> String {
    let output = Command::new(python).arg(SCRIPT).args(arguments).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("as the clients expect"), "{said}");
    said
}

/// The page of the metrics.
fn metrics(server: &Server) -> String {
    let mut stream = TcpStream::connect(&server.address).unwrap();
    write!(stream, "GET /metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).unwrap();
    page
}

#[test]
fn the_client_of_triton_finds_what_it_expects() {
    let Some(python) = serving_python() else { return };
    let world = live();
    let server = Server::start_with_grpc(&world, &[]);
    expect(&python, &["tritonclient", &server.grpc_address]);
    let page = metrics(&server);
    let infer = r#"grpc_server_handled_total{grpc_type="unary",grpc_service="inference.GRPCInferenceService",grpc_method="ModelInfer""#;
    for code in ["OK", "InvalidArgument", "NotFound", "ResourceExhausted"] {
        assert!(page.contains(&format!("{infer},grpc_code=\"{code}\"}}")), "{code}: {page}");
    }
    // Whoever is faster ends a call that is too late.
    assert!(page.contains("grpc_code=\"DeadlineExceeded\"") || page.contains("grpc_code=\"Canceled\""), "{page}");
    for code in ["Internal", "Unknown"] {
        assert!(!page.contains(&format!("grpc_code=\"{code}\"")), "{code}: {page}");
    }
    assert!(page.contains(r#"grpc_type="bidi_stream""#) && page.contains(r#"grpc_method="unknown""#), "{page}");
    // What was asked over gRPC was recorded like everything else.
    server.signal("-TERM");
    assert_eq!(server.wait(), Some(0));
    let counted = world.json(&["sql", "select count(*) as n from predictions_churn", "--data", ".kilter"]);
    assert!(counted["rows"][0][0].as_u64().or(counted["rows"][0]["n"].as_u64()) > Some(100_000), "{counted}");
}

#[test]
fn the_client_of_kserve_finds_what_it_expects() {
    let Some(python) = serving_python() else { return };
    let world = live();
    let server = Server::start_with_grpc(&world, &[]);
    expect(&python, &["kserve", &server.grpc_address]);
}

#[test]
fn a_call_has_the_rights_of_its_route() {
    let Some(python) = serving_python() else { return };
    let world = live();
    let token = "0123456789abcdef0123456789abcdef";
    let file = world.write("token", token);
    let server = Server::start_with_grpc(&world, &["--token-file", &file.display().to_string()]);
    expect(&python, &["token", &server.grpc_address, token]);
}

#[test]
fn a_stop_ends_streams_and_answers_what_has_begun() {
    let Some(python) = serving_python() else { return };
    let world = live();
    let server = Server::start_with_grpc(&world, &[]);
    let client = Command::new(&python).args([SCRIPT, "stop", &server.grpc_address]).stdout(Stdio::piped()).spawn();
    let mut client = client.unwrap();
    let mut lines = BufReader::new(client.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "streaming");
    server.signal("-TERM");
    let began = std::time::Instant::now();
    assert_eq!(server.wait(), Some(0));
    assert!(began.elapsed().as_secs() < 8, "an open stream does not hold the stop up until it is cut");
    assert!(lines.next().unwrap().unwrap().contains("as the clients expect"));
    assert!(client.wait().unwrap().success());
}

#[test]
fn grpc_is_answered_where_it_was_asked_for() {
    let world = live();
    let without = Server::start(&world);
    assert_eq!(without.grpc_address, "");
    drop(without);
    let server = Server::start_with_grpc(&world, &[]);
    let file: Value = serde_json::from_str(&world.read(".kilter/server.json")).unwrap();
    assert_eq!(file["grpc_address"], json!(server.grpc_address));
    let status = world.json(&["status", "--data", ".kilter"]);
    assert_eq!(status["grpc_address"], json!(server.grpc_address), "{status}");
    // A client of HTTP/1.1 is told something, or nothing, and nobody else is hurt.
    let mut stream = TcpStream::connect(&server.grpc_address).unwrap();
    write!(stream, "GET /v2 HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    assert_eq!(server.get("/v2/health/live").0, 200);
    let taken = server.grpc_address.rsplit_once(':').unwrap().1.to_owned();
    let other = world.problem(&["server", "--port", "0", "--grpc-port", &taken, "--data", "other"], 6);
    assert_eq!(other["code"], "address_in_use", "{other}");
}
