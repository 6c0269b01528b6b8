//! What a client sees of the server over a real socket.

use std::{net::SocketAddr, time::Duration};

use kilter_api::Problem;
use kilter_server::{Server, ServerError, ServerOptions, Token};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::oneshot,
    task::JoinHandle,
};

const TOKEN: &str = "a-token-of-some-length";

/// A server in a folder of its own, stopped when the test says so.
struct World {
    _folder: tempfile::TempDir,
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    served: JoinHandle<()>,
}

impl World {
    async fn new(change: impl FnOnce(&mut ServerOptions)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut options = ServerOptions::local(folder.path());
        change(&mut options);
        let server = Server::bind(options).await.unwrap();
        let address = server.address().unwrap();
        let (stop, stopped) = oneshot::channel();
        let served = tokio::spawn(server.run_until(async {
            let _ = stopped.await;
        }));
        Self { _folder: folder, address, stop: Some(stop), served }
    }

    /// Sends `request` as it is and reads until the server closes.
    async fn send(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        read_all(&mut stream).await
    }

    async fn get(&self, path: &str) -> String {
        self.send(&format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")).await
    }

    async fn end(&mut self) {
        let _ = self.stop.take().unwrap().send(());
        (&mut self.served).await.unwrap();
    }
}

async fn read_all(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut answer)).await.unwrap().unwrap();
    String::from_utf8(answer).unwrap()
}

fn status(answer: &str) -> u16 {
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").unwrap().1
}

fn problem(answer: &str) -> Problem {
    assert!(answer.contains("content-type: application/problem+json"), "{answer}");
    serde_json::from_str(body(answer)).unwrap()
}

