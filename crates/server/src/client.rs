//! How our own commands reach the native API: in this process, or over the network where a server has the data folder.
//!
//! Holds true: both ways pass the same router, so a command and a client of the API do and see the same. Deliberately
//! absent: TLS; a server that is reached from elsewhere stands behind something that speaks it.

use std::{
    io::{self, Write},
    net::{IpAddr, Ipv4Addr, SocketAddr},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{Method, Request, Response, header},
};
use hyper_util::rt::TokioIo;
use kilter_api::{Code, Problem};
use kilter_domain::actor::Actor;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;
use tokio::net::TcpStream;
use tower::ServiceExt;

use crate::{ACTOR_HEADER, House, ServerError, ServerOptions, Token, api::runs::FOLDER_KEY_HEADER, router};

/// The longest that an answer may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// How soon a server that has a folder takes a connection.
const LISTENS_WITHIN: Duration = Duration::from_millis(500);
/// The largest answer that is read.
const MAX_BYTES: usize = 256 << 20;
/// The file in a data folder in which the server that has it says where it answers.
const ADDRESS_FILE: &str = "server.json";

/// Where the server that has a data folder answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Answering {
    pub(crate) address: SocketAddr,
    pub(crate) pid: u32,
    /// What a request carries that names a folder of this machine. An older server says none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<String>,
}

impl Answering {
    fn file(data: &Path) -> PathBuf {
        data.join(ADDRESS_FILE)
    }

    /// Says where `data` is answered for. Only looked at while the folder is in use, so a file that stayed behind
    /// misleads nobody.
    pub(crate) fn announce(data: &Path, address: SocketAddr, key: &Token) {
        let said = Self { address, pid: std::process::id(), key: Some(key.text().to_owned()) };
        let written =
            serde_json::to_vec(&said).map_err(Into::into).and_then(|text| write_private(&Self::file(data), &text));
        if let Err(error) = written {
            tracing::warn!(%error, "commands will not find this server by its data folder: name it with --server");
        }
    }

    /// Takes back what [`Self::announce`] said.
    pub(crate) fn leave(data: &Path) {
        // Left behind it misleads nobody.
        let _ = std::fs::remove_file(Self::file(data));
    }

    fn find(data: &Path) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(Self::file(data)).ok()?).ok()
    }
}

/// Writes a file that only its owner can read.
fn write_private(path: &Path, text: &[u8]) -> std::io::Result<()> {
    // One that stayed behind may be readable for others, and keeps its mode.
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text)
}

/// The native API, near or far.
pub struct Client {
    way: Way,
    actor: Actor,
    /// The key of the data folder, where it was found in it.
    folder_key: Option<String>,
}

enum Way {
    Here(Router),
    /// The folder as it stands, because another process has it or nobody can write in it; and why nothing is changed.
    Reading(Router, Box<Problem>),
    There {
        address: String,
        token: Option<Token>,
    },
}

impl Client {
    /// The API of a data folder: that of the server that has it, else opened in this process. While another process has
    /// it that is no server, and where nobody can write, it can still be looked at.
    ///
    /// # Errors
    /// When the folder cannot be used at all.
    pub fn of_folder(data: &Path, token: Option<Token>, actor: Actor) -> Result<Self, Problem> {
        let error = match House::open(ServerOptions::local(data)) {
            Ok(house) => return Ok(Self { way: Way::Here(router(house)), actor, folder_key: None }),
            Err(error) => error,
        };
        let is_read_only = cannot_be_written(&error);
        let problem = Problem::from(error);
        let is_in_use = problem.code == Code::DataFolderInUse.as_str();
        if let Some(running) = is_in_use.then(|| Self::of_running(data, token, actor.clone())).flatten() {
            return Ok(running);
        }
        match House::open_for_reading(ServerOptions::local(data)) {
            Ok(house) if is_in_use || is_read_only => {
                Ok(Self { way: Way::Reading(router(house), Box::new(problem)), actor, folder_key: None })
            }
            // The first failure says why the folder cannot be used.
            _ => Err(problem),
        }
    }

    /// The API of the server that has a data folder; `None` where none answers for it.
    pub fn of_running(data: &Path, token: Option<Token>, actor: Actor) -> Option<Self> {
        let found = Answering::find(data)?;
        let folder_key = found.key.clone();
        let way = Way::There { address: listening(found)?.to_string(), token };
        Some(Self { way, actor, folder_key })
    }

    /// Whether the server takes a folder of this machine from us.
    pub fn knows_folder(&self) -> bool {
        self.folder_key.is_some()
    }

    /// The API of a server.
    ///
    /// # Errors
    /// When `url` is not `http://HOST:PORT`.
    pub fn of_server(url: &str, token: Option<Token>, actor: Actor) -> Result<Self, Problem> {
        let address = url.strip_prefix("http://").map(|rest| rest.trim_end_matches('/'));
        let address = address.filter(|address| !address.is_empty() && !address.contains('/')).ok_or_else(|| {
            Problem::new(Code::UsageInvalid, format!("`{url}` is not the address of a server"))
                .hint("write it like http://127.0.0.1:8484")
        })?;
        let address = if address.contains(':') { address.to_owned() } else { format!("{address}:80") };
        Ok(Self { way: Way::There { address, token }, actor, folder_key: None })
    }

