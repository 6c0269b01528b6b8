//! Connections: how many, how slow, and how they end.

use std::{convert::Infallible, io, pin::Pin, sync::Arc, time::Duration};

use axum::{Router, body::Body, response::Response};
use futures::TryFutureExt;
use hyper::{
    Request,
    body::Incoming,
    server::conn::{http1, http2},
    service::service_fn,
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::graceful::{GracefulShutdown, Watcher},
};
use kilter_domain::error_chain::with_causes;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::watch,
};
use tokio_io_timeout::TimeoutStream;
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tower::ServiceExt;

use crate::{
    net::{
        connection_threads::ConnectionThreads,
        connections::{Connections, Place, TimedBody, WaitClock},
        limits::Limits,
        multiplexed::{Requests, WorkBody},
        open_files, plain_text,
    },
    tls::{Alpn, Certificates},
};

/// How long accepting waits after the system had no more file descriptors.
const BREATHER: Duration = Duration::from_millis(50);
/// Requests of one connection that are answered at the same time.
const MAX_STREAMS: u32 = 64;
/// Bytes of one request, and of one connection, that a client may send before they are read.
const STREAM_WINDOW: u32 = 1 << 20;
const CONNECTION_WINDOW: u32 = 4 << 20;
const MAX_HEADER_BYTES: u32 = 16 << 10;

/// What a connection comes to.
type Served = Pin<Box<dyn Future<Output = Result<(), ConnectionError>> + Send>>;

/// A connection whose silence is bounded.
type Socket = Pin<Box<TimeoutStream<TcpStream>>>;

/// Why a connection ended early.
#[derive(Debug, thiserror::Error)]
enum ConnectionError {
    #[error(transparent)]
    Http(#[from] hyper::Error),
    #[error("the client did not agree on TLS within its time")]
    SlowHandshake,
    #[error("the client does not encrypt")]
    PlainText,
    #[error("the client closed the connection")]
    Closed,
    #[error("the server stops")]
    Stopping,
    #[error("the client and the server do not agree on TLS")]
    Handshake(#[source] io::Error),
}

/// Room for the connections of all listeners together.
pub(crate) fn connections(limits: &Limits) -> Connections {
    Connections::new(open_files::most_connections(limits.connections, open_files::raise_limit()))
}

/// Answers connections on `threads` until `stop` is ready; then takes no more, calls `stopping`, and waits for those that have begun.
pub(crate) async fn accept(
    listener: TcpListener,
    connections: Connections,
    protocol: Protocol,
    limits: Limits,
    threads: &ConnectionThreads,
    stop: impl Future<Output = ()>,
    stopping: impl FnOnce(),
) {
    let graceful = GracefulShutdown::new();
    // Its end tells connections without a request yet.
    let (stops, unstopped) = watch::channel(());
    let mut stop = std::pin::pin!(stop);
    loop {
        let (stream, place) = tokio::select! {
            biased;
            () = &mut stop => break,
            next = next(&listener, &connections) => next,
        };
        if let Err(error) = start(stream, place, &protocol, &limits, (&connections, threads), (&graceful, &unstopped)) {
            tracing::warn!(%error, "a connection could not be answered");
        }
    }
    drop((listener, stops));
    stopping();
    if tokio::time::timeout(limits.drain, graceful.shutdown()).await.is_err() {
        tracing::warn!(
            after_s = limits.drain.as_secs_f64(),
            "requests were cut off: they took longer than stopping may"
        );
    }
}

/// Begins to answer a connection, on one of the threads.
fn start(
    stream: TcpStream,
    place: Place,
    protocol: &Protocol,
    limits: &Limits,
    (connections, threads): (&Connections, &ConnectionThreads),
    (graceful, unstopped): (&GracefulShutdown, &watch::Receiver<()>),
) -> io::Result<()> {
    let stream = stream.into_std()?;
    let on_thread = threads.place().ok_or_else(|| io::Error::other("no thread answers connections"))?;
    let runtime = on_thread.runtime().clone();
    // The socket and its timers belong to the runtime that is entered while they are made.
    let _entered = runtime.enter();
    let mut stream = Box::pin(TimeoutStream::new(TcpStream::from_std(stream)?));
    stream.as_mut().set_write_timeout_pinned(Some(limits.write));
    stream.as_mut().set_read_timeout_pinned(protocol.spoken.longest_silence(limits));
    let id = place.id();
    let (spoken, clock, watcher) = (protocol.spoken.clone(), place.clock.clone(), graceful.watcher());
    let connection: Served = match &protocol.certificates {
        None => spoken.serve(stream, clock, watcher),
        Some(certificates) => {
            let (acceptor, unstopped) = (certificates.acceptor(spoken.alpn()), unstopped.clone());
            let agreed = agree_on_tls(stream, acceptor, spoken.alpn(), limits.handshake, unstopped);
            Box::pin(async move { spoken.serve(agreed.await?, clock, watcher).await })
        }
    };
    let task = runtime.spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(error = with_causes(&error), "a connection ended early");
        }
        drop((place, on_thread));
    });
    connections.serve(id, task.abort_handle());
    Ok(())
}

