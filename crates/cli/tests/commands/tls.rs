//! Servers that encrypt: real clients of HTTP and gRPC, commands, certificates of clients, and a certificate that is replaced.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::Path,
    process::{Command, Stdio},
};

use crate::{World, contract::project, server::Server, serving_rest::serving_python};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/python/serving_tls.py");
pub const TLS: [&str; 4] = ["--tls-certificate", "server.pem", "--tls-key", "server.key"];

fn openssl(folder: &Path, arguments: &[&str]) {
    let done = Command::new("openssl").args(arguments).current_dir(folder).output().unwrap();
    assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
}

const KEY: [&str; 4] = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"];

pub fn authority(folder: &Path, name: &str) {
    let (key, file) = (format!("{name}.key"), format!("{name}.pem"));
    let made = ["-nodes", "-days", "1", "-keyout", &key, "-out", &file, "-subj", "/CN=a test authority"];
    openssl(folder, &[&["req", "-x509"], &KEY[..], &made].concat());
}

/// A certificate of the authority `ca` for this machine, in `NAME.pem` and `NAME.key`.
pub fn certificate(folder: &Path, name: &str) {
    let [key, request, file] = ["key", "csr", "pem"].map(|ending| format!("{name}.{ending}"));
    openssl(
        folder,
        &[&["req"], &KEY[..], &["-nodes", "-keyout", &key, "-out", &request, "-subj", "/CN=kilter"]].concat(),
    );
    fs::write(folder.join("names"), "subjectAltName=IP:127.0.0.1,DNS:localhost").unwrap();
    let by = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "1", "-extfile", "names", "-out", &file];
    openssl(folder, &[&["x509", "-req", "-in", &request], &by[..]].concat());
}

/// A project with a live model, and the certificates of a server.
fn live() -> World {
    let world = project("0.55");
    assert_eq!(world.kilter(&["run"]).exit, 0);
    authority(world.path(), "ca");
    certificate(world.path(), "server");
    world
}

/// What the script says; it must end well.
fn expect(world: &World, python: &Path, arguments: &[&str]) -> String {
    let output = Command::new(python).arg(SCRIPT).args(arguments).current_dir(world.path()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("as the clients expect"), "{said}");
    said
}

fn curl(world: &World, arguments: &[&str]) -> (bool, String) {
    let done = Command::new("curl").args(["-sS"]).args(arguments).current_dir(world.path()).output().unwrap();
    (done.status.success(), String::from_utf8_lossy(&done.stdout).into_owned() + &String::from_utf8_lossy(&done.stderr))
}

