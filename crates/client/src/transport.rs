//! How a request gets to the API: over HTTP, or to a router in this process.

use std::{error::Error, pin::Pin, sync::Arc};

use http_body_util::{BodyExt, Full, Limited, combinators::UnsyncBoxBody};
use hyper::{
    Method, Request, Response,
    body::{Body, Bytes, Incoming},
};
use hyper_util::rt::TokioIo;
use kilter_api::{Code, Problem};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};

use crate::tls::Tls;

/// The largest answer that is read.
const MAX_BYTES: usize = 256 << 20;

/// A body that comes in parts, of any size.
pub type StreamBody = UnsyncBoxBody<Bytes, Box<dyn Error + Send + Sync>>;

/// An API that answers in this process.
pub trait InProcess: Send + Sync {
    /// As [`Self::answer`], with bodies that come in parts.
    fn stream(&self, request: Request<StreamBody>) -> Pin<Box<dyn Future<Output = Response<StreamBody>> + Send + '_>>;

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
        /// What encrypts the connection.
        tls: Option<Box<Tls>>,
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
            Self::Http { address, .. } => address,
        }
    }

    pub(crate) async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Problem> {
        match self {
            Self::InProcess { read_only: Some(reason), .. } if !only_reads(&request) => Err(reason.as_ref().clone()),
            Self::InProcess { handler, .. } => Ok(handler.answer(request).await),
            Self::Http { address, tls } => send_http(address, tls.as_deref(), request).await,
        }
    }

    /// As [`Self::send`], with bodies that come in parts.
    pub(crate) async fn stream(&self, request: Request<StreamBody>) -> Result<Response<StreamBody>, Problem> {
        match self {
            Self::InProcess { read_only: Some(reason), .. } if request.method() != Method::GET => {
                Err(reason.as_ref().clone())
            }
            Self::InProcess { handler, .. } => Ok(handler.stream(request).await),
            Self::Http { address, tls } => {
                let response = open(address, tls.as_deref(), request).await?;
                Ok(response.map(|body| UnsyncBoxBody::new(body.map_err(Into::into))))
            }
        }
    }
}

/// Whether a request changes nothing: verifications and searches take a body, and read.
fn only_reads(request: &Request<Bytes>) -> bool {
    request.method() == Method::GET || [VERIFY_AUDIT, SEARCH_TRACKED_RUNS].contains(&request.uri().path())
}

async fn send_http(address: &str, tls: Option<&Tls>, request: Request<Bytes>) -> Result<Response<Bytes>, Problem> {
    let path = request.uri().path().to_owned();
    let (head, body) = open(address, tls, request.map(Full::new)).await?.into_parts();
    let body = Limited::new(body, MAX_BYTES).collect().await.map_err(|error| unreadable(&path, &*error))?;
    Ok(Response::from_parts(head, body.to_bytes()))
}

/// Sends a request on a connection of its own; its answer, of which the body is still to come.
async fn open<B>(address: &str, tls: Option<&Tls>, request: Request<B>) -> Result<Response<Incoming>, Problem>
where
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let unreachable = |error: &(dyn Error + 'static)| {
        Problem::new(Code::ServerUnreachable, format!("could not reach the server at {address}")).caused_by(Some(error))
    };
    let Some(tls) = tls else {
        let stream = TcpStream::connect(address).await.map_err(|error| unreachable(&error))?;
        return exchange(stream, request).await.map_err(|error| unreachable(&error));
    };
    let connector = tls.connector()?;
    let stream = TcpStream::connect(address).await.map_err(|error| unreachable(&error))?;
    let stream = tls.encrypt(connector, stream).await.map_err(|error| {
        unreachable(&error)
            .hint("the authority of its certificate is named with --ca-file; a server of http:// does not encrypt")
    })?;
    exchange(stream, request).await.map_err(|error| unreachable(&error))
}

async fn exchange<S, B>(stream: S, request: Request<B>) -> Result<Response<Incoming>, hyper::Error>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    sender.send_request(request).await
}

/// The answer of `path` cannot be read.
pub(crate) fn unreadable(path: &str, error: &(dyn Error + 'static)) -> Problem {
    Problem::new(Code::ServerUnreachable, format!("the answer of {path} cannot be read")).caused_by(Some(error))
}
