//! How a request gets to the API: over HTTP, or to a router in this process.

use std::{error::Error, pin::Pin, sync::Arc};

use http_body_util::{BodyExt, Full, Limited};
use hyper::{Method, Request, Response, body::Bytes};
use hyper_util::rt::TokioIo;
use kilter_api::{Code, Problem};
use tokio::net::TcpStream;

/// The largest answer that is read.
const MAX_BYTES: usize = 256 << 20;

/// An API that answers in this process.
pub trait InProcess: Send + Sync {
    /// Answers one request, as the server would.
    fn answer(&self, request: Request<Bytes>) -> Pin<Box<dyn Future<Output = Response<Bytes>> + Send + '_>>;
}

pub(crate) enum Transport {
    InProcess {
        handler: Arc<dyn InProcess>,
        /// Why nothing may be changed.
        read_only: Option<Box<Problem>>,
    },
    Http {
        /// `HOST:PORT`.
        address: String,
    },
}

/// The routes besides those of GET that change nothing.
pub(crate) const VERIFY_AUDIT: &str = "/api/v1/audit/verify";
pub(crate) const SEARCH_TRACKED_RUNS: &str = "/api/v1/tracked-runs/search";

impl Transport {
    /// What the header `Host` says.
    pub(crate) fn host(&self) -> &str {
        match self {
            Self::InProcess { .. } => "localhost",
            Self::Http { address } => address,
        }
    }

    pub(crate) async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Problem> {
        match self {
            Self::InProcess { read_only: Some(reason), .. } if !only_reads(&request) => Err(reason.as_ref().clone()),
            Self::InProcess { handler, .. } => Ok(handler.answer(request).await),
            Self::Http { address } => send_http(address, request).await,
        }
    }
}

/// Whether a request changes nothing: verifications and searches take a body, and read.
fn only_reads(request: &Request<Bytes>) -> bool {
    request.method() == Method::GET || [VERIFY_AUDIT, SEARCH_TRACKED_RUNS].contains(&request.uri().path())
}

async fn send_http(address: &str, request: Request<Bytes>) -> Result<Response<Bytes>, Problem> {
    let unreachable = |error: &(dyn Error + 'static)| {
        Problem::new(Code::ServerUnreachable, format!("could not reach the server at {address}")).caused_by(Some(error))
    };
    let path = request.uri().path().to_owned();
    let stream = TcpStream::connect(address).await.map_err(|error| unreachable(&error))?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|error| unreachable(&error))?;
    tokio::spawn(connection);
    let response = sender.send_request(request.map(Full::new)).await.map_err(|error| unreachable(&error))?;
    let (head, body) = response.into_parts();
    let body = Limited::new(body, MAX_BYTES).collect().await.map_err(|error| unreadable(&path, &*error))?;
    Ok(Response::from_parts(head, body.to_bytes()))
}

/// The answer of `path` cannot be read.
pub(crate) fn unreadable(path: &str, error: &(dyn Error + 'static)) -> Problem {
    Problem::new(Code::ServerUnreachable, format!("the answer of {path} cannot be read")).caused_by(Some(error))
}
