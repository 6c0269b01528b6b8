//! `artifacts/list`, and the proxy of artifacts: files come and go as streams, of any size, and are never in memory as a whole.

use std::{
    io::{self, Read},
    ops::Range,
    time::Duration,
};

use axum::{
    body::{Body as Stream, Bytes},
    extract::{RawPathParams, Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use futures::StreamExt;
use kilter_app::{
    App, RequestContext,
    tracking::{self, ArtifactEntry, ArtifactFile},
};
use serde::Serialize;
use tokio::{sync::mpsc, time::timeout};

use super::{body::Body, message::Message};
use crate::{
    caller::Caller,
    error::{ApiError, MlflowError},
    net::file_body::file_body,
    state::{AppState, blocking_with},
};

/// Chunks that wait between network and disk.
const CHUNKS: usize = 4;
/// How long a transfer may stand still.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Serialize)]
struct Listed<'r> {
    #[serde(skip_serializing_if = "Option::is_none")]
    root_uri: Option<&'r str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    files: Vec<FileInfo>,
}

#[derive(Serialize)]
struct FileInfo {
    path: String,
    is_dir: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    file_size: Option<u64>,
}

/// `artifacts/list`: paths are below the root of the run.
pub(super) fn list_of_run(app: &App, context: &RequestContext, message: &Message) -> Result<Body, MlflowError> {
    let run = tracking::get_run(app, context, message.run_id()?)?.run;
    list_below(app, context, &run.artifact_uri, message.text("path")?.unwrap_or_default())
}

/// `logged-models/{id}/artifacts/directories`: paths are below the root of the model.
pub(super) fn list_of_model(app: &App, context: &RequestContext, message: &Message) -> Result<Body, MlflowError> {
    let model = tracking::get_logged_model(app, context, message.required("model_id")?, false)?;
    list_below(app, context, &model.artifact_uri, message.text("artifact_directory_path")?.unwrap_or_default())
}

fn list_below(app: &App, context: &RequestContext, uri: &str, asked: &str) -> Result<Body, MlflowError> {
    let asked = checked_path(asked, "path")?;
    let Some(root) = tracking::own_folder(uri) else {
        return Err(kept_elsewhere(uri));
    };
    let entries = tracking::list_artifacts(app, context, &join(root, &asked))?;
    let below_root = |entry: ArtifactEntry| info(entry, root.len() + 1);
    Body::of(&Listed { root_uri: Some(uri), files: entries.into_iter().map(below_root).collect() })
}

/// Why there is nothing to answer with where clients read and write the files themselves.
pub(super) fn kept_elsewhere(uri: &str) -> MlflowError {
    MlflowError::invalid(format!("the artifacts lie at {uri}, which this server does not keep"))
}

/// `mlflow-artifacts/artifacts?path=`: paths are below the path that is asked for.
pub(super) fn list(app: &App, context: &RequestContext, message: &Message) -> Result<Body, MlflowError> {
    let folder = checked_path(message.text("path")?.unwrap_or_default(), "path")?;
    let entries = tracking::list_artifacts(app, context, &folder)?;
    let skip = if folder.is_empty() { 0 } else { folder.len() + 1 };
    Body::of(&Listed { root_uri: None, files: entries.into_iter().map(|entry| info(entry, skip)).collect() })
}

fn info(entry: ArtifactEntry, skip: usize) -> FileInfo {
    FileInfo { path: entry.path[skip..].to_owned(), is_dir: entry.bytes.is_none(), file_size: entry.bytes }
}

fn join(root: &str, path: &str) -> String {
    if path.is_empty() { root.to_owned() } else { format!("{root}/{path}") }
}

/// A path below a root, without a `/` at its ends; nothing that leaves it, whatever it is escaped with.
pub(super) fn checked_path(path: &str, name: &str) -> Result<String, MlflowError> {
    let invalid =
        || MlflowError::invalid(format!("Invalid path '{}' for '{name}'", path.chars().take(200).collect::<String>()));
    // Clients escape once more than HTTP does; what is hidden twice is looked at too.
    let mut read = path.to_owned();
    for _ in 0..3 {
        let next = percent_encoding::percent_decode_str(&read).decode_utf8().map_err(|_| invalid())?.into_owned();
        if next == read {
            break;
        }
        read = next;
    }
    // A drive of Windows is where a client on such a machine would write.
    let is_drive = |path: &str| matches!(path.as_bytes(), [letter, b':', ..] if letter.is_ascii_alphabetic());
    let leaves = |path: &str| {
        path.contains(['\\', '#'])
            || path.contains(char::is_control)
            || path.starts_with('/')
            || is_drive(path)
            || path.split('/').any(|part| part == "..")
            || path.contains("://")
    };
    if leaves(&read) || leaves(path) {
        return Err(invalid());
    }
    let parts: Vec<&str> = path.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    Ok(parts.join("/"))
}

fn path_of(params: &RawPathParams) -> Result<String, MlflowError> {
    let path = params.iter().find(|(name, _)| *name == "path").map_or("", |(_, value)| value);
    let path = checked_path(path, "artifact_path")?;
    if path.is_empty() { Err(MlflowError::missing("artifact_path")) } else { Ok(path) }
}

/// `PUT`: keeps the body as the artifact at the path.
pub(super) async fn upload(
    caller: Result<Caller, ApiError>,
    State(state): State<AppState>,
    params: RawPathParams,
    request: Request,
) -> Result<Body, MlflowError> {
    let path = path_of(&params)?;
    let (app, context) = (state.app(), caller?.context(&state));
    let (send, receive) = mpsc::channel(CHUNKS);
    let kept = blocking_with(
        move || Ok(tracking::put_artifact(&app, &context, &path, &mut Received { receive, rest: Bytes::new() })?),
        || MlflowError::internal("the request met a fault"),
    );
    let (kept, ()) = tokio::join!(kept, pass_on(request.into_body(), send));
    kept.map(|()| Body::empty())
}

/// Hands the chunks of a body to whoever writes them, until the end, an error, or nobody takes them any more.
async fn pass_on(body: Stream, send: mpsc::Sender<io::Result<Bytes>>) {
    let mut chunks = body.into_data_stream();
    loop {
        let chunk = match timeout(PATIENCE, chunks.next()).await {
            Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "the client sends nothing more")),
            Ok(None) => return,
            Ok(Some(chunk)) => chunk.map_err(io::Error::other),
        };
        let is_end = chunk.is_err();
        if send.send(chunk).await.is_err() || is_end {
            return;
        }
    }
}

