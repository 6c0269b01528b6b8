//! The server that a replica follows, asked over HTTP.
//!
//! Invariants: every wait, and the size of every document, is bounded; a token is not sent in the clear beyond this machine unless the
//! operator says so. Out of scope: what is believed of an answer.

use std::{
    fs::OpenOptions,
    io::Write,
    path::{Path, PathBuf},
    time::Duration,
};

use kilter_api::{self as api, ACTOR_HEADER, Code, Problem, Token};
use kilter_app::replication::KeyRing;
use kilter_domain::{actor::Actor, error_chain::with_causes};
use reqwest::{Certificate, Client, Identity, RequestBuilder, Response, StatusCode, Url, header, redirect::Policy};
use serde::de::DeserializeOwned;

/// How long a connection may take, and a server be silent.
const CONNECT: Duration = Duration::from_secs(5);
const SILENCE: Duration = Duration::from_secs(30);
/// The largest document.
const MAX_BYTES: usize = 64 << 20;

/// The largest file of certificates or keys.
const MAX_PEM_BYTES: u64 = 1 << 20;

/// The type of a body of records.
pub(crate) const RECORDS_TYPE: &str = "application/vnd.kilter.records";

/// Which server a replica follows, as whom, and whose signatures it believes.
#[derive(Clone, Debug)]
pub struct ReplicaOptions {
    /// The address of the server: `https://HOST[:PORT]`, or `http://` on this machine.
    pub server: String,
    /// Whether `http://` is also spoken to another machine.
    pub plain_http: bool,
    /// The file with the authorities (PEM) that the server is believed by; `None`: those that this machine trusts.
    pub ca: Option<PathBuf>,
    /// The files (PEM) with the certificate that this replica has, and its private key.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// What proves to the server who asks.
    pub token: Option<Token>,
    /// Who asks, where nobody has an account.
    pub actor: Actor,
    /// Whose signatures are believed.
    pub keys: KeyRing,
}

/// Why the server did not do what was asked.
#[derive(Debug)]
pub(crate) enum UpstreamError {
    /// It cannot be reached, or does not answer to the end.
    Away(String),
    /// It answered that it does not do it.
    Refused(Box<Problem>),
}

/// The server.
pub(crate) struct Upstream {
    client: Client,
    base: String,
    token: Option<Token>,
    actor: Actor,
}

