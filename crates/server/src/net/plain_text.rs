//! Clients that do not encrypt on a port that speaks TLS: they are told so in what they speak, and the connection is closed.

use std::time::Duration;

use kilter_api::{Code, Problem};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::tls::Alpn;

/// The first byte of a client that speaks TLS: a record of its handshake.
const HANDSHAKE: u8 = 0x16;
/// What is read of a client that was told, so that its unread bytes do not take the answer from it.
const MAX_READ: u64 = 64 << 10;
const READ_FOR: Duration = Duration::from_secs(1);
const REASON: &str = "this port speaks TLS, and the connection is not encrypted";

/// Whether a connection that begins with this byte speaks TLS.
pub(crate) const fn is_tls(first: u8) -> bool {
    first == HANDSHAKE
}

/// Answers what a client can read, and lets it go.
pub(crate) async fn refuse<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, expects: Alpn) {
    let answer = match expects {
        Alpn::Http1 => bad_request(),
        Alpn::Http2 => go_away(),
    };
    // Whoever does not listen needs no answer.
    if stream.write_all(&answer).await.is_ok() && stream.shutdown().await.is_ok() {
        let mut rest = stream.take(MAX_READ);
        let _ = tokio::time::timeout(READ_FOR, tokio::io::copy(&mut rest, &mut tokio::io::sink())).await;
    }
}

/// An answer of HTTP/1.1.
fn bad_request() -> Vec<u8> {
    let problem = Problem::new(Code::RequestInvalid, REASON).hint("write the address with https://");
    let body = serde_json::to_vec(&problem).unwrap_or_default();
    let head = format!(
        "HTTP/1.1 400 Bad Request\r\ncontent-type: application/problem+json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    [head.into_bytes(), body].concat()
}

/// The frames SETTINGS and GOAWAY of HTTP/2 (RFC 9113, 6.5 and 6.8), with the error INADEQUATE_SECURITY.
fn go_away() -> Vec<u8> {
    let settings = [0, 0, 0, 4, 0, 0, 0, 0, 0];
    let length = u8::try_from(8 + REASON.len()).unwrap_or(u8::MAX);
    let head = [0, 0, length, 7, 0, 0, 0, 0, 0];
    let (last_stream, error) = ([0; 4], [0, 0, 0, 0xc]);
    [&settings[..], &head, &last_stream, &error, REASON.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn answer(expects: Alpn, sent: &[u8]) -> Vec<u8> {
        let (mut client, server) = tokio::io::duplex(1 << 16);
        client.write_all(sent).await.unwrap();
        let refused = tokio::spawn(refuse(server, expects));
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).await.unwrap();
        drop(client);
        refused.await.unwrap();
        answer
    }

    #[tokio::test]
    async fn a_client_of_each_protocol_is_told_in_its_words() {
        assert!(is_tls(0x16) && ![b'G', b'P', 0, 0x80].into_iter().any(is_tls));
        let text = String::from_utf8(answer(Alpn::Http1, b"GET / HTTP/1.1\r\n\r\n").await).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(
            head.starts_with("HTTP/1.1 400 ") && head.contains(&format!("content-length: {}", body.len())),
            "{text}"
        );
        assert!(body.contains("https://") && body.contains("request_invalid"), "{body}");
        let frames = answer(Alpn::Http2, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
        assert_eq!(
            (frames[3], frames[12], usize::from(frames[11])),
            (4, 7, frames.len() - 18),
            "SETTINGS, then GOAWAY"
        );
        assert!(frames.ends_with(REASON.as_bytes()));
    }
}