/// A body as it comes.
struct Received {
    receive: mpsc::Receiver<io::Result<Bytes>>,
    rest: Bytes,
}

impl Read for Received {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.rest.is_empty() {
            match self.receive.blocking_recv() {
                None => return Ok(0),
                Some(chunk) => self.rest = chunk?,
            }
        }
        let count = self.rest.len().min(into.len());
        into[..count].copy_from_slice(&self.rest.split_to(count));
        Ok(count)
    }
}

/// `GET`: the file, or the part of it that `Range` asks for.
pub(super) async fn download(
    caller: Result<Caller, ApiError>,
    State(state): State<AppState>,
    params: RawPathParams,
    headers: HeaderMap,
) -> Result<Response, MlflowError> {
    send(caller?, state, headers, path_of(&params)?).await
}

/// The file at a path below the root of all artifacts, or the part of it that `Range` asks for.
pub(super) async fn send(
    caller: Caller,
    state: AppState,
    headers: HeaderMap,
    path: String,
) -> Result<Response, MlflowError> {
    let name = path.rsplit('/').next().unwrap_or_default().to_owned();
    let (app, context) = (state.app(), caller.context(&state));
    let fault = || MlflowError::internal("the request met a fault");
    let opened = blocking_with(move || Ok(tracking::open_artifact(&app, &context, &path)?), fault).await?;
    let bytes = opened.bytes;
    let range = match headers.get(header::RANGE).and_then(|range| range.to_str().ok()).map(|range| part(range, bytes)) {
        None | Some(Wanted::Whole) => None,
        Some(Wanted::Part(range)) => Some(range),
        Some(Wanted::Nothing) => {
            let all =
                HeaderValue::from_str(&format!("bytes */{bytes}")).unwrap_or(HeaderValue::from_static("bytes */*"));
            return Ok((StatusCode::RANGE_NOT_SATISFIABLE, [(header::CONTENT_RANGE, all)]).into_response());
        }
    };
    Ok(answer(opened, range, &name))
}

