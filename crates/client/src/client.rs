//! A client: how a request reaches the API, and what becomes of its answer.

use std::{path::Path, sync::Arc, time::Duration};

use hyper::{Method, StatusCode, header};
use kilter_api::{ACTOR_HEADER, Code, FOLDER_KEY_HEADER, Problem, Token};
use kilter_domain::actor::Actor;
use serde::{Serialize, de::DeserializeOwned};

use hyper::{Request, Response, body::Bytes};

use crate::{
    server_file,
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
        let (address, folder_key) = server_file::find_listening(data)?;
        let client = Self::new(Transport::Http { address: address.to_string() }, by);
        Some(Self { folder_key, ..client })
    }

    /// The API of the server at `url`.
    ///
    /// # Errors
    /// If `url` is not `http://HOST[:PORT]`.
    pub fn of_server(url: &str, by: Credentials) -> Result<Self, Problem> {
        Ok(Self::new(Transport::Http { address: parse_address(url)? }, by))
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

/// `HOST:PORT` of `http://HOST[:PORT][/]`.
fn parse_address(url: &str) -> Result<String, Problem> {
    let address = url.strip_prefix("http://").map(|rest| rest.trim_end_matches('/'));
    let address = address.filter(|address| !address.is_empty() && !address.contains('/')).ok_or_else(|| {
        Problem::new(Code::UsageInvalid, format!("`{url}` is not the address of a server"))
            .hint("write it like http://127.0.0.1:8484")
    })?;
    Ok(if address.contains(':') { address.to_owned() } else { format!("{address}:80") })
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
        assert_eq!(parse_address("http://127.0.0.1:8484").unwrap(), "127.0.0.1:8484");
        assert_eq!(parse_address("http://kilter.internal/").unwrap(), "kilter.internal:80");
        for wrong in ["", "127.0.0.1:8484", "https://x", "http://", "http://x/api"] {
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
