//! What bounds a server. Every limit has a default that a small machine can hold.

use std::time::Duration;

/// What bounds a server.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The largest body, in bytes.
    pub body: usize,
    /// The most bytes of all bodies at once; beyond it requests are refused until others are answered.
    pub bodies: usize,
    /// The longest that a request may take, body included.
    pub request: Duration,
    /// The longest that a client may take to send its headers, and that a connection may be idle.
    pub headers: Duration,
    /// The longest that a client may take until both sides have agreed on TLS.
    pub handshake: Duration,
    /// The longest that a client may take nothing of its answer.
    pub write: Duration,
    /// The most connections at once. One more ends the one that waits for its client the longest.
    pub connections: usize,
    /// The longest that stopping waits for requests that have begun.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body: 64 << 20,
            bodies: 256 << 20,
            request: Duration::from_secs(30),
            headers: Duration::from_secs(15),
            handshake: Duration::from_secs(10),
            write: Duration::from_secs(15),
            connections: 1_024,
            drain: Duration::from_secs(10),
        }
    }
}