fn answer(opened: ArtifactFile, range: Option<Range<u64>>, name: &str) -> Response {
    let (bytes, digest) = (opened.bytes, opened.digest);
    let part = range.clone().unwrap_or(0..bytes);
    let length = part.end - part.start;
    let mut response = Response::new(read_out(opened, part.clone(), PATIENCE));
    let headers = response.headers_mut();
    let mut set = |name, value: String| drop(HeaderValue::from_str(&value).map(|value| headers.insert(name, value)));
    set(header::CONTENT_LENGTH, length.to_string());
    set(header::CONTENT_TYPE, "application/octet-stream".to_owned());
    set(header::ACCEPT_RANGES, "bytes".to_owned());
    set(header::ETAG, format!("\"{digest}\""));
    let plain: String =
        name.chars().map(|c| if c.is_ascii_graphic() && !"\"\\;%".contains(c) { c } else { '_' }).collect();
    let escaped = percent_encoding::utf8_percent_encode(name, percent_encoding::NON_ALPHANUMERIC);
    set(header::CONTENT_DISPOSITION, format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{escaped}"));
    if range.is_some() {
        set(header::CONTENT_RANGE, format!("bytes {}-{}/{bytes}", part.start, part.end - 1));
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    }
    response
}

/// The bytes of a part of a file, read as fast as they are taken. Whoever takes none for a while gets no more.
fn read_out(mut opened: ArtifactFile, part: Range<u64>, patience: Duration) -> Stream {
    let length = part.end - part.start;
    let begin = move || {
        opened.seek(part.start)?;
        Ok(opened.file)
    };
    file_body(begin, length, patience)
}

/// What a `Range` asks for.
#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    /// Something that is not one range of bytes: all of it is answered (RFC 9110, 14.2).
    Whole,
    /// This part.
    Part(Range<u64>),
    /// A part that the file does not have.
    Nothing,
}

fn part(range: &str, bytes: u64) -> Wanted {
    let Some((first, last)) = range.strip_prefix("bytes=").and_then(|range| range.trim().split_once('-')) else {
        return Wanted::Whole;
    };
    let found = match (first.parse::<u64>(), last.parse::<u64>()) {
        (Ok(first), Ok(last)) if first <= last => first..last.saturating_add(1).min(bytes),
        (Ok(first), Err(_)) if last.is_empty() => first..bytes,
        (Err(_), Ok(last)) if first.is_empty() => bytes.saturating_sub(last)..bytes,
        _ => return Wanted::Whole,
    };
    if found.is_empty() { Wanted::Nothing } else { Wanted::Part(found) }
}

/// `DELETE`: the file at the path, or all below it.
pub(super) async fn delete(
    caller: Result<Caller, ApiError>,
    State(state): State<AppState>,
    params: RawPathParams,
) -> Result<Body, MlflowError> {
    let path = path_of(&params)?;
    let (app, context) = (state.app(), caller?.context(&state));
    let fault = || MlflowError::internal("the request met a fault");
    blocking_with(move || Ok(tracking::delete_artifacts(&app, &context, &path)?), fault).await?;
    Ok(Body::empty())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_path_stays_below_its_root() {
        for (path, read) in
            [("a/b", "a/b"), ("a//b/", "a/b"), ("./a", "a"), ("", ""), ("a b/é%20", "a b/é%20"), ("..a/b..", "..a/b..")]
        {
            assert_eq!(checked_path(path, "path").unwrap(), read);
        }
        for path in [
            "..",
            "../a",
            "a/../b",
            "/etc/passwd",
            "a\\b",
            "%2e%2e/a",
            "a/%252e%252e/b",
            "%2Fetc",
            "file:///etc",
            "a\0b",
            "a\nb",
            "a#b",
            "C:/x",
            "c%3A/x",
        ] {
            assert!(checked_path(path, "path").is_err(), "{path}");
        }
    }

    #[test]
    fn a_range_is_read_as_http_has_it() {
        assert_eq!(part("bytes=0-3", 10), Wanted::Part(0..4));
        assert_eq!(part("bytes=4-", 10), Wanted::Part(4..10));
        assert_eq!(part("bytes=-3", 10), Wanted::Part(7..10));
        assert_eq!(part("bytes=5-100", 10), Wanted::Part(5..10));
        assert_eq!(
            (part("bytes=10-", 10), part("bytes=-0", 10), part("bytes=0-", 0)),
            (Wanted::Nothing, Wanted::Nothing, Wanted::Nothing)
        );
        assert_eq!(
            (part("bytes=3-1", 10), part("lines=1-2", 10), part("bytes=0-1,3-4", 10)),
            (Wanted::Whole, Wanted::Whole, Wanted::Whole)
        );
    }

    proptest! {
        #[test]
        fn no_path_leaves_and_no_range_goes_beyond(path in ".{0,40}", range in "bytes=[0-9]{0,4}-[0-9]{0,4}", bytes in 0_u64..2000) {
            if let Ok(read) = checked_path(&path, "path") {
                prop_assert!(read.split('/').all(|part| part != ".."));
                prop_assert!(!read.starts_with('/'));
            }
            if let Wanted::Part(found) = part(&range, bytes) {
                prop_assert!(found.start < found.end && found.end <= bytes);
            }
        }
    }
}
