//! A client: how a request reaches the API, and what becomes of its answer.

use std::{path::Path, sync::Arc, time::Duration};

use base64::{Engine, prelude::BASE64_STANDARD};
use hyper::{Method, StatusCode, header};
use kilter_api::{ACTOR_HEADER, Code, FOLDER_KEY_HEADER, Problem, Token};
use kilter_domain::actor::Actor;
use serde::{Serialize, de::DeserializeOwned};

use hyper::{Request, Response, body::Bytes};

use crate::{
    server_file,
    tls::{Tls, TlsFiles},
    transport::{self, InProcess, StreamBody, Transport},
};

/// The longest that an answer may take.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Who asks: the name that a caller states, and the token that proves it.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// Who they say they are; believed where nobody has an account.
    pub actor: Actor,
    /// What proves who they are.
    pub token: Option<Token>,
}

/// The native API of one server or one data folder, on behalf of one actor.
pub struct Client {
    transport: Transport,
    by: Credentials,
    /// The key of the data folder, if it was found in it.
    folder_key: Option<String>,
}

impl Client {
    /// The API in this process.
    pub fn in_process(handler: Arc<dyn InProcess>, by: Credentials) -> Self {
        Self::new(Transport::InProcess { handler, read_only: None }, by)
    }

    /// The API in this process, to look at. Every change fails with `reason`.
    pub fn read_only(handler: Arc<dyn InProcess>, reason: Problem, by: Credentials) -> Self {
        Self::new(Transport::InProcess { handler, read_only: Some(Box::new(reason)) }, by)
    }

    /// The API of the server that has a data folder; `None` if none answers for it.
    pub fn of_data_folder(data: &Path, by: Credentials) -> Option<Self> {
        let file = server_file::find_listening(data)?;
        let certificate = file.certificate.map(|text| BASE64_STANDARD.decode(text)).transpose().ok()?;
        let tls = certificate.map(|certificate| Tls::with_owner_of(certificate, &TlsFiles::default()).into());
        let client = Self::new(Transport::Http { address: file.address.to_string(), tls }, by);
        Some(Self { folder_key: file.key, ..client })
    }

    /// The API of the server at `url`. One of https is believed by the authorities that this machine trusts.
    ///
    /// # Errors
    /// If `url` is neither `http://HOST[:PORT]` nor `https://HOST[:PORT]`.
    pub fn of_server(url: &str, by: Credentials) -> Result<Self, Problem> {
        let (address, host, is_encrypted) = parse_address(url)?;
        let tls = is_encrypted.then(|| Tls::with(host, &TlsFiles::default())).transpose()?;
        Ok(Self::new(Transport::Http { address, tls: tls.map(Box::new) }, by))
    }

    /// The same, with files that say whose certificates are believed, and which one this client has.
    #[must_use]
    pub fn with_tls(mut self, files: &TlsFiles) -> Self {
        if let Transport::Http { tls, .. } = &mut self.transport {
            *tls = tls.take().map(|tls| Box::new(tls.reading(files)));
        }
        self
    }

    fn new(transport: Transport, by: Credentials) -> Self {
        Self { transport, by, folder_key: None }
    }

    /// Whether the server accepts a folder of this machine from this client.
    pub fn knows_folder_key(&self) -> bool {
        self.folder_key.is_some()
    }

    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Problem> {
        self.call(Method::GET, path, Bytes::new()).await
    }

    /// As [`Self::get`], with `query` after the `?`.
    pub(crate) async fn get_with<T: DeserializeOwned>(&self, path: &str, query: &impl Serialize) -> Result<T, Problem> {
        let query = serde_urlencoded::to_string(query).map_err(|error| Problem::of(Code::Internal, &error))?;
        if query.is_empty() { self.get(path).await } else { self.get(&format!("{path}?{query}")).await }
    }

    pub(crate) async fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, Problem> {
        let body = serde_json::to_vec(body).map_err(|error| Problem::of(Code::Internal, &error))?;
        self.call(Method::POST, path, body.into()).await
    }

    async fn call<T: DeserializeOwned>(&self, method: Method, path: &str, body: Bytes) -> Result<T, Problem> {
        parse_response(&self.answer(method, path, body).await?, path)
    }

