//! Connections: how many, how slow, and how they end.

use std::{convert::Infallible, time::Duration};

use axum::{Router, body::Body, response::Response};
use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use tokio::net::{TcpListener, TcpStream};
use tokio_io_timeout::TimeoutStream;
use tower::ServiceExt;

use crate::{
    net::connections::{Connections, Place, TimedBody, WaitClock},
    net::limits::Limits,
    net::open_files,
};

/// How long accepting waits after the system had no more file descriptors.
const BREATHER: Duration = Duration::from_millis(50);

/// Answers connections until `stop` is ready; then takes no more, calls `stopping`, and waits for those that have begun.
pub(crate) async fn accept(
    listener: TcpListener,
    router: Router,
    limits: Limits,
    stop: impl Future<Output = ()>,
    stopping: impl FnOnce(),
) {
    let graceful = GracefulShutdown::new();
    let connections = Connections::new(open_files::most_connections(limits.connections, open_files::raise_limit()));
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(limits.headers).max_buf_size(64 << 10);
    let mut stop = std::pin::pin!(stop);
    loop {
        let (stream, place) = tokio::select! {
            biased;
            () = &mut stop => break,
            next = next(&listener, &connections) => next,
        };
        let mut stream = Box::pin(TimeoutStream::new(stream));
        stream.as_mut().set_write_timeout_pinned(Some(limits.write));
        let (router, clock, id) = (router.clone(), place.clock.clone(), place.id());
        let service = service_fn(move |request| answer(router.clone(), clock.clone(), request));
        let connection = graceful.watch(http.serve_connection(TokioIo::new(stream), service));
        let task = tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended early");
            }
            drop(place);
        });
        connections.serve(id, task.abort_handle());
    }
    drop(listener);
    stopping();
    if tokio::time::timeout(limits.drain, graceful.shutdown()).await.is_err() {
        tracing::warn!(
            after_s = limits.drain.as_secs_f64(),
            "requests were cut off: they took longer than stopping may"
        );
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