#[tokio::test]
async fn a_server_says_that_it_is_alive_and_ready() {
    let mut world = World::new(|_| {}).await;
    let health = world.get("/health").await;
    assert_eq!(status(&health), 200);
    assert!(body(&health).starts_with(r#"{"status":"alive","version":""#), "{health}");
    let ready = world.get("/ready").await;
    assert_eq!(status(&ready), 200);
    assert!(body(&ready).starts_with(r#"{"ready":true,"#), "{ready}");
    world.end().await;
}

#[tokio::test]
async fn a_server_whose_folder_is_gone_is_alive_but_not_ready() {
    let world = World::new(|_| {}).await;
    std::fs::remove_dir_all(world._folder.path()).unwrap();
    assert_eq!(status(&world.get("/health").await), 200);
    let ready = world.get("/ready").await;
    assert_eq!(status(&ready), 503);
    assert!(ready.contains("restore it"), "{ready}");
}

#[tokio::test]
async fn a_wrong_address_and_a_wrong_method_are_problems_that_say_so() {
    let world = World::new(|_| {}).await;
    let answer = world.get("/nowhere").await;
    assert_eq!((status(&answer), problem(&answer).code.as_str()), (404, "route_not_found"));
    let answer = world.send("DELETE /health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await;
    assert_eq!((status(&answer), problem(&answer).code.as_str()), (405, "method_not_allowed"));
}

#[tokio::test]
async fn the_request_id_of_the_client_comes_back_when_it_is_plain() {
    let world = World::new(|_| {}).await;
    let ask = |id: &str| {
        format!("GET /health HTTP/1.1\r\nhost: localhost\r\nx-request-id: {id}\r\nconnection: close\r\n\r\n")
    };
    assert!(world.send(&ask("order-17")).await.contains("x-request-id: order-17\r\n"));
    assert!(!world.send(&ask("<script>")).await.contains("<script>"));
    assert!(world.get("/health").await.contains("x-request-id: 0"));
}

#[tokio::test]
async fn the_document_is_openapi_3_1_and_names_every_schema_that_it_refers_to() {
    let world = World::new(|_| {}).await;
    let answer = world.get("/api/v1/openapi.json").await;
    let document: serde_json::Value = serde_json::from_str(body(&answer)).unwrap();
    assert_eq!(document["openapi"], "3.1.0");
    assert!(document["paths"]["/ready"]["get"].is_object());
    for (at, _) in body(&answer).match_indices("#/components/schemas/") {
        let name = body(&answer)[at + 21..].split('"').next().unwrap();
        assert!(document["components"]["schemas"][name].is_object(), "{name}");
    }
}

#[tokio::test]
async fn with_a_token_only_health_and_readiness_answer_without_it() {
    let world = World::new(|options| options.token = Token::new(TOKEN)).await;
    assert_eq!(status(&world.get("/health").await), 200);
    assert_eq!(status(&world.get("/ready").await), 200);
    let refused = world.get("/api/v1/openapi.json").await;
    assert_eq!((status(&refused), problem(&refused).code.as_str()), (401, "token_missing"));
    assert!(refused.contains("www-authenticate: Bearer\r\n"));
    for path in ["/v2", "/v2/models/m", "/v2/models/m/ready", "/v2/models/stats", "/v1/models", "/v1/models/m"] {
        let refused = world.get(path).await;
        let said: serde_json::Value = serde_json::from_str(body(&refused)).unwrap();
        assert!(status(&refused) == 401 && said["error"].is_string(), "{path}: {refused}");
        assert!(refused.contains("www-authenticate: Bearer\r\n"), "{refused}");
    }
    let ask = |token: &str| {
        format!(
            "GET /api/v1/openapi.json HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\nconnection: close\r\n\r\n"
        )
    };
    assert_eq!(status(&world.send(&ask(TOKEN)).await), 200);
    let refused = world.send(&ask("another-token-of-some-length")).await;
    assert_eq!(status(&refused), 401);
    assert!(!refused.contains(TOKEN));
}

#[tokio::test]
async fn an_address_that_others_can_reach_needs_a_token_and_a_word() {
    for (allow_remote, token) in [(false, None), (false, Token::new(TOKEN)), (true, None)] {
        let mut options = ServerOptions::local("unused");
        options.host = "0.0.0.0".parse().unwrap();
        (options.allow_remote, options.token) = (allow_remote, token);
        assert!(matches!(Server::bind(options).await, Err(ServerError::AddressRefused { .. })));
    }
    assert!(!std::path::Path::new("unused").exists());
}

#[tokio::test]
async fn a_taken_address_is_told() {
    let world = World::new(|_| {}).await;
    let folder = tempfile::tempdir().unwrap();
    let mut options = ServerOptions::local(folder.path());
    options.port = world.address.port();
    let refused = Server::bind(options).await.err().map(Problem::from).unwrap();
    assert_eq!(refused.code, "address_in_use");
}

#[tokio::test]
async fn headers_that_never_end_and_headers_that_are_too_large_end_the_connection() {
    let world = World::new(|options| options.limits.headers = Duration::from_millis(100)).await;
    let mut slow = TcpStream::connect(world.address).await.unwrap();
    slow.write_all(b"GET /health HTTP/1.1\r\nhost:").await.unwrap();
    let answer = read_all(&mut slow).await;
    assert!(answer.is_empty() || status(&answer) == 408, "{answer}");
    let mut large = TcpStream::connect(world.address).await.unwrap();
    let sent = large.write_all(format!("GET /health HTTP/1.1\r\nx: {}\r\n\r\n", "y".repeat(1 << 20)).as_bytes()).await;
    let mut answer = Vec::new();
    // The server may have closed before all was sent.
    if sent.is_ok() && large.read_to_end(&mut answer).await.is_ok() {
        assert_eq!(status(&String::from_utf8(answer).unwrap()), 431);
    }
    assert_eq!(status(&world.get("/health").await), 200);
}

#[tokio::test]
async fn stopping_waits_for_what_has_begun_but_not_for_ever() {
    let mut world = World::new(|options| options.limits.drain = Duration::from_millis(200)).await;
    let mut idle = TcpStream::connect(world.address).await.unwrap();
    idle.write_all(b"GET /health HTTP/1.1\r\nhost: localhost\r\n").await.unwrap();
    // The server has taken the connection once it answers a later one.
    assert_eq!(status(&world.get("/health").await), 200);
    world.end().await;
    assert!(TcpStream::connect(world.address).await.is_err());
}

#[path = "http/bounds.rs"]
mod bounds;
#[path = "http/tls.rs"]
mod tls;
