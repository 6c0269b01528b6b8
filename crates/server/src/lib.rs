//! HTTP and gRPC in front of `app`: reads requests, earns permissions, states intentions, answers.
//!
//! Invariants: a body, a header, a wait, a queue and the number of connections are bounded; every failure is a
//! [`kilter_api::Problem`] (the V2 addresses answer as their protocol says); a bug in one handler ends nothing else;
//! beyond this machine nothing answers without a token, and no page of the web is answered; on a signal the server finishes what it has begun.
//! Out of scope: decisions (`app`), and the words of requests and responses (`api`).

#![deny(missing_docs, clippy::missing_errors_doc)]

pub mod api;
mod background;
mod caller;
mod disk_use;
pub mod error;
mod events;
mod extract;
mod grpc_counts;
mod heap;
mod in_process;
mod inference;
mod logs;
mod metrics;
mod middleware;
mod mlflow;
mod net;
mod openapi;
mod openid;
mod options;
mod router;
mod server_error;
mod server_file;
mod signals;
mod state;
mod tasks;
mod tls;
mod traces;
mod ui;
mod upstream;

pub use events::{EventOptions, MailTarget, SmtpOptions, WebhookKey, WebhookTarget, is_mail_address};
pub use in_process::InProcess;
pub use kilter_api::Token;
use kilter_api::{Code, Problem};
use kilter_app::{App, identity, replicas, replication::Replica, runs};
pub use logs::{LogFormat, init_logs};
pub use net::{
    hosts::{HostPort, InvalidHost},
    limits::Limits,
    token::{read_secret, read_token},
};
pub use openapi::openapi;
pub use openid::ProviderOptions;
pub use options::ServerOptions;
pub use router::router;
pub use server_error::ServerError;
pub use state::AppState;
pub use tls::{TlsError, TlsOptions};
pub use upstream::ReplicaOptions;

use std::{net::SocketAddr, sync::Arc};

use base64::{Engine, prelude::BASE64_STANDARD};
use kilter_api::ServerFile;
use tokio::net::TcpListener;

use crate::{
    background::replicate::Follower,
    error::problem_of,
    inference::grpc::{self, stop::Stop},
    net::{
        connection_threads::ConnectionThreads,
        listener::{self, Protocol},
    },
    tls::Certificates,
    upstream::Upstream,
};

/// Ready once the process is told to stop (SIGTERM, SIGINT). From the call on these signals do not end it by themselves, so
/// it is made before anybody can know that there is a server.
///
/// # Errors
/// When signals cannot be listened to.
pub fn stop_signal() -> Result<impl Future<Output = ()>, ServerError> {
    Ok(net::shutdown::Signals::listen()?.first())
}

/// While this lives, the server answers whoever looks; nobody may act, and nothing goes on by itself: a past is played into its
/// platform.
#[must_use = "the server is paused as long as this lives"]
pub struct Pause(AppState);

impl Drop for Pause {
    fn drop(&mut self) {
        self.0.set_paused(false);
    }
}

/// A server that owns its addresses and answers once it is run.
pub struct Server {
    listener: TcpListener,
    grpc: Option<TcpListener>,
    certificates: Option<Certificates>,
    threads: ConnectionThreads,
    state: AppState,
}

impl Server {
    /// Takes the addresses and opens the data folder.
    ///
    /// # Errors
    /// When an address is not on this machine alone and no token guards it, when it is taken, and when the data
    /// folder cannot be used.
    pub async fn bind(options: ServerOptions) -> Result<Self, ServerError> {
        options.check()?;
        let certificates = options.tls.clone().map(Certificates::read).transpose()?;
        let listener = listen(SocketAddr::new(options.host, options.port)).await?;
        let address = listener.local_addr().map_err(ServerError::Listen)?;
        let grpc = match options.grpc_port {
            Some(port) => Some(listen(SocketAddr::new(options.host, port)).await?),
            None => None,
        };
        let grpc_address = grpc.as_ref().map(TcpListener::local_addr).transpose().map_err(ServerError::Listen)?;
        // Before anything is made: what is made then is private.
        say_what_is_open(&options);
        let encrypted_by = certificates.clone();
        let opened = tokio::task::spawn_blocking(move || {
            let state = AppState::open(options)?;
            state.options().check_guard(identity::is_required(&state.app()))?;
            if let Some(address) = grpc_address {
                state.set_grpc_address(address);
            }
            // Before anyone can know that there is a server: commands find it by this.
            let file = server_file(&state, (address, grpc_address), encrypted_by.as_ref());
            server_file::write(&state.options().data, &file);
            Ok::<_, ServerError>(state)
        });
        let state = opened.await.map_err(|error| ServerError::Listen(error.into()))??;
        let threads = ConnectionThreads::start().map_err(ServerError::Listen)?;
        Ok(Self { listener, grpc, certificates, threads, state })
    }

    /// The address that it answers on (with the real port, where 0 was asked for).
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn address(&self) -> Result<SocketAddr, ServerError> {
        self.listener.local_addr().map_err(ServerError::Listen)
    }

