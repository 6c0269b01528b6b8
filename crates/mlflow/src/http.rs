//! Requests to an MLflow server: bounded in time, and repeated where that is safe.
//!
//! Invariants: only reads are sent; a redirect is not followed, so credentials go to the host that was named alone; of an address no
//! user and no password is shown.

use std::{
    io::{self, Read},
    sync::Arc,
    thread,
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use kilter_domain::error_chain::with_causes;
use reqwest::{
    Client, Method, RequestBuilder, Response, StatusCode, Url,
    header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, RETRY_AFTER},
    redirect::Policy,
};
use tokio::runtime::Runtime;

use crate::TransferError;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A server that sends nothing for so long is away.
const READ_TIMEOUT: Duration = Duration::from_secs(120);
/// Requests in a row, with a pause that doubles.
const MAX_TRIES: u32 = 6;
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const MAX_PAUSE: Duration = Duration::from_secs(60);
/// The largest JSON that is read.
const MAX_JSON_BYTES: usize = 256 << 20;
/// Characters of a message of the server that are shown.
const MAX_MESSAGE: usize = 300;

/// What is asked of a server.
pub(crate) trait Transport {
    /// Whom it reaches, without credentials.
    fn name(&self) -> String;

    /// The JSON of an answer; `None` where the thing is not there.
    fn call(&self, method: Method, path: &str, body: Option<Vec<u8>>) -> Result<Option<Vec<u8>>, TransferError>;

    /// The bytes of a file.
    fn download(&self, path: &str) -> Result<Box<dyn Read + Send>, TransferError>;
}

/// What proves who asks.
#[derive(Clone, Default)]
pub enum Credentials {
    /// Nothing.
    #[default]
    None,
    /// A token.
    Bearer(String),
    /// A name and a password.
    Basic(String, String),
}

impl Credentials {
    fn header(&self) -> Option<HeaderValue> {
        let text = match self {
            Self::None => return None,
            Self::Bearer(token) => format!("Bearer {token}"),
            Self::Basic(name, password) => format!("Basic {}", STANDARD.encode(format!("{name}:{password}"))),
        };
        let mut value = HeaderValue::from_str(&text).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

/// An MLflow server at an address.
pub struct HttpTransport {
    base: Url,
    client: Client,
    credentials: Option<HeaderValue>,
    runtime: Arc<Runtime>,
}

impl HttpTransport {
    /// The server at `http://HOST[:PORT][/PATH]`, also with TLS.
    ///
    /// # Errors
    /// When it is no such address.
    pub fn new(address: &str, credentials: &Credentials) -> Result<Self, TransferError> {
        let wrong = |reason: String| TransferError::Address { address: shown(address), reason };
        let mut base = Url::parse(address.trim_end_matches('/')).map_err(|error| wrong(error.to_string()))?;
        if !matches!(base.scheme(), "http" | "https") || base.host_str().is_none() {
            return Err(wrong("write it like https://mlflow.example.org".to_owned()));
        }
        let given = match (base.username(), base.password()) {
            ("", None) => credentials.clone(),
            (name, password) => Credentials::Basic(name.to_owned(), password.unwrap_or_default().to_owned()),
        };
        // Neither fails for an address that has a host.
        let _ = (base.set_username(""), base.set_password(None));
        base.set_query(None);
        base.set_fragment(None);
        let client = Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(READ_TIMEOUT)
            .redirect(Policy::none())
            .user_agent("kilter");
        let client = client.build().map_err(|error| wrong(error.to_string()))?;
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.map_err(|error| wrong(error.to_string()))?;
        Ok(Self { base, client, credentials: given.header(), runtime: Arc::new(runtime) })
    }

    fn request(&self, method: Method, path: &str, body: Option<&[u8]>) -> RequestBuilder {
        let address = format!("{}{path}", self.base.as_str().trim_end_matches('/'));
        let mut request = self.client.request(method, address);
        if let Some(credentials) = &self.credentials {
            request = request.header(AUTHORIZATION, credentials.clone());
        }
        match body {
            None => request,
            Some(body) => request.header(CONTENT_TYPE, "application/json").body(body.to_vec()),
        }
    }

    /// The answer to a read, asked for again where the server is busy or away.
    fn answer(&self, method: &Method, path: &str, body: Option<&[u8]>) -> Result<Response, TransferError> {
        let (mut tries, mut pause) = (1, FIRST_PAUSE);
        loop {
            let request = self.request(method.clone(), path, body);
            // The clock of its timeout is that of the runtime, so it begins inside.
            let sent = self.runtime.block_on(async move { request.send().await });
            let (reason, wait) = match sent {
                Ok(response) if !is_worth_a_retry(response.status()) => return Ok(response),
                Ok(response) => (format!("status {}", response.status().as_u16()), retry_after(&response)),
                Err(error) => (with_causes(&error.without_url()), None),
            };
            if tries >= MAX_TRIES {
                return Err(TransferError::Unavailable { address: self.name(), reason });
            }
            thread::sleep(wait.unwrap_or(pause).min(MAX_PAUSE));
            (tries, pause) = (tries + 1, 2 * pause);
        }
    }

    fn refused(&self, path: &str, status: StatusCode, body: &[u8]) -> TransferError {
        #[derive(Default, serde::Deserialize)]
        struct ErrorBody {
            #[serde(default)]
            message: String,
        }
        let read: ErrorBody = serde_json::from_slice(body).unwrap_or_default();
        let message = if read.message.is_empty() { String::from_utf8_lossy(body).into_owned() } else { read.message };
        let what = path.split('?').next().unwrap_or(path).to_owned();
        let message = message.chars().take(MAX_MESSAGE).collect();
        TransferError::Refused { address: self.name(), what, status: status.as_u16(), message }
    }

    fn bytes(&self, mut response: Response) -> Result<Vec<u8>, TransferError> {
        let unavailable = |reason: String| TransferError::Unavailable { address: self.name(), reason };
        self.runtime.block_on(async {
            let mut bytes = Vec::new();
            while let Some(chunk) =
                response.chunk().await.map_err(|error| unavailable(with_causes(&error.without_url())))?
            {
                if bytes.len() + chunk.len() > MAX_JSON_BYTES {
                    return Err(unavailable(format!("an answer has more than {MAX_JSON_BYTES} bytes")));
                }
                bytes.extend_from_slice(&chunk);
            }
            Ok(bytes)
        })
    }
}

/// An address without what stands before its host.
fn shown(address: &str) -> String {
    match address.split_once("://") {
        Some((scheme, rest)) => format!("{scheme}://{}", rest.rsplit_once('@').map_or(rest, |(_, host)| host)),
        None => address.to_owned(),
    }
}

fn is_worth_a_retry(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 429 | 500 | 502..=504)
}

fn retry_after(response: &Response) -> Option<Duration> {
    response.headers().get(RETRY_AFTER)?.to_str().ok()?.parse().ok().map(Duration::from_secs)
}

impl Transport for HttpTransport {
    fn name(&self) -> String {
        self.base.as_str().trim_end_matches('/').to_owned()
    }