    pub(crate) async fn answer(&self, method: Method, path: &str, body: Bytes) -> Result<Response<Bytes>, Problem> {
        let request = self.request(method, path, body)?;
        tokio::time::timeout(TIMEOUT, self.transport.send(request)).await.map_err(|_| {
            Problem::new(Code::TimedOut, format!("no answer from {path} within {} s", TIMEOUT.as_secs()))
        })?
    }

    /// Asks for something that may have any size; status and body of the answer, which is still to come.
    pub(crate) async fn stream(
        &self,
        method: Method,
        path: &str,
        body: StreamBody,
    ) -> Result<Response<StreamBody>, Problem> {
        let request = self.request(method, path, Bytes::new())?.map(|_| body);
        self.transport.stream(request).await
    }

    fn request(&self, method: Method, path: &str, body: Bytes) -> Result<Request<Bytes>, Problem> {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, self.transport.host())
            .header(ACTOR_HEADER, self.by.actor.to_string());
        if let Some(token) = &self.by.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {}", token.as_str()));
        }
        if let Some(key) = &self.folder_key {
            request = request.header(FOLDER_KEY_HEADER, key);
        }
        if !body.is_empty() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        request.body(body).map_err(|error| Problem::of(Code::UsageInvalid, &error))
    }
}

/// `HOST:PORT` and `HOST` of `http://HOST[:PORT][/]`, and whether it is https.
fn parse_address(url: &str) -> Result<(String, &str, bool), Problem> {
    let plain = url.strip_prefix("http://").map(|rest| (rest, false));
    let found = plain.or_else(|| url.strip_prefix("https://").map(|rest| (rest, true)));
    let found = found.map(|(rest, is_encrypted)| (rest.trim_end_matches('/'), is_encrypted));
    let is_address = |(address, _): &(&str, bool)| !address.is_empty() && !address.contains(['/', '@']);
    let (address, is_encrypted) = found.filter(is_address).ok_or_else(|| {
        Problem::new(Code::UsageInvalid, format!("`{url}` is not the address of a server"))
            .hint("write it like http://127.0.0.1:8484 or https://kilter.example")
    })?;
    // The colons of an address of IPv6 are in brackets.
    let port_at = address.rfind(':').filter(|at| !address[*at..].contains(']'));
    let host = &address[..port_at.unwrap_or(address.len())];
    let usual = if is_encrypted { 443 } else { 80 };
    let whole = port_at.map_or_else(|| format!("{address}:{usual}"), |_| address.to_owned());
    Ok((whole, host, is_encrypted))
}

fn parse_response<T: DeserializeOwned>(response: &Response<Bytes>, path: &str) -> Result<T, Problem> {
    let (status, body) = (response.status(), response.body());
    if status.is_success() {
        serde_json::from_slice(body).map_err(|error| transport::unreadable(path, &error))
    } else {
        Err(serde_json::from_slice(body).unwrap_or_else(|_| not_of_kilter(status, path)))
    }
}

fn not_of_kilter(status: StatusCode, path: &str) -> Problem {
    Problem::new(Code::ServerUnreachable, format!("{path} answered {status}, and not as Kilter does"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_named_by_host_and_port() {
        let parsed = |url: &'static str| parse_address(url).unwrap();
        assert_eq!(parsed("http://127.0.0.1:8484"), ("127.0.0.1:8484".to_owned(), "127.0.0.1", false));
        assert_eq!(parsed("http://kilter.internal/"), ("kilter.internal:80".to_owned(), "kilter.internal", false));
        assert_eq!(parsed("https://kilter.internal"), ("kilter.internal:443".to_owned(), "kilter.internal", true));
        assert_eq!(parsed("https://[::1]:8484"), ("[::1]:8484".to_owned(), "[::1]", true));
        assert_eq!(parsed("https://[::1]/"), ("[::1]:443".to_owned(), "[::1]", true));
        for wrong in ["", "127.0.0.1:8484", "ftp://x", "http://", "https://", "http://x/api", "https://a@x"] {
            assert_eq!(parse_address(wrong).unwrap_err().code, "usage_invalid", "{wrong}");
        }
    }

    #[test]
    fn an_answer_that_is_no_problem_of_ours_is_a_server_that_cannot_be_reached() {
        let response = Response::builder().status(502).body(Bytes::from_static(b"<html>")).unwrap();
        let problem = parse_response::<kilter_api::Health>(&response, "/health").unwrap_err();
        assert_eq!(problem.code, "server_unreachable");
        assert!(problem.detail.contains("502 Bad Gateway"), "{problem}");
    }
}