    /// The address that it answers on as callers write it: `http://HOST:PORT`, or `https://HOST:PORT`.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn url(&self) -> Result<String, ServerError> {
        let scheme = if self.certificates.is_some() { "https" } else { "http" };
        Ok(format!("{scheme}://{}", self.address()?))
    }

    /// The address that it answers gRPC on, if it does.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn grpc_address(&self) -> Result<Option<SocketAddr>, ServerError> {
        self.grpc.as_ref().map(TcpListener::local_addr).transpose().map_err(ServerError::Listen)
    }

    /// Begins to answer as the server says that the options name: by what is kept of the last time, then by what it says now.
    ///
    /// # Errors
    /// When the folder cannot be used; when there is no plan to answer by, and the server refuses one or is not believed.
    pub async fn begin_to_follow(&self) -> Result<(), Problem> {
        let Some(options) = self.state.options().replica.clone() else { return Ok(()) };
        let state = self.state.clone();
        let begun = tokio::task::spawn_blocking(move || {
            let upstream = Upstream::new(&options)?;
            let replica = Replica::open(state.app(), options.keys).map_err(|error| problem_of(&error))?;
            let replica = state.set_replica(Arc::new(replica), upstream.address());
            let follower = Follower::new(replica, upstream);
            follower.begin(&state)?;
            follower.start(&state);
            Ok(())
        });
        begun.await.map_err(|error| Problem::of(Code::Internal, &error))?
    }

    /// Keeps everybody from acting, for as long as a past is played into the platform.
    pub fn pause(&self) -> Pause {
        self.state.set_paused(true);
        Pause(self.state.clone())
    }

    /// The platform that it answers for.
    pub fn app(&self) -> App {
        self.state.app()
    }

    /// Whether nobody has an account: whoever reaches the server is who they say.
    pub fn is_single_user(&self) -> bool {
        !identity::is_required(&self.state.app())
    }

    /// Answers until the process is told to stop (SIGTERM, SIGINT), then finishes what it has begun.
    ///
    /// # Errors
    /// When signals cannot be listened to.
    pub async fn run(self) -> Result<(), ServerError> {
        self.run_until(stop_signal()?).await;
        Ok(())
    }

    /// Reads certificates again when they change, where there are any.
    fn follow_certificates(&self) {
        let Some(certificates) = self.certificates.clone() else { return };
        let (Ok(address), Ok(grpc_address)) = (self.address(), self.grpc_address()) else { return };
        let state = self.state.clone();
        background::certificates::start(&self.state, certificates, move |renewed| {
            let file = server_file(&state, (address, grpc_address), Some(renewed));
            server_file::write(&state.options().data, &file);
        });
    }

    /// Answers until `stop` is ready, then finishes what it has begun, for at most [`Limits::drain`].
    pub async fn run_until(self, stop: impl Future<Output = ()>) {
        let (limits, data) = (self.state.options().limits, self.state.options().data.clone());
        let connections = listener::connections(&limits);
        let certificates = self.certificates.as_ref();
        let http = Protocol::http1(router(self.state.clone()), &limits, certificates);
        let (stops, mut stopping) = Stop::channel();
        let grpc_protocol = || Protocol::http2(grpc::router(&self.state, &stopping), &limits, certificates);
        let grpc_protocol = self.grpc.is_some().then(grpc_protocol);
        self.follow_certificates();
        heap::map_large_blocks();
        let state = self.state.clone();
        tokio::spawn(async move {
            state.released().await;
            background::start(&state);
        });
        let begin_to_stop = || {
            self.state.begin_to_stop();
            // Nobody listens where there is no gRPC.
            let _ = stops.send(true);
        };
        let threads = &self.threads;
        let http = listener::accept(self.listener, connections.clone(), http, limits, threads, stop, begin_to_stop);
        let grpc = async {
            if let (Some(listener), Some(protocol)) = (self.grpc, grpc_protocol) {
                listener::accept(listener, connections, protocol, limits, threads, stopping.wait(), || ()).await;
            }
        };
        tokio::join!(http, grpc);
        self.threads.join().await;
        let state = self.state.clone();
        // Runs that go on are asked to stop, and end in their rows.
        let _ = tokio::task::spawn_blocking(move || runs::stop_runs(&state.app(), limits.drain)).await;
        let state = self.state.clone();
        // It logs what it cannot do, and waits for a disk.
        let kept = tokio::task::spawn_blocking(move || {
            background::flush_column_stats::keep(&state);
            background::reconcile::seal(&state);
            background::checkpoints::keep(&state);
            state.traces().finish();
            // Others go on at once, and find everything sealed.
            replicas::leave(&state.app());
        });
        let _ = kept.await;
        server_file::remove(&data);
        tracing::info!("stopped");
    }
}

/// What commands find in the data folder.
fn server_file(
    state: &AppState,
    (address, grpc_address): (SocketAddr, Option<SocketAddr>),
    certificates: Option<&Certificates>,
) -> ServerFile {
    ServerFile {
        address,
        grpc_address,
        pid: std::process::id(),
        key: Some(state.folder_key().as_str().to_owned()),
        certificate: certificates.map(|found| BASE64_STANDARD.encode(found.certificate())),
    }
}

async fn listen(address: SocketAddr) -> Result<TcpListener, ServerError> {
    TcpListener::bind(address).await.map_err(|source| ServerError::bind(address, source))
}

/// Says what others than its owner can get at: the data folder, the token and the key of TLS.
fn say_what_is_open(options: &ServerOptions) {
    let token = options.token.as_ref().and_then(Token::file);
    let key = options.tls.as_ref().map(|tls| tls.key.as_path());
    for open in [Some(options.data.as_path()), token, key].into_iter().flatten().filter_map(kilter_app::open_to_others)
    {
        tracing::warn!("{open}");
    }
}