/// The encrypted connection, once both sides have agreed; for at most `limit`, and until the server stops.
async fn agree_on_tls(
    stream: Socket,
    acceptor: TlsAcceptor,
    alpn: Alpn,
    limit: Duration,
    mut unstopped: watch::Receiver<()>,
) -> Result<TlsStream<Socket>, ConnectionError> {
    let agree = async {
        let mut first = [0];
        match stream.get_ref().peek(&mut first).await {
            Ok(1) if plain_text::is_tls(first[0]) => acceptor.accept(stream).await.map_err(ConnectionError::Handshake),
            Ok(1) => {
                plain_text::refuse(stream, alpn).await;
                Err(ConnectionError::PlainText)
            }
            Ok(_) => Err(ConnectionError::Closed),
            Err(error) => Err(ConnectionError::Handshake(error)),
        }
    };
    tokio::select! {
        agreed = tokio::time::timeout(limit, agree) => agreed.unwrap_or(Err(ConnectionError::SlowHandshake)),
        _ = unstopped.changed() => Err(ConnectionError::Stopping),
    }
}

/// How connections are spoken on, and what encrypts them.
pub(crate) struct Protocol {
    spoken: Arc<Spoken>,
    certificates: Option<Certificates>,
}

/// How a connection is spoken on, and who answers.
enum Spoken {
    /// One request after the other.
    Http1(http1::Builder, Router),
    /// Many requests at a time, as gRPC needs.
    Http2(http2::Builder<TokioExecutor>, Router),
}

impl Protocol {
    /// HTTP/1.1.
    pub(crate) fn http1(router: Router, limits: &Limits, certificates: Option<&Certificates>) -> Self {
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(limits.headers).max_buf_size(64 << 10);
        Self { spoken: Arc::new(Spoken::Http1(http, router)), certificates: certificates.cloned() }
    }

    /// HTTP/2 from the first byte of the connection, or of what TLS carries.
    pub(crate) fn http2(router: Router, limits: &Limits, certificates: Option<&Certificates>) -> Self {
        let mut http = http2::Builder::new(TokioExecutor::new());
        http.timer(TokioTimer::new())
            .keep_alive_interval(limits.headers)
            .keep_alive_timeout(limits.write)
            .max_concurrent_streams(MAX_STREAMS)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_header_list_size(MAX_HEADER_BYTES);
        Self { spoken: Arc::new(Spoken::Http2(http, router)), certificates: certificates.cloned() }
    }
}

impl Spoken {
    fn alpn(&self) -> Alpn {
        match self {
            Self::Http1(..) => Alpn::Http1,
            Self::Http2(..) => Alpn::Http2,
        }
    }

    /// How long a client may send nothing. HTTP/1.1 bounds this by itself; an idle client of HTTP/2 answers pings.
    fn longest_silence(&self, limits: &Limits) -> Option<Duration> {
        match self {
            Self::Http1(..) => None,
            Self::Http2(..) => Some((limits.headers + limits.write) * 2),
        }
    }

    fn serve<S>(&self, stream: S, clock: WaitClock, watcher: Watcher) -> Served
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let socket = TokioIo::new(stream);
        match self {
            Self::Http1(http, router) => {
                let router = router.clone();
                let service = service_fn(move |request| answer(router.clone(), clock.clone(), request));
                Box::pin(watcher.watch(http.serve_connection(socket, service)).map_err(ConnectionError::Http))
            }
            Self::Http2(http, router) => {
                let (router, requests) = (router.clone(), Requests::new(clock));
                let service = service_fn(move |request| answer_one_of_many(router.clone(), requests.clone(), request));
                Box::pin(watcher.watch(http.serve_connection(socket, service)).map_err(ConnectionError::Http))
            }
        }
    }
}

/// Answers one request. The clock runs while the client is waited for: for its body, and from the answer on.
async fn answer(router: Router, clock: WaitClock, request: Request<Incoming>) -> Result<Response, Infallible> {
    clock.stop();
    let request = request.map(|body| Body::new(TimedBody::new(body, clock.clone())));
    let response = router.oneshot(request).await;
    clock.start();
    response
}

/// As [`answer`], on a connection with other requests: its clock runs while all of them wait for the client.
async fn answer_one_of_many(
    router: Router,
    requests: Requests,
    request: Request<Incoming>,
) -> Result<Response, Infallible> {
    let work = requests.begin();
    let request = request.map(|body| Body::new(WorkBody::new(body, work.clone())));
    let response = router.oneshot(request).await;
    work.set(false);
    response
}

/// The next connection and its place. A failure to take one never ends the server.
async fn next(listener: &TcpListener, connections: &Connections) -> (TcpStream, Place) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // Answers are small and wanted at once. A socket that refuses still works.
                let _ = stream.set_nodelay(true);
                return (stream, connections.place().await);
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be taken");
                tokio::time::sleep(BREATHER).await;
            }
        }
    }
}
