//! Requests to one registry: tried again where that helps, with the login that it asks for.

use std::{collections::BTreeMap, time::Duration};

use reqwest::{
    Client, Method, RequestBuilder, Response, StatusCode, Url,
    header::{AUTHORIZATION, HeaderMap, RETRY_AFTER, WWW_AUTHENTICATE},
    redirect::Policy,
};
use serde::Deserialize;
use tokio::{sync::Mutex, time::sleep};

use super::{
    address::{OciAddress, may_be_asked},
    credentials::{self, Login},
    error::OciError,
    options::RegistryOptions,
};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A registry that sends nothing for so long is away.
const READ_TIMEOUT: Duration = Duration::from_secs(60);
/// Tries in a row, with a pause that doubles.
const MAX_TRIES: u32 = 4;
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// The longest pause that a registry may ask for.
const MAX_PAUSE: Duration = Duration::from_secs(30);
const MAX_REDIRECTS: usize = 5;
/// Longest answer of a server of tokens.
const MAX_TOKEN_BYTES: usize = 1 << 20;

/// One registry, and one repository in it.
pub(crate) struct Transport {
    http: Client,
    base: Url,
    address: OciAddress,
    login: Option<Login>,
    scope: String,
    plain_http: bool,
    authorization: Mutex<Option<String>>,
}

impl Transport {
    /// `actions`: what is asked for in a token: `pull`, or `pull,push`.
    pub(crate) fn new(address: &OciAddress, actions: &str, options: &RegistryOptions) -> Result<Self, OciError> {
        let is_plain = options.plain_http || address.is_loopback();
        // Docker's own registry answers under another name than its own.
        let host = if address.host == "docker.io" { "registry-1.docker.io" } else { address.host.as_str() };
        let scheme = if is_plain { "http" } else { "https" };
        let base = Url::parse(&format!("{scheme}://{host}/v2/{}/", address.repository))
            .map_err(|_| OciError::Address { text: address.to_string(), reason: "the host is no name" })?;
        let login = match &options.login {
            Some(login) => Some(login.clone()),
            None => credentials::find(if address.host == "docker.io" { "index.docker.io" } else { &address.host })?,
        };
        let http = Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(READ_TIMEOUT)
            .redirect(redirects(options.plain_http))
            .user_agent("kilter")
            .build()
            .map_err(|error| unavailable(address, "be reached", &error))?;
        let scope = format!("repository:{}:{actions}", address.repository);
        let (address, plain_http) = (address.clone(), options.plain_http);
        Ok(Self { http, base, address, login, scope, plain_http, authorization: Mutex::new(None) })
    }

    pub(crate) fn address(&self) -> &OciAddress {
        &self.address
    }

    /// `blobs/sha256:…` below the repository, or where the registry has sent us.
    pub(crate) fn url(&self, path: &str) -> Result<Url, OciError> {
        self.base.join(path).map_err(|_| self.protocol(format!("it leads to `{path}`, which is no address")))
    }

    /// Sends a request, as often as it takes, and once more with the login that is asked for. `build` makes it anew each time.
    pub(crate) async fn send(
        &self,
        to: (Method, &Url),
        attempted: &str,
        build: &(dyn Fn(RequestBuilder) -> RequestBuilder + Sync),
    ) -> Result<Response, OciError> {
        self.send_at_most(MAX_TRIES, to, attempted, build).await
    }

    /// Sends a request that must not be repeated as it is: half of it may have arrived.
    pub(crate) async fn send_once(
        &self,
        to: (Method, &Url),
        attempted: &str,
        build: &(dyn Fn(RequestBuilder) -> RequestBuilder + Sync),
    ) -> Result<Response, OciError> {
        self.send_at_most(1, to, attempted, build).await
    }

