//! The client of the native API: one method per route, with the requests and responses of `api`.
//!
//! Invariants: a request passes the same router whether it goes over HTTP or stays in this process, so a command and a
//! client of the API do and see the same; every answer is bounded in time and size. Out of scope: the server (who
//! opens a data folder in this process hands in its router), and retries.

#![deny(missing_docs)]

mod client;
mod mlflow;
mod resources;
mod server_file;
mod tls;
mod transport;

pub use client::{Client, Credentials};
pub use hyper::{Method, Request, Response, body::Bytes};
pub use mlflow::stream_body;
pub use tls::TlsFiles;
pub use transport::{InProcess, StreamBody};
