//! Bodies of the inference protocols: read within bounds whatever type they state, compressed or not, and answers in the
//! form that the client takes.

use axum::{
    body::Bytes,
    extract::{FromRequest, Request},
    http::{HeaderMap, HeaderName, HeaderValue, header},
    response::{IntoResponse, Response},
};
use kilter_api::{Code, Problem};
use kilter_serving::{
    endpoint::AnsweredBy,
    v2::{RequestBody, ResponseBody},
};

use crate::{
    error::{ApiError, V2Error},
    extract::{check_type, read},
    inference::{
        compression::{ContentCoding, MAX_INLINE_BYTES},
        route::{asked_version, put_route},
    },
    state::{AppState, blocking},
};

/// Bytes of the JSON before the binary data.
const JSON_LENGTH: HeaderName = HeaderName::from_static("inference-header-content-length");

/// The type of a body that has binary data behind its JSON.
const BINARY: &str = "application/octet-stream";

/// The body of a request of an inference protocol.
#[derive(Debug)]
pub(crate) struct InferenceBody {
    bytes: Bytes,
    json_length: Option<usize>,
    accepted: Option<ContentCoding>,
    version: Option<u64>,
}

impl InferenceBody {
    /// What of it is JSON, and what is binary data.
    pub(crate) fn as_request(&self) -> RequestBody<'_> {
        RequestBody { bytes: &self.bytes, json_length: self.json_length }
    }

    /// How its answer may be compressed.
    pub(crate) const fn accepted(&self) -> Option<ContentCoding> {
        self.accepted
    }

    /// The version that is to answer; `None`: whichever the traffic brings it to.
    pub(crate) const fn version(&self) -> Option<u64> {
        self.version
    }

    /// All bytes.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl FromRequest<AppState> for InferenceBody {
    type Rejection = V2Error;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, V2Error> {
        // Clients state all kinds of types or none (`curl -d` that of a form); a page of the web may send none but JSON.
        if is_of_a_browser(request.headers()) {
            check_type(request.headers(), &[BINARY]).map_err(ApiError::from)?;
        }
        Ok(Self::read(request, state).await.map_err(ApiError::from)?)
    }
}

impl InferenceBody {
    /// As [`FromRequest`], whatever its type.
    pub(crate) async fn read(request: Request, state: &AppState) -> Result<Self, Problem> {
        let headers = request.headers();
        let (json_length, version) = (json_length(headers)?, asked_version(headers)?);
        let accepted = ContentCoding::accepted(headers);
        let coding = ContentCoding::of_body(headers)?;
        let limit = state.options().limits.body;
        let bytes = read(request, state, limit).await?;
        let bytes = match coding {
            None => bytes,
            Some(coding) => {
                let state = state.clone();
                blocking(move || coding.decompress(&bytes, state.bodies(), limit)).await?
            }
        };
        Ok(Self { bytes, json_length, accepted, version })
    }
}

/// A browser names the origin of a page that posts.
pub(crate) fn is_of_a_browser(headers: &HeaderMap) -> bool {
    headers.contains_key(header::ORIGIN) || headers.contains_key("sec-fetch-site")
}

fn json_length(headers: &HeaderMap) -> Result<Option<usize>, Problem> {
    let mut stated = headers.get_all(&JSON_LENGTH).into_iter();
    let length = match (stated.next(), stated.next()) {
        (None, _) => return Ok(None),
        (Some(only), None) => only.to_str().ok().and_then(|text| text.trim().parse().ok()),
        (Some(_), Some(_)) => None,
    };
    length.map(Some).ok_or_else(|| {
        Problem::new(
            Code::RequestInvalid,
            "the header Inference-Header-Content-Length is not one whole number of bytes",
        )
    })
}

/// An answer of the protocol, compressed where its client takes that, with the versions that made it.
pub(crate) async fn respond(body: ResponseBody, answered: AnsweredBy, accepted: Option<ContentCoding>) -> Response {
    let ResponseBody { bytes, json_length } = body;
    let kind = if json_length.is_some() { BINARY } else { "application/json" };
    let mut response = compressed(bytes, accepted).await;
    let headers = response.headers_mut();
    put_route(headers, answered);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    if let Some(length) = json_length {
        headers.insert(JSON_LENGTH, HeaderValue::from(length));
    }
    response
}

async fn compressed(bytes: Vec<u8>, accepted: Option<ContentCoding>) -> Response {
    let Some(coding) = accepted else { return bytes.into_response() };
    let compressed = match bytes.len() <= MAX_INLINE_BYTES {
        true => (coding.compress(&bytes), bytes),
        // A fault while it is compressed is one of memory: then the whole process has ended.
        false => match tokio::task::spawn_blocking(move || (coding.compress(&bytes), bytes)).await {
            Ok(compressed) => compressed,
            Err(_) => return V2Error { status: 500, error: "the request met a fault".to_owned() }.into_response(),
        },
    };
    match compressed {
        (Some(compressed), _) => ([(header::CONTENT_ENCODING, coding.name())], compressed).into_response(),
        (None, bytes) => bytes.into_response(),
    }
}
