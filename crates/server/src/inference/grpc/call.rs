//! Around every call: its id, where it may come from, who asks, how long it may take, its line in the log, its count, and a net
//! under bugs.

use std::{
    any::Any,
    pin::Pin,
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use axum::{
    body::{Body, Bytes, HttpBody},
    extract::{FromRequestParts, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use hyper::body::Frame;
use kilter_api::{Code, Problem};
use tonic::Status;
use tower::ServiceExt;
use tower_http::catch_panic::CatchPanic;

use crate::{
    caller::Caller,
    grpc_counts::{CallType, HEALTH, INFERENCE, Method},
    inference::{
        grpc::{
            message_body::{MessageBody, MessageBounds, Places},
            rights::Identified,
            status,
        },
        route::ROUTE,
    },
    net::{hosts::AllowedHosts, redact, request_id},
    state::AppState,
    traces::{self, KeyValue, RequestTrace},
};

const CONTENT_TYPE: &str = "application/grpc";
const ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");
const ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");
const TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");
/// The largest message of a method that is not sent tensors.
const MAX_SHORT_MESSAGE: usize = 256 << 10;

/// When the client stops waiting, where it says so.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Deadline(Option<tokio::time::Instant>);

impl Deadline {
    /// Returns at the deadline; never where there is none.
    pub(super) async fn wait(self) {
        match self.0 {
            Some(deadline) => tokio::time::sleep_until(deadline).await,
            None => std::future::pending().await,
        }
    }
}

/// Runs a call within its bounds, and writes one line about it when its last byte is answered.
pub(super) async fn run(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let method = Method::of_path(request.uri().path());
    let trace = state.traces().begin(request.headers(), || described(method));
    let id = request_id::of(request.headers(), trace.as_ref());
    let (began, route, has_ended) = (Instant::now(), None, false);
    let mut call = Call { state: state.clone(), method, id: id.clone(), began, route, trace, has_ended };
    let mut response = match prepare(&state, method, request).await {
        Ok((mut request, limit)) => {
            request.extensions_mut().insert(CallTrace(call.trace.clone()));
            traces::within(call.trace.as_ref(), within_time(method, request, limit, next)).await
        }
        Err(RejectedCall::Status(status)) => status.into_http(),
        Err(RejectedCall::Http(response)) => {
            call.end(tonic::Code::InvalidArgument as i32);
            return response;
        }
    };
    call.route = response.headers().get(&ROUTE).cloned();
    // A failure without a message before it stands in the headers.
    if let Some(status) = Status::from_header_map(response.headers()) {
        call.end(status.code() as i32);
        if let Some(message) = redact::shorten(status.message(), &state.options().data) {
            tracing::error!(failure = status.message(), "a call failed on a file of the server");
            response = Status::with_metadata(status.code(), message, status.metadata().clone()).into_http();
        }
    }
    let headers = response.headers_mut();
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity,gzip"));
    headers.insert(request_id::HEADER, id);
    response.map(|body| Body::new(CountedBody { body, call }))
}

/// The span of a call, for what goes on after the call itself.
#[derive(Clone, Debug, Default)]
pub(super) struct CallTrace(pub(super) Option<RequestTrace>);

/// The name of the span of a call, and what is known when it arrives.
fn described(method: &Method) -> (String, Vec<KeyValue>) {
    let attributes = vec![
        KeyValue::new("rpc.system", "grpc"),
        KeyValue::new("rpc.service", method.service),
        KeyValue::new("rpc.method", method.name),
    ];
    (format!("{}/{}", method.service, method.name), attributes)
}

/// What is answered before a method is called.
enum RejectedCall {
    Status(Status),
    /// Not even gRPC.
    Http(Response),
}

impl From<Status> for RejectedCall {
    fn from(status: Status) -> Self {
        Self::Status(status)
    }
}

/// The request as methods read it, and how long it may take; or why it is refused.
async fn prepare(
    state: &AppState,
    method: &Method,
    request: Request,
) -> Result<(Request, Option<Duration>), RejectedCall> {
    let (mut parts, body) = request.into_parts();
    let stated = parts.headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    if !stated.starts_with(CONTENT_TYPE.as_bytes()) {
        let text = "this port speaks gRPC; REST is on the other one (`kilter server --port`)\n";
        return Err(RejectedCall::Http((StatusCode::UNSUPPORTED_MEDIA_TYPE, text).into_response()));
    }
    check_host(state, &parts.uri, &parts.headers)?;
    if method.is_unknown() {
        let path: String = parts.uri.path().chars().take(100).collect();
        return Err(
            Status::unimplemented(format!("there is no method {path}; reflection lists those that there are")).into()
        );
    }
    let has_gzip = has_gzip(&parts.headers)?;
    // Messages are decompressed before the methods see them.
    parts.headers.remove(ENCODING);
    let timeout = timeout(&parts.headers)?;
    let deadline = timeout.and_then(|timeout| tokio::time::Instant::now().checked_add(timeout));
    parts.extensions.insert(Deadline(deadline));
    let is_open = method.service == INFERENCE && ["ServerLive", "ServerReady"].contains(&method.name);
    if method.service == HEALTH || method.service == INFERENCE && !is_open {
        let caller = Caller::from_request_parts(&mut parts, state).await;
        parts.extensions.insert(Identified(caller.map_err(|refused| refused.0)));
    }
    let places = Places::default();
    parts.extensions.insert(places.clone());
    let has_tensors = ["ModelInfer", "ModelStreamInfer"].contains(&method.name);
    let bounds = MessageBounds {
        limit: if has_tensors { state.options().limits.body } else { MAX_SHORT_MESSAGE },
        has_gzip,
        needs_message: method.call_type != CallType::BidiStream,
    };
    let body = Body::new(MessageBody::new(body, state.bodies().clone(), places, bounds));
    let limit = (method.call_type == CallType::Unary)
        .then(|| state.options().limits.request.min(timeout.unwrap_or(Duration::MAX)));
    Ok((Request::from_parts(parts, body), limit))
}

/// Refuses a request that names a host which is not ours, or that a page of the web sent.
fn check_host(state: &AppState, uri: &axum::http::Uri, headers: &HeaderMap) -> Result<(), Status> {
    let options = state.options();
    let hosts = AllowedHosts { bound: options.host, listed: &options.allowed_hosts };
    let named = uri.authority().map(|authority| authority.as_str());
    let named = named.or_else(|| headers.get(header::HOST).and_then(|host| host.to_str().ok()));
    let asked = named
        .unwrap_or_default()
        .parse()
        .map_err(|error| status::of_problem(&Problem::of(Code::RequestInvalid, &error)))?;
    if !hosts.admit(&asked) {
        let detail = format!("this server does not accept the host `{asked}`");
        let hint = format!("if callers reach it by that name, start it with `--allowed-host {asked}`");
        return Err(status::of_problem(&Problem::new(Code::HostRefused, detail).hint(hint)));
    }
    if headers.contains_key(header::ORIGIN) {
        let detail = "a page of the web sent the request, and none calls this server";
        return Err(status::of_problem(&Problem::new(Code::CrossSiteRefused, detail)));
    }
    Ok(())
}

/// Whether messages may be compressed.
fn has_gzip(headers: &HeaderMap) -> Result<bool, Status> {
    match headers.get(ENCODING).map(HeaderValue::as_bytes) {
        None | Some(b"identity") => Ok(false),
        Some(b"gzip") => Ok(true),
        Some(other) => {
            let other: String = String::from_utf8_lossy(other).chars().take(30).collect();
            Err(Status::unimplemented(format!("messages are compressed with `{other}`; known are identity and gzip")))
        }
    }
}

/// How long the client waits: at most 8 digits and a unit.
fn timeout(headers: &HeaderMap) -> Result<Option<Duration>, Status> {
    let Some(stated) = headers.get(TIMEOUT) else { return Ok(None) };
    let read = || {
        let text = stated.to_str().ok()?;
        let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
        let is_number = (1..=8).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit());
        let number: u64 = if is_number { number.parse().ok()? } else { return None };
        Some(match unit {
            "H" => Duration::from_secs(number * 3_600),
            "M" => Duration::from_secs(number * 60),
            "S" => Duration::from_secs(number),
            "m" => Duration::from_millis(number),
            "u" => Duration::from_micros(number),
            "n" => Duration::from_nanos(number),
            _ => return None,
        })
    };
    read()
        .map(Some)
        .ok_or_else(|| Status::invalid_argument("`grpc-timeout` is not 1 to 8 digits and one of H M S m u n"))
}

/// Answers the call, or says that it took too long.
async fn within_time(method: &Method, request: Request, limit: Option<Duration>, next: Next) -> Response {
    let answered = CatchPanic::custom(next, fault).oneshot(request);
    let answered = match limit {
        None => Ok(answered.await),
        Some(limit) => tokio::time::timeout(limit, answered).await,
    };
    match answered {
        Ok(Ok(response)) => response.map(Body::new),
        Ok(Err(never)) => match never {},
        Err(_) => status::too_late(method.name).into_http(),
    }
}

/// A bug, as an answer. What it said goes to the log, not to the client.
fn fault(panic: Box<dyn Any + Send>) -> axum::http::Response<tonic::body::Body> {
    let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
    tracing::error!(fault = text.unwrap_or("unknown"), "a handler panicked");
    Status::internal("the request met a fault").into_http()
}

/// A call that is not over.
struct Call {
    state: AppState,
    method: &'static Method,
    id: HeaderValue,
    began: Instant,
    trace: Option<RequestTrace>,
    /// The roles of the versions that answered.
    route: Option<HeaderValue>,
    has_ended: bool,
}

impl Call {
    /// Counts the call and writes its line.
    fn end(&mut self, code: i32) {
        if std::mem::replace(&mut self.has_ended, true) {
            return;
        }
        let Self { state, method, id, began, route, trace, .. } = self;
        let trace_id = trace.as_ref().map(RequestTrace::id);
        state.grpc_counts().count(method, code);
        if code != 0 && method.service == INFERENCE {
            state.signals().fail_request();
        }
        let (service, name, took_us) = (method.service, method.name, began.elapsed().as_micros());
        let code_name = tonic::Code::from(code);
        if let Some(trace) = trace {
            trace.set(KeyValue::new("rpc.grpc.status_code", i64::from(code)));
            trace.end(is_fault(code_name).then(|| format!("{code_name:?}")));
        }
        match code_name {
            tonic::Code::Internal | tonic::Code::Unknown | tonic::Code::DataLoss => {
                tracing::error!(service, method = name, code, took_us, request_id = ?id, trace_id, "answered");
            }
            _ => {
                let route = route.as_ref().and_then(|route| route.to_str().ok());
                tracing::debug!(service, method = name, code, took_us, route, request_id = ?id, trace_id, "answered");
            }
        }
    }
}

/// Whether a call that ended so failed by the server, as the semantic conventions draw the line.
const fn is_fault(code: tonic::Code) -> bool {
    use tonic::Code::{DataLoss, DeadlineExceeded, Internal, Unavailable, Unimplemented, Unknown};
    matches!(code, Unknown | DeadlineExceeded | Unimplemented | Internal | Unavailable | DataLoss)
}

impl Drop for Call {
    /// Nobody waited for the end.
    fn drop(&mut self) {
        self.end(tonic::Code::Cancelled as i32);
    }
}

/// The body of an answer. When it has been sent, the call is over.
struct CountedBody {
    body: Body,
    call: Call,
}

impl HttpBody for CountedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = self.get_mut();
        let frame = ready!(Pin::new(&mut this.body).poll_frame(context));
        match &frame {
            Some(Ok(frame)) => {
                if let Some(status) = frame.trailers_ref().and_then(Status::from_header_map) {
                    this.call.end(status.code() as i32);
                }
            }
            Some(Err(_)) => this.call.end(tonic::Code::Internal as i32),
            None => this.call.end(tonic::Code::Unknown as i32),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }
}