    async fn send_at_most(
        &self,
        max_tries: u32,
        (method, url): (Method, &Url),
        attempted: &str,
        build: &(dyn Fn(RequestBuilder) -> RequestBuilder + Sync),
    ) -> Result<Response, OciError> {
        self.check_encryption(url)?;
        let (mut tries, mut pause, mut asked) = (1, FIRST_PAUSE, false);
        loop {
            let mut request = build(self.http.request(method.clone(), url.clone()));
            let known = self.authorization.lock().await.clone();
            // Only the registry itself gets the login, and not whom it sends us to.
            if let Some(value) = known.filter(|_| url.origin() == self.base.origin()) {
                request = request.header(AUTHORIZATION, value);
            }
            let failed = match request.send().await {
                Ok(response) if response.status() == StatusCode::UNAUTHORIZED && !asked => {
                    asked = true;
                    self.authorize(response.headers()).await?;
                    continue;
                }
                Ok(response) if is_transient(response.status()) => {
                    pause = asked_pause(response.headers()).unwrap_or(pause);
                    self.unavailable(attempted, format!("status {}", response.status().as_u16()))
                }
                Ok(response) => return self.checked(response, attempted),
                Err(error) => unavailable(&self.address, attempted, &error),
            };
            if tries == max_tries {
                return Err(failed);
            }
            sleep(pause).await;
            (tries, pause) = (tries + 1, 2 * pause);
        }
    }

    fn checked(&self, response: Response, attempted: &str) -> Result<Response, OciError> {
        let status = response.status();
        let (host, attempted) = (self.address.host.clone(), attempted.to_owned());
        match status {
            StatusCode::UNAUTHORIZED => Err(OciError::Unauthorized { host, with_login: self.login.is_some() }),
            StatusCode::FORBIDDEN => Err(OciError::Refused { host, attempted, status: status.as_u16() }),
            _ => Ok(response),
        }
    }

    /// An answer that has another status than those that were expected.
    pub(crate) fn unexpected(&self, response: &Response, attempted: &str) -> OciError {
        let (host, status) = (self.address.host.clone(), response.status().as_u16());
        OciError::Refused { host, attempted: attempted.to_owned(), status }
    }

    pub(crate) fn unavailable(&self, attempted: &str, reason: String) -> OciError {
        OciError::Unavailable { host: self.address.host.clone(), attempted: attempted.to_owned(), reason }
    }

    pub(crate) fn interrupted(&self, attempted: &str, error: &reqwest::Error) -> OciError {
        unavailable(&self.address, attempted, error)
    }

    pub(crate) fn protocol(&self, reason: String) -> OciError {
        OciError::Protocol { host: self.address.host.clone(), reason }
    }

    fn check_encryption(&self, url: &Url) -> Result<(), OciError> {
        if may_be_asked(url, self.plain_http) {
            return Ok(());
        }
        Err(OciError::PlainHttp { host: url.host_str().unwrap_or_default().to_owned() })
    }

    /// Gets what the registry asks for: a name and password, or a token from a server that it names.
    async fn authorize(&self, headers: &HeaderMap) -> Result<(), OciError> {
        let challenges = headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok());
        let challenges: Vec<(String, BTreeMap<String, String>)> = challenges.filter_map(challenge).collect();
        let unauthorized =
            || OciError::Unauthorized { host: self.address.host.clone(), with_login: self.login.is_some() };
        let of_kind = |kind: &str| challenges.iter().find(|(found, _)| found.eq_ignore_ascii_case(kind));
        let value = if let Some((_, parameters)) = of_kind("bearer") {
            format!("Bearer {}", self.token(parameters).await?)
        } else {
            of_kind("basic").ok_or_else(unauthorized)?;
            let Some(Login::Password { user, password }) = &self.login else { return Err(unauthorized()) };
            use base64::{Engine, engine::general_purpose::STANDARD};
            format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
        };
        *self.authorization.lock().await = Some(value);
        Ok(())
    }

    async fn token(&self, parameters: &BTreeMap<String, String>) -> Result<String, OciError> {
        let realm = parameters.get("realm").and_then(|realm| Url::parse(realm).ok());
        let realm = realm.ok_or_else(|| self.protocol("it names no server of tokens".to_owned()))?;
        self.check_encryption(&realm)?;
        let service = parameters.get("service").map(String::as_str).unwrap_or_default();
        let request = match &self.login {
            Some(Login::Identity(token)) => {
                let form = [
                    ("grant_type", "refresh_token"),
                    ("service", service),
                    ("scope", &self.scope),
                    ("client_id", "kilter"),
                ];
                let body: Vec<String> = form.iter().map(|(name, value)| format!("{name}={}", escaped(value))).collect();
                let body = format!("{}&refresh_token={}", body.join("&"), escaped(token));
                self.http.post(realm).header("content-type", "application/x-www-form-urlencoded").body(body)
            }
            login => {
                let mut url = realm;
                url.query_pairs_mut().append_pair("service", service).append_pair("scope", &self.scope);
                let request = self.http.get(url);
                match login {
                    Some(Login::Password { user, password }) => request.basic_auth(user, Some(password)),
                    _ => request,
                }
            }
        };
        let attempted = "let us log in";
        let mut response = request.send().await.map_err(|error| self.interrupted(attempted, &error))?;
        match response.status() {
            status if status.is_success() => {}
            status if is_transient(status) => {
                return Err(self.unavailable(attempted, format!("status {}", status.as_u16())));
            }
            _ => {
                return Err(OciError::Unauthorized {
                    host: self.address.host.clone(),
                    with_login: self.login.is_some(),
                });
            }
        }
        let mut bytes = Vec::new();
        while let Some(part) = response.chunk().await.map_err(|error| self.interrupted(attempted, &error))? {
            bytes.extend_from_slice(&part);
            if bytes.len() > MAX_TOKEN_BYTES {
                return Err(self.protocol("its token is too long".to_owned()));
            }
        }
        let answer: TokenAnswer = serde_json::from_slice(&bytes)
            .map_err(|_| self.protocol("its server of tokens answers no token".to_owned()))?;
        let token = answer.token.or(answer.access_token).filter(|token| token.chars().all(|c| c.is_ascii_graphic()));
        token.ok_or_else(|| self.protocol("its server of tokens answers no token".to_owned()))
    }
}