    /// Reads `path`.
    ///
    /// # Errors
    /// What the API answers; that the server cannot be reached.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Problem> {
        self.call(Method::GET, path, None).await
    }

    /// Sends `body` to `path`.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub async fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, Problem> {
        let body = serde_json::to_value(body).map_err(|error| Problem::of(Code::Internal, &error))?;
        self.call(Method::POST, path, Some(&body)).await
    }

    async fn call<T: DeserializeOwned>(&self, method: Method, path: &str, body: Option<&Value>) -> Result<T, Problem> {
        let request = self.request(method, path, body)?;
        let answer = tokio::time::timeout(PATIENCE, self.send(request)).await.map_err(|_| {
            Problem::new(Code::TimedOut, format!("no answer from {path} within {} s", PATIENCE.as_secs()))
        })??;
        read(answer, path).await
    }

    fn request(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Request<Body>, Problem> {
        let mut request = Request::builder().method(method).uri(path).header(ACTOR_HEADER, self.actor.to_string());
        request = match &self.way {
            Way::Here(_) | Way::Reading(..) => request.header(header::HOST, "localhost"),
            Way::There { address, .. } => request.header(header::HOST, address.as_str()),
        };
        if let Way::There { token: Some(token), .. } = &self.way {
            request = request.header(header::AUTHORIZATION, format!("Bearer {}", token.text()));
        }
        if let Some(key) = &self.folder_key {
            request = request.header(FOLDER_KEY_HEADER, key);
        }
        if body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        request.body(body).map_err(|error| Problem::of(Code::UsageInvalid, &error))
    }

    async fn send(&self, request: Request<Body>) -> Result<Response<Body>, Problem> {
        match &self.way {
            Way::Reading(_, problem) if request.method() != Method::GET => Err(problem.as_ref().clone()),
            Way::Here(router) | Way::Reading(router, _) => match router.clone().oneshot(request).await {
                Ok(response) => Ok(response),
                Err(never) => match never {},
            },
            Way::There { address, .. } => {
                let unreachable = |error: &(dyn std::error::Error + 'static)| {
                    Problem::new(Code::ServerUnreachable, format!("could not reach the server at {address}"))
                        .caused_by(Some(error))
                };
                let stream = TcpStream::connect(address).await.map_err(|error| unreachable(&error))?;
                let (mut sender, connection) =
                    hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|e| unreachable(&e))?;
                tokio::spawn(connection);
                let response = sender.send_request(request).await.map_err(|error| unreachable(&error))?;
                Ok(response.map(Body::new))
            }
        }
    }
}

/// Whether a folder could not be opened because nobody, or not this person, may write in it.
fn cannot_be_written(error: &ServerError) -> bool {
    let mut link: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = link {
        let shared = || error.downcast_ref::<Arc<io::Error>>().map(|error| &**error);
        if let Some(error) = error.downcast_ref::<io::Error>().or_else(shared) {
            return matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem);
        }
        link = error.source();
    }
    false
}

/// The address of a server that says that it answers there, if anybody listens: a server that was killed says so still.
fn listening(found: Answering) -> Option<SocketAddr> {
    let address = reachable(found.address);
    std::net::TcpStream::connect_timeout(&address, LISTENS_WITHIN).is_ok().then_some(address)
}

/// A server that listens everywhere is reached on this machine.
fn reachable(address: SocketAddr) -> SocketAddr {
    match address.ip().is_unspecified() {
        true => SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), address.port()),
        false => address,
    }
}

async fn read<T: DeserializeOwned>(answer: Response<Body>, path: &str) -> Result<T, Problem> {
    let status = answer.status();
    let garbled = |error: &(dyn std::error::Error + 'static)| {
        Problem::new(Code::ServerUnreachable, format!("the answer of {path} cannot be read")).caused_by(Some(error))
    };
    let bytes = to_bytes(answer.into_body(), MAX_BYTES).await.map_err(|error| garbled(&error))?;
    match status.is_success() {
        true => serde_json::from_slice(&bytes).map_err(|error| garbled(&error)),
        false => Err(serde_json::from_slice(&bytes).unwrap_or_else(|_| {
            Problem::new(Code::ServerUnreachable, format!("{path} answered {status}, and not as Kilter does"))
        })),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn there(url: &str) -> Result<String, Problem> {
        let client = Client::of_server(url, None, Actor::user("ana").unwrap())?;
        match client.way {
            Way::There { address, .. } => Ok(address),
            Way::Here(_) | Way::Reading(..) => unreachable!("a URL is elsewhere"),
        }
    }

    #[test]
    fn a_server_is_named_by_host_and_port() {
        assert_eq!(there("http://127.0.0.1:8484").unwrap(), "127.0.0.1:8484");
        assert_eq!(there("http://kilter.internal/").unwrap(), "kilter.internal:80");
        for wrong in ["", "127.0.0.1:8484", "https://x", "http://", "http://x/api"] {
            assert_eq!(there(wrong).unwrap_err().code, "usage_invalid", "{wrong}");
        }
    }

    #[test]
    fn a_server_that_listens_everywhere_is_reached_here() {
        assert_eq!(reachable("0.0.0.0:9".parse().unwrap()).to_string(), "127.0.0.1:9");
        assert_eq!(reachable("[::]:9".parse().unwrap()).to_string(), "127.0.0.1:9");
        assert_eq!(reachable("10.0.0.1:9".parse().unwrap()).to_string(), "10.0.0.1:9");
    }
}