#[test]
fn http_and_grpc_are_encrypted_and_commands_find_the_server() {
    let world = live();
    let server = Server::start_with_grpc(&world, &TLS);
    let url = format!("https://{}", server.address);
    let live = format!("{url}/v2/health/live");
    assert_eq!(curl(&world, &["--cacert", "ca.pem", &live]), (true, r#"{"live":true}"#.to_owned()));
    for version in ["--tlsv1.2", "--tlsv1.3"] {
        let max = ["--tls-max", version.trim_start_matches("--tlsv")];
        assert!(curl(&world, &[&[version, "--cacert", "ca.pem", &live], &max[..]].concat()).0, "{version}");
    }
    assert!(
        !curl(&world, &["--tls-max", "1.1", "--ciphers", "ALL:@SECLEVEL=0", "-k", &live]).0,
        "old versions are refused"
    );
    assert!(!curl(&world, &[&live]).0, "nobody believes a certificate of an unknown authority");
    // Commands on the data folder believe the certificate that is there; others need the authority.
    assert_eq!(world.kilter(&["status", "--data", ".kilter"]).exit, 0);
    assert_eq!(world.kilter(&["status", "--server", &url, "--ca-file", "ca.pem"]).exit, 0);
    let unknown = world.problem(&["status", "--server", &url], 7);
    assert!(unknown["hint"].as_str().unwrap().contains("--ca-file"), "{unknown}");
    let plain = world.problem(&["status", "--server", &url.replace("https", "http")], 2);
    assert!(plain.to_string().contains("https://"), "{plain}");
    authority(world.path(), "other");
    let foreign = world.problem(&["status", "--server", &url, "--ca-file", "other.pem"], 7);
    assert_eq!(foreign["code"], "server_unreachable", "{foreign}");
    if let Some(python) = serving_python() {
        let said = expect(&world, &python, &["clients", &server.address, &server.grpc_address, "ca.pem"]);
        assert!(said.contains("this port speaks TLS") || said.contains("without TLS:"), "{said}");
    }
    server.signal("-TERM");
    assert_eq!(server.wait(), Some(0));
}

#[test]
fn a_client_that_does_not_encrypt_is_told_on_either_port() {
    let world = live();
    let server = Server::start_with_grpc(&world, &TLS);
    let answer = |address: &str, sent: &[u8]| {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(sent).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    };
    let body = "x".repeat(40_000);
    let request =
        format!("POST /v2/models/churn/infer HTTP/1.1\r\nhost: localhost\r\ncontent-length: 40000\r\n\r\n{body}");
    let refused = answer(&server.address, request.as_bytes());
    assert!(refused.starts_with("HTTP/1.1 400 ") && refused.contains("https://"), "{refused}");
    let frames = answer(&server.grpc_address, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0");
    assert!(frames.ends_with("this port speaks TLS, and the connection is not encrypted"), "{frames:?}");
}

#[test]
fn clients_need_a_certificate_where_an_authority_is_named_for_them() {
    let world = live();
    certificate(world.path(), "client");
    let server = Server::start_with_grpc(&world, &[&TLS[..], &["--tls-client-ca", "ca.pem"]].concat());
    let live = format!("https://{}/v2/health/live", server.address);
    assert!(!curl(&world, &["--cacert", "ca.pem", &live]).0);
    assert!(curl(&world, &["--cacert", "ca.pem", "--cert", "client.pem", "--key", "client.key", &live]).0);
    authority(world.path(), "stranger");
    assert!(!curl(&world, &["--cacert", "ca.pem", "--cert", "stranger.pem", "--key", "stranger.key", &live]).0);
    world.problem(&["status", "--data", ".kilter"], 7);
    world.set_variable("KILTER_CLIENT_CERTIFICATE", "client.pem");
    let half = world.problem(&["status", "--data", ".kilter"], 2);
    assert!(half.to_string().contains("KILTER_CLIENT_KEY is not"), "{half}");
    world.set_variable("KILTER_CLIENT_KEY", "client.key");
    assert_eq!(world.kilter(&["status", "--data", ".kilter"]).exit, 0);
    if let Some(python) = serving_python() {
        let identity = ["client.pem", "client.key"];
        expect(
            &world,
            &python,
            &[&["clients", &server.address, &server.grpc_address, "ca.pem"], &identity[..]].concat(),
        );
    }
}

#[test]
fn a_certificate_is_replaced_under_load_and_no_request_fails() {
    let Some(python) = serving_python() else { return };
    let world = live();
    certificate(world.path(), "next");
    let server = Server::start_with_grpc(&world, &TLS);
    let load = ["rotate", &server.address, &server.grpc_address, "ca.pem", "8"];
    let client = Command::new(&python).arg(SCRIPT).args(load).current_dir(world.path()).stdout(Stdio::piped()).spawn();
    let mut client = client.unwrap();
    let mut lines = BufReader::new(client.stdout.take().unwrap()).lines();
    assert!(lines.next().unwrap().unwrap().starts_with("serial "));
    // Between the two the key is of another certificate, which changes nothing.
    for (from, to) in [("next.pem", "server.pem"), ("next.key", "server.key")] {
        fs::rename(world.path().join(from), world.path().join(to)).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(1_500));
    }
    let said: Vec<String> = lines.map(Result::unwrap).collect();
    assert!(client.wait().unwrap().success() && said.last().unwrap() == "as the clients expect", "{said:?}");
    assert!(said[0].starts_with("serial "), "the new certificate was met: {said:?}");
    // Commands follow it.
    assert_eq!(world.kilter(&["status", "--data", ".kilter"]).exit, 0);
    let served = Server::serve(&world, &[&[&*boosted()], &TLS[..]].concat());
    assert!(curl(&world, &["--cacert", "ca.pem", &format!("https://{}/v2/health/live", served.address)]).0);
}

fn boosted() -> String {
    concat!(env!("CARGO_MANIFEST_DIR"), "/../inference/tests/boosted/boost_binary.json").to_owned()
}

#[test]
fn files_that_cannot_encrypt_are_named() {
    let world = World::new();
    authority(world.path(), "ca");
    certificate(world.path(), "server");
    certificate(world.path(), "other");
    openssl(world.path(), &["pkcs8", "-topk8", "-in", "server.key", "-passout", "pass:secret", "-out", "locked.key"]);
    world.write("empty.pem", "nothing\n");
    world.write("broken.pem", "-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n");
    let said = |certificate: &str, key: &str, more: &[&str]| {
        let tls = ["server", "--port", "0", "--data", "d", "--tls-certificate", certificate, "--tls-key", key];
        let problem = world.problem(&[&tls, more].concat(), 1);
        assert_eq!(problem["code"], "file_invalid", "{problem}");
        problem["detail"].as_str().unwrap().to_owned()
    };
    let cases: [(&str, &str, &[&str], &str); 7] = [
        ("missing.pem", "server.key", &[], "missing.pem"),
        ("empty.pem", "server.key", &[], "no certificate"),
        ("broken.pem", "server.key", &[], "broken.pem"),
        ("server.pem", "locked.key", &[], "not encrypted"),
        ("server.pem", "other.key", &[], "is not that of the certificate"),
        ("server.pem", "server.pem", &[], "no private key"),
        ("server.pem", "server.key", &["--tls-client-ca", "empty.pem"], "empty.pem"),
    ];
    for (certificate, key, more, words) in cases {
        let said = said(certificate, key, more);
        assert!(said.contains(words), "{certificate} {key}: {said}");
    }
    assert_eq!(world.kilter(&["server", "--tls-certificate", "server.pem"]).exit, 2, "a certificate needs its key");
    assert!(!world.path().join("d").exists(), "nothing was made");
}