impl Upstream {
    /// # Errors
    /// If the address is none, or others could read what is said on the way to it.
    pub(crate) fn new(options: &ReplicaOptions) -> Result<Self, Problem> {
        let base = options.server.trim_end_matches('/').to_owned();
        let invalid = |why: &str| {
            Problem::new(Code::UsageInvalid, format!("`{base}` is not the address of a server: {why}"))
                .hint("write it like https://kilter.example, or http://127.0.0.1:8484")
        };
        let url = Url::parse(&base).map_err(|error| invalid(&error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") || url.path() != "/" || url.query().is_some() {
            return Err(invalid("it is more, or less, than `http(s)://HOST[:PORT]`"));
        }
        if url.scheme() == "http" && !is_this_machine(&url) && !options.plain_http {
            let detail = format!("`{base}` is another machine, and others could read the token on the way to it");
            return Err(Problem::new(Code::UsageInvalid, detail).hint("use https://, or allow it with --plain-http"));
        }
        let mut client = Client::builder().connect_timeout(CONNECT).read_timeout(SILENCE).redirect(Policy::none());
        if let Some(path) = &options.ca {
            let authorities =
                Certificate::from_pem_bundle(&read_pem(path)?).map_err(|error| unusable(path, &with_causes(&error)))?;
            if authorities.is_empty() {
                return Err(unusable(path, "there is no certificate of PEM in it"));
            }
            client = authorities.into_iter().fold(client.tls_built_in_root_certs(false), |client, authority| {
                client.add_root_certificate(authority)
            });
        }
        if let Some((certificate, key)) = &options.identity {
            let both = [read_pem(certificate)?, read_pem(key)?].concat();
            client = client
                .identity(Identity::from_pem(&both).map_err(|error| unusable(certificate, &with_causes(&error)))?);
        }
        let client = client.build().map_err(|error| Problem::of(Code::Internal, &error))?;
        Ok(Self { client, base, token: options.token.clone(), actor: options.actor.clone() })
    }

    /// Its address.
    pub(crate) fn address(&self) -> &str {
        &self.base
    }

    /// What answers where, with its tag; `None` if it is the plan of `tag` still after `wait`.
    pub(crate) async fn plan(
        &self,
        tag: Option<&str>,
        wait: Duration,
    ) -> Result<Option<(api::ServingPlan, String)>, UpstreamError> {
        let mut request = self.get(&format!("/api/v1/serving-plan?wait={}", wait.as_secs()));
        if let Some(tag) = tag {
            request = request.header(header::IF_NONE_MATCH, tag);
        }
        let response = self.send(request.timeout(wait + SILENCE)).await?;
        if response.status() == StatusCode::NOT_MODIFIED {
            return Ok(None);
        }
        let tag = response.headers().get(header::ETAG).and_then(|tag| tag.to_str().ok()).unwrap_or_default().to_owned();
        Ok(Some((self.document(response).await?, tag)))
    }

    /// The files and the signatures of a package.
    pub(crate) async fn package(&self, model: &str, digest: &str) -> Result<api::PackageFiles, UpstreamError> {
        let request = self.get(&format!("/api/v1/models/{model}/packages/{digest}")).timeout(2 * SILENCE);
        let response = self.send(request).await?;
        self.document(response).await
    }

    /// Brings a file of `bytes` bytes to `place`; what is there of it already does not come again.
    pub(crate) async fn fetch_file(
        &self,
        (model, digest, file): (&str, &str, &str),
        bytes: u64,
        place: &Path,
    ) -> Result<(), UpstreamError> {
        let failed = |error: std::io::Error| UpstreamError::Away(format!("{}: {error}", place.display()));
        let mut into = OpenOptions::new().create(true).append(true).open(place).map_err(failed)?;
        let mut there = into.metadata().map_err(failed)?.len();
        if there > bytes {
            into.set_len(0).map_err(failed)?;
            there = 0;
        }
        if there < bytes {
            let mut request = self.get(&format!("/api/v1/models/{model}/packages/{digest}/files/{file}"));
            if there > 0 {
                request = request.header(header::RANGE, format!("bytes={there}-"));
            }
            let mut response = self.send(request).await?;
            if response.status() != StatusCode::PARTIAL_CONTENT && there > 0 {
                into.set_len(0).map_err(failed)?;
                there = 0;
            }
            while let Some(chunk) = response.chunk().await.map_err(|error| self.away(error))? {
                there += chunk.len() as u64;
                if there > bytes {
                    return Err(UpstreamError::Away(format!("{} sends more of a file than there is", self.base)));
                }
                into.write_all(&chunk).map_err(failed)?;
            }
        }
        match there == bytes {
            true => Ok(()),
            false => Err(UpstreamError::Away(format!("{} sent {there} of {bytes} bytes of a file", self.base))),
        }
    }

    /// Sends records, in the order of the log of the replica.
    pub(crate) async fn send_records(
        &self,
        endpoint: &str,
        (replica, first, last): (&str, u64, u64),
        records: Vec<u8>,
    ) -> Result<api::RecordsKept, UpstreamError> {
        let path = format!("/api/v1/endpoints/{endpoint}/records?replica={replica}&first={first}&last={last}");
        let request = self.with_caller(self.client.post(format!("{}{path}", self.base)));
        let request = request.header(header::CONTENT_TYPE, RECORDS_TYPE).body(records).timeout(2 * SILENCE);
        let response = self.send(request).await?;
        self.document(response).await
    }

    fn get(&self, path: &str) -> RequestBuilder {
        self.with_caller(self.client.get(format!("{}{path}", self.base)))
    }

    fn with_caller(&self, request: RequestBuilder) -> RequestBuilder {
        let request = request.header(ACTOR_HEADER, self.actor.to_string());
        match &self.token {
            Some(token) => request.bearer_auth(token.as_str()),
            None => request,
        }
    }

    async fn send(&self, request: RequestBuilder) -> Result<Response, UpstreamError> {
        let response = request.send().await.map_err(|error| self.away(error))?;
        let status = response.status();
        if status.is_success() || status == StatusCode::NOT_MODIFIED {
            return Ok(response);
        }
        let bytes = self.bytes(response).await?;
        let problem: Problem = serde_json::from_slice(&bytes)
            .map_err(|_| UpstreamError::Away(format!("{} answered {status}, and not as Kilter does", self.base)))?;
        match status == StatusCode::SERVICE_UNAVAILABLE {
            true => Err(UpstreamError::Away(format!("{} answered: {problem}", self.base))),
            false => Err(UpstreamError::Refused(Box::new(problem))),
        }
    }

    async fn document<T: DeserializeOwned>(&self, response: Response) -> Result<T, UpstreamError> {
        let bytes = self.bytes(response).await?;
        serde_json::from_slice(&bytes)
            .map_err(|error| UpstreamError::Away(format!("an answer of {} cannot be read: {error}", self.base)))
    }

    async fn bytes(&self, mut response: Response) -> Result<Vec<u8>, UpstreamError> {
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.away(error))? {
            body.extend_from_slice(&chunk);
            if body.len() > MAX_BYTES {
                return Err(UpstreamError::Away(format!("an answer of {} is too long", self.base)));
            }
        }
        Ok(body)
    }

    fn away(&self, error: reqwest::Error) -> UpstreamError {
        UpstreamError::Away(format!("{} cannot be reached: {}", self.base, with_causes(&error.without_url())))
    }
}

/// A file of certificates or keys.
fn read_pem(path: &Path) -> Result<Vec<u8>, Problem> {
    let text = kilter_app::read_bounded_text(path, MAX_PEM_BYTES);
    text.map(String::into_bytes).map_err(|error| unusable(path, &with_causes(&error)))
}

fn unusable(path: &Path, reason: &str) -> Problem {
    Problem::new(Code::FileInvalid, format!("`{}` cannot be used: {reason}", path.display())).hint("name a file of PEM")
}

fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_goes_to_another_machine_by_https_alone_unless_that_is_allowed() {
        let options = |server: &str, plain_http| ReplicaOptions {
            server: server.to_owned(),
            plain_http,
            ca: None,
            identity: None,
            token: None,
            actor: Actor::nameless_service(),
            keys: KeyRing::default(),
        };
        let of =
            |server: &str, plain_http| Upstream::new(&options(server, plain_http)).map(drop).map_err(|why| why.detail);
        for fine in ["http://127.0.0.1:8484", "http://localhost/", "https://kilter.example", "http://[::1]:1"] {
            assert_eq!(of(fine, false), Ok(()), "{fine}");
        }
        assert!(of("http://kilter.example", false).unwrap_err().contains("another machine"));
        assert_eq!(of("http://kilter.example", true), Ok(()));
        for wrong in ["", "ftp://x", "https://x/api", "https://x?a=b", "x:1"] {
            assert!(of(wrong, true).unwrap_err().contains("not the address"), "{wrong}");
        }
    }
}