#[derive(Deserialize)]
struct TokenAnswer {
    token: Option<String>,
    access_token: Option<String>,
}

/// What a registry sends elsewhere may be fetched there, but not without encryption where it asked for it.
fn redirects(plain_http: bool) -> Policy {
    Policy::custom(move |attempt| {
        let is_plain = !may_be_asked(attempt.url(), plain_http);
        match attempt.previous().len() {
            _ if is_plain => attempt.error("it leads to another machine without encryption"),
            count if count > MAX_REDIRECTS => attempt.error("it leads on and on"),
            _ => attempt.follow(),
        }
    })
}

fn is_transient(status: StatusCode) -> bool {
    status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS || status == StatusCode::REQUEST_TIMEOUT
}

fn asked_pause(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds).min(MAX_PAUSE))
}

/// An error of a connection, without the address that it repeats: that may hold a signature.
fn unavailable(address: &OciAddress, attempted: &str, error: &reqwest::Error) -> OciError {
    let error: &(dyn std::error::Error + 'static) = error;
    let innermost = std::iter::successors(Some(error), |error| error.source()).last();
    let reason = innermost.unwrap_or(error).to_string();
    OciError::Unavailable { host: address.host.clone(), attempted: attempted.to_owned(), reason }
}

/// `Bearer realm="https://…",service="…"` as its kind and its parameters.
fn challenge(header: &str) -> Option<(String, BTreeMap<String, String>)> {
    let (kind, mut rest) = header.trim().split_once(' ').unwrap_or((header.trim(), ""));
    let mut parameters = BTreeMap::new();
    while let Some((name, after)) = rest.split_once('=') {
        let (value, next) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => after.split_once(',').unwrap_or((after, "")),
        };
        let name = name.trim_matches(|c: char| c == ',' || c.is_whitespace()).to_ascii_lowercase();
        parameters.insert(name, value.to_owned());
        rest = next;
    }
    (!kind.is_empty()).then(|| (kind.to_owned(), parameters))
}

fn escaped(text: &str) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~".contains(byte);
    text.bytes().map(|byte| if plain(&byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_challenge_has_a_kind_and_parameters() {
        let header = r#"Bearer realm="https://auth.example/token",service="registry, one",scope="repository:a:pull""#;
        let (kind, parameters) = challenge(header).unwrap();
        assert_eq!((kind.as_str(), parameters["service"].as_str()), ("Bearer", "registry, one"));
        assert_eq!(parameters["realm"], "https://auth.example/token");
        let (kind, parameters) = challenge("Basic realm=here, charset=\"UTF-8\"").unwrap();
        assert_eq!(
            (kind.as_str(), parameters["realm"].as_str(), parameters["charset"].as_str()),
            ("Basic", "here", "UTF-8")
        );
        assert_eq!(challenge(""), None);
    }

    proptest! {
        #[test]
        fn any_challenge_is_read_or_not(header in "[A-Za-z=\", ]{0,40}|.{0,30}") {
            let _ = challenge(&header);
        }
    }
}
