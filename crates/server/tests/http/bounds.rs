//! Clients that send much, or nothing, or read nothing: the server goes on answering the others.

use std::time::{Duration, Instant};

use kilter_server::ServerOptions;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{World, body, problem, read_all, status};

const LABELS: &str = "/api/v1/endpoints/churn/labels";

/// A request whose body of `bytes` has been sent but for its last `held_back`.
async fn begun(world: &World, bytes: usize, held_back: usize) -> TcpStream {
    let mut stream = TcpStream::connect(world.address).await.unwrap();
    let head = format!(
        "POST {LABELS} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {bytes}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&vec![b' '; bytes - held_back]).await.unwrap();
    stream
}

#[tokio::test]
async fn bodies_in_flight_share_one_bound_and_what_is_beyond_it_comes_again_later() {
    let world = World::new(|options| options.limits.bodies = 1 << 20).await;
    let size = 700 << 10;
    let mut first = begun(&world, size, 1).await;
    // Whoever comes first has the room; without a rest the second could be the first.
    tokio::time::sleep(Duration::from_millis(300)).await;
    // The server has read what was sent when the next body finds no room; until then it is refused for what it says.
    let began = Instant::now();
    let refused = loop {
        let mut second = begun(&world, size, 0).await;
        let answer = read_all(&mut second).await;
        if status(&answer) == 503 {
            break answer;
        }
        assert!(status(&answer) == 400 && began.elapsed() < Duration::from_secs(20), "{answer}");
    };
    assert_eq!(problem(&refused).code, "overloaded");
    assert!(refused.contains("retry-after: 1\r\n"), "{refused}");
    first.write_all(b" ").await.unwrap();
    assert_eq!(status(&read_all(&mut first).await), 400, "what began is read to its end");
    let mut third = begun(&world, size, 0).await;
    assert_eq!(status(&read_all(&mut third).await), 400, "and its room is free again");
}

#[tokio::test]
async fn what_changes_a_state_is_said_in_a_short_body() {
    let world = World::new(|_| {}).await;
    let body = format!("{{\"reason\":\"{}\"}}", "x".repeat(300 << 10));
    let answer = world
        .send(&format!(
            "POST /api/v1/endpoints/churn/rollback HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        ))
        .await;
    assert_eq!((status(&answer), problem(&answer).code.as_str()), (413, "body_too_large"));
}

/// Sends requests and never reads; how long it takes until the connection is ended.
async fn never_reads(world: &World) -> Duration {
    let mut stream = TcpStream::connect(world.address).await.unwrap();
    let request = "GET /api/v1/openapi.json HTTP/1.1\r\nhost: localhost\r\n\r\n".repeat(64);
    let began = Instant::now();
    loop {
        let sent = tokio::time::timeout(Duration::from_secs(20), stream.write_all(request.as_bytes())).await;
        match sent.expect("a server that waits for its client for ever") {
            Ok(()) => {}
            Err(_) => return began.elapsed(),
        }
    }
}

#[tokio::test]
async fn a_client_that_never_reads_its_answers_loses_its_connection() {
    let world = World::new(|options| options.limits.write = Duration::from_millis(300)).await;
    assert!(never_reads(&world).await < Duration::from_secs(10));
    assert_eq!(status(&world.get("/health").await), 200);
}

#[tokio::test]
async fn clients_that_take_all_places_and_do_nothing_keep_nobody_out() {
    let few = |options: &mut ServerOptions| options.limits.connections = 16;
    let world = World::new(few).await;
    let mut silent = Vec::new();
    for at in 0..64 {
        let mut stream = TcpStream::connect(world.address).await.unwrap();
        // Some say nothing, some half a head, some half a body, some read no answer.
        let output = match at % 4 {
            0 => String::new(),
            1 => "GET /health HTTP/1.1\r\nhost:".to_owned(),
            2 => format!("POST {LABELS} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\r\n{{"),
            _ => "GET /api/v1/openapi.json HTTP/1.1\r\nhost: localhost\r\n\r\n".to_owned(),
        };
        let _ = stream.write_all(output.as_bytes()).await;
        silent.push(stream);
    }
    for _ in 0..3 {
        let began = Instant::now();
        assert_eq!(status(&world.get("/health").await), 200);
        assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    }
    let mut ended = 0;
    for stream in &mut silent {
        let mut byte = [0; 1 << 16];
        let read = tokio::time::timeout(Duration::from_millis(50), async {
            while stream.read(&mut byte).await.is_ok_and(|read| read > 0) {}
        });
        ended += usize::from(read.await.is_ok());
    }
    assert!(ended >= 48, "only {ended} of 64 made room for 16 places");
}

#[tokio::test]
async fn an_address_whose_escapes_are_no_text_is_refused_in_the_words_of_its_protocol() {
    let world = World::new(|_| {}).await;
    let answer = world.get("/v2/models/%ff/ready").await;
    assert_eq!(status(&answer), 400);
    let error: serde_json::Value = serde_json::from_str(body(&answer)).unwrap();
    assert!(error["error"].as_str().unwrap().contains("not UTF-8"), "{answer}");
    for path in ["/api/v1/endpoints/%ff", "/api/v1/alerts?cursor=%c3%28", "/nowhere/%80"] {
        let answer = world.get(path).await;
        assert_eq!((status(&answer), problem(&answer).code.as_str()), (400, "request_invalid"), "{path}");
    }
}