    fn call(&self, method: Method, path: &str, body: Option<Vec<u8>>) -> Result<Option<Vec<u8>>, TransferError> {
        let (mut tries, mut pause) = (1, FIRST_PAUSE);
        loop {
            let response = self.answer(&method, path, body.as_deref())?;
            let status = response.status();
            match self.bytes(response) {
                Ok(bytes) if status.is_success() => return Ok(Some(bytes)),
                Ok(_) if status == StatusCode::NOT_FOUND => return Ok(None),
                Ok(bytes) => return Err(self.refused(path, status, &bytes)),
                // A body that ended early.
                Err(error) if tries >= MAX_TRIES => return Err(error),
                Err(_) => thread::sleep(pause),
            }
            (tries, pause) = (tries + 1, 2 * pause);
        }
    }

    fn download(&self, path: &str) -> Result<Box<dyn Read + Send>, TransferError> {
        let response = self.answer(&Method::GET, path, None)?;
        let status = response.status();
        if !status.is_success() {
            let bytes = self.bytes(response)?;
            return Err(self.refused(path, status, &bytes));
        }
        let left = response.content_length();
        Ok(Box::new(Download { response, left, rest: Vec::new(), read: 0, runtime: Arc::clone(&self.runtime) }))
    }
}

/// The body of an answer as it comes.
struct Download {
    response: Response,
    /// Bytes that are still announced.
    left: Option<u64>,
    rest: Vec<u8>,
    read: usize,
    runtime: Arc<Runtime>,
}

impl Read for Download {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.read == self.rest.len() {
            let response = &mut self.response;
            let chunk =
                self.runtime.block_on(response.chunk()).map_err(|error| io::Error::other(error.without_url()))?;
            match chunk {
                None if self.left.is_some_and(|left| left > 0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                None => return Ok(0),
                Some(chunk) => {
                    self.left = self.left.map(|left| left.saturating_sub(chunk.len() as u64));
                    (self.rest, self.read) = (chunk.to_vec(), 0);
                }
            }
        }
        let count = into.len().min(self.rest.len() - self.read);
        into[..count].copy_from_slice(&self.rest[self.read..self.read + count]);
        self.read += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_in_no_name_and_no_message() {
        let transport = HttpTransport::new("https://ana:secret@host.example/mlflow/", &Credentials::None).unwrap();
        assert_eq!(transport.name(), "https://host.example/mlflow");
        assert!(transport.credentials.is_some());
        for wrong in ["ftp://ana:secret@x", "http://", "ana:secret@x"] {
            let said = HttpTransport::new(wrong, &Credentials::None).map(drop).unwrap_err().to_string();
            assert!(!said.contains("secret") || !wrong.contains("://"), "{said}");
        }
    }
}
