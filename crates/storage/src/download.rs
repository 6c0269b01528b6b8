//! A file at an `https://` address.
//!
//! Invariants: a body that ends early, is too long or comes from another host is an error and never half a file; no address is shown
//! with its query, which may hold a signature.

use std::{
    fs::File,
    io::{self, Write},
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use reqwest::{
    Client, Response, StatusCode, Url,
    header::{ETAG, HeaderMap, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED, LOCATION},
    redirect::Policy,
};
use tokio::runtime::Builder;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A server that sends nothing for so long is away.
const READ_TIMEOUT: Duration = Duration::from_secs(30);
const TIMEOUT: Duration = Duration::from_secs(2 * 60 * 60);
/// Requests in a row, with a pause that doubles.
const MAX_TRIES: u32 = 4;
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// Redirects that are followed, all of them on one host.
const MAX_REDIRECTS: usize = 5;

/// Why a file was not downloaded.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant says what it is")]
pub enum DownloadError {
    #[error("{address} is no address that can be read: {reason}")]
    Address { address: String, reason: String },
    #[error("there is nothing at {address} (status 404)")]
    NotFound { address: String },
    #[error("{address} does not let us read it (status {status})")]
    Refused { address: String, status: u16 },
    #[error("{address} leads to another host, {host}; name that address itself if you trust it")]
    Elsewhere { address: String, host: String },
    #[error("{address} could not be read: {reason}")]
    Unavailable { address: String, reason: String },
    #[error("{address} has more than {limit} bytes")]
    TooLarge { address: String, limit: u64 },
    #[error("could not write {}", path.display())]
    File { path: PathBuf, source: io::Error },
}

/// What became of a download.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Downloaded {
    /// It is what the caller knows already; nothing was written.
    Unchanged,
    /// It was written; what changes with its bytes, if the server says something of the kind.
    New(Option<String>),
}

/// Writes the file at `url` to `target`, unless it is the version `known`; at most `limit` bytes.
///
/// # Errors
/// When there is none, it may not be read, its host does not answer, sends less than it said or more than `limit`, or leads to
/// another host.
pub fn download(url: &str, known: Option<&str>, target: &Path, limit: u64) -> Result<Downloaded, DownloadError> {
    let parsed = Url::parse(url)
        .map_err(|error| DownloadError::Address { address: "the text".to_owned(), reason: error.to_string() })?;
    let request = Request { address: shown(&parsed), url: parsed, known, target, limit };
    // A thread of its own: the caller may be in an async context, which must not be blocked by another one.
    let work = || {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| request.unavailable(&error))?;
        let (mut tries, mut pause) = (1, FIRST_PAUSE);
        loop {
            match runtime.block_on(request.send()) {
                Err(DownloadError::Unavailable { .. }) if tries < MAX_TRIES => thread::sleep(pause),
                done => return done,
            }
            (tries, pause) = (tries + 1, 2 * pause);
        }
    };
    thread::scope(|scope| scope.spawn(work).join()).unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

struct Request<'a> {
    url: Url,
    address: String,
    known: Option<&'a str>,
    target: &'a Path,
    limit: u64,
}

impl Request<'_> {
    async fn send(&self) -> Result<Downloaded, DownloadError> {
        let client = Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(READ_TIMEOUT)
            .timeout(TIMEOUT)
            .redirect(Policy::none())
            .user_agent("kilter");
        let client = client.build().map_err(|error| self.unavailable(&error))?;
        let mut url = self.url.clone();
        for _ in 0..=MAX_REDIRECTS {
            let mut request = client.get(url.clone());
            if let Some(known) = self.known {
                let header = if is_etag(known) { IF_NONE_MATCH } else { IF_MODIFIED_SINCE };
                request = request.header(header, known);
            }
            let response = request.send().await.map_err(|error| self.unavailable(&error))?;
            if !response.status().is_redirection() || response.status() == StatusCode::NOT_MODIFIED {
                return self.receive(response).await;
            }
            url = self.redirected(&url, response.headers())?;
        }
        Err(DownloadError::Unavailable {
            address: self.address.clone(),
            reason: format!("more than {MAX_REDIRECTS} redirects"),
        })
    }

    /// Where a redirect leads: to the same host, with the same encryption.
    fn redirected(&self, from: &Url, headers: &HeaderMap) -> Result<Url, DownloadError> {
        let wrong =
            |reason: &str| DownloadError::Unavailable { address: self.address.clone(), reason: reason.to_owned() };
        let to = headers.get(LOCATION).and_then(|to| to.to_str().ok()).ok_or_else(|| wrong("a redirect to nowhere"))?;
        let to = from.join(to).map_err(|_| wrong("a redirect to no address"))?;
        if to.scheme() != from.scheme()
            || to.host() != from.host()
            || to.port_or_known_default() != from.port_or_known_default()
        {
            let host = to.host_str().unwrap_or("nowhere").to_owned();
            return Err(DownloadError::Elsewhere { address: self.address.clone(), host });
        }
        Ok(to)
    }

    async fn receive(&self, mut response: Response) -> Result<Downloaded, DownloadError> {
        let (status, address) = (response.status(), || self.address.clone());
        match status {
            StatusCode::NOT_MODIFIED => return Ok(Downloaded::Unchanged),
            StatusCode::NOT_FOUND | StatusCode::GONE => return Err(DownloadError::NotFound { address: address() }),
            status if status.is_success() => {}
            status if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => {
                return Err(DownloadError::Unavailable {
                    address: address(),
                    reason: format!("status {}", status.as_u16()),
                });
            }
            status => return Err(DownloadError::Refused { address: address(), status: status.as_u16() }),
        }
        let too_large = || DownloadError::TooLarge { address: address(), limit: self.limit };
        if response.content_length().is_some_and(|bytes| bytes > self.limit) {
            return Err(too_large());
        }
        let failed = |source| DownloadError::File { path: self.target.to_owned(), source };
        let version = version(response.headers());
        let mut file = File::create(self.target).map_err(failed)?;
        let mut bytes = 0u64;
        while let Some(part) = response.chunk().await.map_err(|error| self.unavailable(&error))? {
            bytes += part.len() as u64;
            if bytes > self.limit {
                return Err(too_large());
            }
            file.write_all(&part).map_err(failed)?;
        }
        file.sync_all().map_err(failed)?;
        Ok(Downloaded::New(version))
    }

    /// An error of a connection, without the address that it repeats.
    fn unavailable(&self, error: &(dyn std::error::Error + 'static)) -> DownloadError {
        let innermost = std::iter::successors(Some(error), |error| error.source()).last();
        let reason = innermost.unwrap_or(error).to_string();
        DownloadError::Unavailable { address: self.address.clone(), reason }
    }
}

/// What changes with the bytes.
fn version(headers: &HeaderMap) -> Option<String> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    text(ETAG).or_else(|| text(LAST_MODIFIED))
}

fn is_etag(version: &str) -> bool {
    version.starts_with('"') || version.starts_with("W/")
}

/// An address for a person: what is behind `?` may be a signature.
fn shown(url: &Url) -> String {
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}://{}{port}{}", url.scheme(), url.host_str().unwrap_or_default(), url.path())
}
