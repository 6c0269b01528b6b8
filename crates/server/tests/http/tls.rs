//! Clients that are slow to agree on TLS, or never do.

use std::{
    process::Command,
    time::{Duration, Instant},
};

use kilter_server::{ServerOptions, TlsOptions};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::World;

/// The length of a handshake record that never comes.
const BEGIN: [u8; 5] = [0x16, 3, 1, 1, 0];

/// A server that encrypts by a certificate that nobody believes.
async fn encrypted(folder: &std::path::Path, change: impl FnOnce(&mut ServerOptions)) -> World {
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1"])
        .args(["-subj", "/CN=localhost", "-keyout", "key.pem", "-out", "certificate.pem"])
        .current_dir(folder)
        .output();
    assert!(made.unwrap().status.success());
    let tls = TlsOptions { certificate: folder.join("certificate.pem"), key: folder.join("key.pem"), client_ca: None };
    World::new(|options| {
        options.tls = Some(tls);
        change(options);
    })
    .await
}

/// How long the server keeps a connection on which so much is sent, and then nothing.
async fn kept(world: &World, sent: &[u8]) -> Duration {
    let mut stream = TcpStream::connect(world.address).await.unwrap();
    stream.write_all(sent).await.unwrap();
    let began = Instant::now();
    let mut answer = Vec::new();
    let ended = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut answer)).await;
    let _ = ended.expect("a server that waits for its client for ever");
    began.elapsed()
}

#[tokio::test]
async fn a_client_that_does_not_finish_the_handshake_loses_its_connection() {
    let folder = tempfile::tempdir().unwrap();
    let world = encrypted(folder.path(), |options| options.limits.handshake = Duration::from_millis(300)).await;
    for sent in [&[][..], &BEGIN] {
        let kept = kept(&world, sent).await;
        assert!((Duration::from_millis(250)..Duration::from_secs(10)).contains(&kept), "{sent:?}: {kept:?}");
    }
    let refused = kept(&world, &[&BEGIN[..], &[0xff; 300]].concat()).await;
    assert!(refused < Duration::from_secs(10), "bytes that are no handshake end it: {refused:?}");
}

/// The answer of curl to a request for the health of the server.
async fn health(world: &World) -> String {
    let url = format!("https://{}/health", world.address);
    let asked = tokio::task::spawn_blocking(move || Command::new("curl").args(["-sSk", "-m", "15", &url]).output());
    String::from_utf8(asked.await.unwrap().unwrap().stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_never_finish_keep_nobody_out_and_no_stop_waits_for_them() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = encrypted(folder.path(), |options| options.limits.connections = 2).await;
    let mut idle = Vec::new();
    for _ in 0..4 {
        let mut stream = TcpStream::connect(world.address).await.unwrap();
        stream.write_all(&BEGIN).await.unwrap();
        idle.push(stream);
    }
    assert!(health(&world).await.contains("alive"), "the one that waited longest made room");
    let began = Instant::now();
    world.end().await;
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}
