//! A proxy before a registry that cuts, delays and forges, or can what the registry cannot.

use std::{
    collections::BTreeMap,
    io::{Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use serde_json::{Value, json};

use crate::server::Registry;

const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// What a proxy does to some of what passes.
#[derive(Clone, Copy)]
pub enum Fault {
    /// Answers to `GET …/blobs/…` end after so many bytes of their body.
    CutAnswers { after: usize },
    /// Requests that send a piece end after so many bytes of their body.
    CutPieces { after: usize },
    /// The answer is 503.
    Unavailable,
    /// One byte of each blob is another one.
    Forge,
    /// Without a token it answers 401, and gives one to whoever proves to be `ana`.
    Token,
    /// None: it lists what refers to an artifact, as the distribution standard 1.1 says and the registry behind it cannot.
    Referrers,
}

/// The manifests that came with a subject, by the digest of the subject.
type Referrers = Mutex<BTreeMap<String, Vec<Value>>>;

/// A proxy before a registry: the first `times` requests that the fault concerns suffer it.
pub fn proxy(registry: &Registry, fault: Fault, times: usize) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let (to, suffered) = (registry.port, Arc::new(AtomicUsize::new(0)));
    let (counter, referrers) = (Arc::clone(&suffered), Arc::new(Referrers::default()));
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (counter, referrers) = (Arc::clone(&counter), Arc::clone(&referrers));
            thread::spawn(move || {
                let next = || {
                    counter.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| (n < times).then_some(n + 1)).is_ok()
                };
                // A connection that breaks is what is tested.
                let _ = pass(stream, (port, to), fault, (&next, &referrers));
            });
        }
    });
    (port, suffered)
}

/// One request of a connection, and its answer.
fn pass(
    mut client: TcpStream,
    (port, to): (u16, u16),
    fault: Fault,
    (suffers, referrers): (&dyn Fn() -> bool, &Referrers),
) -> std::io::Result<()> {
    let head = read_head(&mut client)?;
    let mut lines = head.split("\r\n");
    let request = lines.next().unwrap_or_default().to_owned();
    let headers: Vec<&str> = lines.filter(|line| !line.is_empty()).collect();
    let header = |name: &str| {
        let found =
            headers.iter().filter_map(|line| line.split_once(':')).find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.trim().to_owned())
    };
    let length: usize = header("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
    let reads_blob = request.starts_with("GET") && request.contains("/blobs/sha256:");
    if let (Fault::Token, Some(answer)) = (fault, token(&request, header("authorization").as_deref(), port)) {
        let mut body = vec![0; length];
        client.read_exact(&mut body)?;
        return client.write_all(answer.as_bytes());
    }
    if let (Fault::Referrers, Some((_, subject))) = (fault, request.split_once("/referrers/")) {
        return client.write_all(listed(subject.split(' ').next().unwrap_or_default(), referrers).as_bytes());
    }
    if matches!(fault, Fault::Unavailable) && suffers() {
        let mut body = vec![0; length];
        client.read_exact(&mut body)?;
        return client.write_all(b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    }
    let mut server = TcpStream::connect((Ipv4Addr::LOCALHOST, to))?;
    let kept = headers.iter().filter(|line| {
        let key = line.split(':').next().unwrap_or_default().to_ascii_lowercase();
        key != "connection" && !(key == "authorization" && matches!(fault, Fault::Token))
    });
    let kept: String = kept.map(|line| format!("{line}\r\n")).collect();
    server.write_all(format!("{request}\r\n{kept}connection: close\r\n\r\n").as_bytes())?;
    let cut = match fault {
        Fault::CutPieces { after } if request.starts_with("PATCH") && suffers() => Some(after),
        _ => None,
    };
    let mut body = vec![0; cut.unwrap_or(length).min(length)];
    client.read_exact(&mut body)?;
    server.write_all(&body)?;
    if cut.is_some() {
        return Ok(());
    }
    let subject = match fault {
        Fault::Referrers if request.starts_with("PUT") && request.contains("/manifests/") => list(&body, referrers),
        _ => None,
    };
    let answer_head = read_head(&mut server)?;
    let more = subject.map_or_else(String::new, |subject| format!("oci-subject: {subject}\r\n"));
    let ours = format!("\r\n{more}connection: close\r\n");
    client.write_all(format!("{}\r\n", answer_head.replace("\r\n\r\n", &ours)).as_bytes())?;
    let mut answer = Vec::new();
    server.read_to_end(&mut answer)?;
    if reads_blob && !answer.is_empty() {
        match fault {
            Fault::CutAnswers { after } if suffers() => answer.truncate(after.min(answer.len())),
            Fault::Forge if suffers() => answer[0] ^= 1,
            _ => {}
        }
    }
    client.write_all(&answer)
}

fn answer(status: &str, more: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\n{more}content-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
}

/// What a registry with a server of tokens answers, that server too; `None` to whoever has a token.
fn token(request: &str, authorization: Option<&str>, port: u16) -> Option<String> {
    if request.contains("/token?") {
        // ana:secret
        let proves = authorization == Some("Basic YW5hOnNlY3JldA==");
        let refused = || answer("401 Unauthorized", "", "");
        return Some(if proves { answer("200 OK", "", r#"{"token": "let-me-in"}"#) } else { refused() });
    }
    let more = format!("www-authenticate: Bearer realm=\"http://127.0.0.1:{port}/token\",service=\"here\"\r\n");
    (authorization != Some("Bearer let-me-in")).then(|| answer("401 Unauthorized", &more, ""))
}

/// The list of what refers to a subject.
fn listed(subject: &str, referrers: &Referrers) -> String {
    let manifests = referrers.lock().unwrap().get(subject).cloned().unwrap_or_default();
    let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": manifests });
    answer("200 OK", &format!("content-type: {INDEX}\r\n"), &index.to_string())
}

/// Notes a manifest that refers to another; the digest of the other.
fn list(manifest: &[u8], referrers: &Referrers) -> Option<String> {
    let document: Value = serde_json::from_slice(manifest).ok()?;
    let subject = document["subject"]["digest"].as_str()?.to_owned();
    let digest: String = kilter_keys::sha256(manifest).iter().map(|byte| format!("{byte:02x}")).collect();
    let descriptor = json!({
        "mediaType": document["mediaType"], "digest": format!("sha256:{digest}"), "size": manifest.len(),
        "artifactType": document["artifactType"], "annotations": document["annotations"],
    });
    referrers.lock().unwrap().entry(subject.clone()).or_default().push(descriptor);
    Some(subject)
}

fn read_head(stream: &mut TcpStream) -> std::io::Result<String> {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}
