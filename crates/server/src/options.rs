//! What a person may say about a server. Every limit has a default that a small machine can hold.

use std::{
    net::{IpAddr, Ipv4Addr},
    path::PathBuf,
    time::Duration,
};

use crate::{auth::Token, error::ServerError, hosts::HostPort};

/// How a server is run.
#[derive(Clone, Debug)]
pub struct ServerOptions {
    /// The folder that holds everything.
    pub data: PathBuf,
    /// The address to answer on.
    pub host: IpAddr,
    /// The port; 0 lets the system choose.
    pub port: u16,
    /// Whether an address beyond this machine may be used at all.
    pub allow_remote: bool,
    /// What a request must carry. Without one everybody on this machine may do everything.
    pub token: Option<Token>,
    /// Other names that requests may reach it by: of a proxy, of a service.
    pub allowed_hosts: Vec<HostPort>,
    pub limits: Limits,
}

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
            write: Duration::from_secs(15),
            connections: 1_024,
            drain: Duration::from_secs(10),
        }
    }
}

impl ServerOptions {
    /// A server on this machine alone, on a port that the system chooses.
    pub fn local(data: impl Into<PathBuf>) -> Self {
        Self {
            data: data.into(),
            host: Ipv4Addr::LOCALHOST.into(),
            port: 0,
            allow_remote: false,
            token: None,
            allowed_hosts: Vec::new(),
            limits: Limits::default(),
        }
    }

    /// Refuses an address that others can reach, unless that was asked for and a token guards it.
    pub(crate) fn check(&self) -> Result<(), ServerError> {
        match self.host.is_loopback() || (self.allow_remote && self.token.is_some()) {
            true => Ok(()),
            false => Err(ServerError::AddressRefused { host: self.host, has_token: self.token.is_some() }),
        }
    }
}
