//! The platform that things are brought to or taken from: its API, in this process or of its server.

use std::{
    io::{self, Read},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    thread,
};

use hyper::body::{Body, Frame};
use kilter_api::{Code, ImportFinished, ImportRecords, Problem};
use kilter_client::{Bytes, Client, Response, StreamBody, stream_body};
use kilter_domain::{
    tracking::ExperimentId,
    transfer::{LoggedModelRecord, Record},
};
use reqwest::Method;
use tokio::{runtime::Runtime, sync::mpsc};

use crate::{
    TransferError,
    http::Transport,
    report::Report,
    rest::{RestSource, proxied, proxy_path},
    source::{Owner, Source, SourceRun},
    target::Target,
};

/// Where the platform keeps artifacts.
const OWN_ARTIFACTS: &str = "mlflow-artifacts:/";
/// Bytes that are read from a file at once.
const CHUNK_BYTES: usize = 256 << 10;
/// Chunks that wait between a file and the network.
const CHUNKS: usize = 4;

/// The platform, as whoever copies needs it.
pub struct Platform {
    api: Arc<Api>,
    source: RestSource<PlatformTransport>,
}

struct Api {
    client: Client,
    runtime: Runtime,
}

/// MLflow's API of the platform.
pub(crate) struct PlatformTransport(Arc<Api>);

impl Platform {
    /// The platform that a client reaches, on a runtime with a thread of its own.
    pub fn new(client: Client, runtime: Runtime) -> Self {
        let api = Arc::new(Api { client, runtime });
        Self { source: RestSource::new(PlatformTransport(Arc::clone(&api))), api }
    }
}

impl Target for Platform {
    fn source(&self) -> &dyn Source {
        &self.source
    }

    fn run(&self, _: ExperimentId, id: &str) -> Result<Option<SourceRun>, TransferError> {
        self.source.run(id)
    }

    fn logged_model(&self, want: &LoggedModelRecord) -> Result<Option<LoggedModelRecord>, TransferError> {
        self.source.logged_model(&want.id)
    }

    fn bring(&self, records: Vec<Record>) -> Result<(), TransferError> {
        let body = ImportRecords { records };
        self.api.runtime.block_on(self.api.client.import_records(&body))?;
        Ok(())
    }

    fn location(&self, experiment: ExperimentId) -> String {
        format!("{OWN_ARTIFACTS}{experiment}")
    }

    fn has_files_of(&self, uri: &str) -> bool {
        proxied(uri).is_some()
    }

    fn put_file(&self, owner: &Owner, path: &str, reader: Box<dyn Read + Send>) -> Result<(), TransferError> {
        let address = address(owner, path);
        let (send, receive) = mpsc::channel(CHUNKS);
        // A thread of its own: the reader may wait for another server.
        let reading = thread::spawn(move || pass_on(reader, &send));
        let stored: Result<(), Problem> = self.api.runtime.block_on(async {
            let response = self.api.client.artifact(Method::PUT, &address, stream_body(Chunks(receive))).await?;
            check(&address, response).await.map(drop)
        });
        let read = reading.join().unwrap_or_else(|_| Err(io::Error::other("reading it met a fault")));
        // Why the source gave no more is the better reason.
        read.map_err(|error| TransferError::unreadable(format!("`{path}` of {}", owner.shown()), error))?;
        Ok(stored?)
    }

    fn digest_of_file(&self, owner: &Owner, path: &str) -> Result<Option<String>, TransferError> {
        let address = address(owner, path);
        let answered: Result<_, Problem> = self.api.runtime.block_on(async {
            let response = self.api.client.artifact(Method::HEAD, &address, stream_body(String::new())).await?;
            if response.status().as_u16() == 404 {
                return Ok(None);
            }
            let response = check(&address, response).await?;
            let tag = response.headers().get("etag").and_then(|tag| tag.to_str().ok());
            Ok(tag.map(|tag| tag.trim_matches('"').to_owned()))
        });
        Ok(answered?)
    }

    fn finish(&self, source: &str, report: &Report) -> Result<(), TransferError> {
        let finished = ImportFinished { source: source.to_owned(), counts: report.counts() };
        self.api.runtime.block_on(self.api.client.finish_import(&finished))?;
        Ok(())
    }
}

/// Where the file of an owner lies in the API.
fn address(owner: &Owner, path: &str) -> String {
    let root = proxied(&owner.uri).unwrap_or_default();
    proxy_path(&format!("{root}/{path}"))
}

/// An answer that is a success; else why not.
async fn check(path: &str, response: Response<StreamBody>) -> Result<Response<StreamBody>, Problem> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    Err(Problem::new(Code::RequestInvalid, format!("the server refuses {path} (status {})", status.as_u16())))
}

fn pass_on(mut reader: impl Read, send: &mpsc::Sender<io::Result<Bytes>>) -> io::Result<()> {
    loop {
        let mut chunk = vec![0; CHUNK_BYTES];
        match reader.read(&mut chunk) {
            Ok(0) => return Ok(()),
            Ok(count) => {
                chunk.truncate(count);
                if send.blocking_send(Ok(chunk.into())).is_err() {
                    // Whoever takes it has given up, and says why.
                    return Ok(());
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => {
                let said = io::Error::new(error.kind(), error.to_string());
                // Half a file is no file: the request fails.
                let _ = send.blocking_send(Err(said));
                return Err(error);
            }
        }
    }
}

/// A body that another thread reads.
struct Chunks(mpsc::Receiver<io::Result<Bytes>>);

impl Body for Chunks {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        self.0.poll_recv(context).map(|chunk| chunk.map(|chunk| chunk.map(Frame::data)))
    }
}

/// The body of an answer as it comes.
struct Answer {
    body: StreamBody,
    rest: Bytes,
    api: Arc<Api>,
}

impl Read for Answer {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.rest.is_empty() {
            let body = &mut self.body;
            let frame =
                self.api.runtime.block_on(std::future::poll_fn(|context| Pin::new(&mut *body).poll_frame(context)));
            match frame {
                None => return Ok(0),
                Some(frame) => self.rest = frame.map_err(io::Error::other)?.into_data().unwrap_or_default(),
            }
        }
        let count = self.rest.len().min(into.len());
        into[..count].copy_from_slice(&self.rest.split_to(count));
        Ok(count)
    }
}

impl Transport for PlatformTransport {
    fn name(&self) -> String {
        "the platform".to_owned()
    }

    fn call(&self, method: Method, path: &str, body: Option<Vec<u8>>) -> Result<Option<Vec<u8>>, TransferError> {
        let body = body.map(Bytes::from).unwrap_or_default();
        let (status, answer) = self.0.runtime.block_on(self.0.client.mlflow(method, path, body))?;
        match status {
            200 => Ok(Some(answer.to_vec())),
            404 => Ok(None),
            _ => Err(TransferError::Refused {
                address: self.name(),
                what: path.split('?').next().unwrap_or(path).to_owned(),
                status,
                message: String::from_utf8_lossy(&answer).chars().take(300).collect(),
            }),
        }
    }

    fn download(&self, path: &str) -> Result<Box<dyn Read + Send>, TransferError> {
        let answered: Result<_, Problem> = self.0.runtime.block_on(async {
            let response = self.0.client.artifact(Method::GET, path, stream_body(String::new())).await?;
            check(path, response).await
        });
        Ok(Box::new(Answer { body: answered?.into_body(), rest: Bytes::new(), api: Arc::clone(&self.0) }))
    }
}
