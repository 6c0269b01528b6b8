//! Objects by key: what can be done with one.

use std::{sync::Arc, time::Duration};

use futures::StreamExt;
use kilter_domain::time::Timestamp;
use object_store::{
    BackoffConfig, ClientOptions, Error, ObjectMeta, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload,
    RetryConfig,
    aws::{AmazonS3Builder, AmazonS3ConfigKey},
    path::Path,
};
use tokio::runtime::{Builder, Runtime};

use crate::{
    error::{Attempt, ObjectError},
    url::StorageUrl,
};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A request with all its bytes: at most one part of an upload, so 300 kB/s are enough.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);
/// After this long no request is tried again.
const RETRY_TIMEOUT: Duration = Duration::from_secs(20);
const MAX_RETRIES: usize = 5;

/// A bucket of S3 or its kin, below a prefix. Clones share its connections.
#[derive(Clone)]
pub struct ObjectStorage {
    url: Arc<StorageUrl>,
    pub(crate) store: Arc<dyn ObjectStore>,
    runtime: Arc<RequestRuntime>,
}

/// What became of an object that was to be created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Created {
    /// It is there now.
    New,
    /// There was one of this name, and it is untouched.
    Exists,
}

/// What is known of an object without reading it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectFacts {
    /// Its name below the prefix.
    pub key: String,
    /// Its length.
    pub bytes: u64,
    /// When it was written, by the clock of the store.
    pub modified: Timestamp,
    /// Changes when its bytes change.
    pub etag: Option<String>,
    /// Which of its versions this is, where the bucket keeps versions.
    pub version: Option<String>,
}

/// Drives the requests. Dropped in any context, also an async one.
struct RequestRuntime(Option<Runtime>);

impl Drop for RequestRuntime {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

impl ObjectStorage {
    /// A handle to the objects below `url`. Endpoint, region and credentials come from the usual variables (`AWS_ENDPOINT_URL`,
    /// `AWS_REGION`, `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, ...). Nothing is asked of the store yet.
    ///
    /// # Errors
    /// When a variable is wrong, or no thread can be started.
    pub fn open(url: &StorageUrl) -> Result<Self, ObjectError> {
        let text = |text: std::ffi::OsString| text.into_string().ok();
        Self::open_with(url, std::env::vars_os().filter_map(|(name, value)| Some((text(name)?, text(value)?))))
    }

    /// The same with variables that are handed in, by name and value; others than those of S3 are left out.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_with(
        url: &StorageUrl,
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ObjectError> {
        let variables: Vec<_> = variables.into_iter().filter(|(name, _)| name.starts_with("AWS_")).collect();
        let client = ClientOptions::new().with_connect_timeout(CONNECT_TIMEOUT).with_timeout(REQUEST_TIMEOUT);
        let retry = RetryConfig {
            backoff: BackoffConfig { init_backoff: Duration::from_millis(100), ..BackoffConfig::default() },
            max_retries: MAX_RETRIES,
            retry_timeout: RETRY_TIMEOUT,
        };
        let keys = variables.iter().filter_map(|(name, value)| {
            name.to_ascii_lowercase().parse::<AmazonS3ConfigKey>().ok().map(|key| (key, value))
        });
        let builder = keys.fold(AmazonS3Builder::new(), |builder, (key, value)| builder.with_config(key, value));
        let builder = builder.with_client_options(client).with_retry(retry);
        let endpoint = endpoint(&variables);
        let is_plain = endpoint.is_some_and(|endpoint| endpoint.starts_with("http://"));
        let settings = |reason: String| ObjectError::Settings { storage: url.to_string(), reason };
        if is_plain && !may_be_plain(&variables) {
            return Err(settings(
                "AWS_ENDPOINT_URL begins with http://, which sends all bytes without encryption; write https://, or set \
                 AWS_ALLOW_HTTP=true if you trust the network"
                    .to_owned(),
            ));
        }
        let builder = builder.with_allow_http(is_plain).with_bucket_name(url.bucket());
        let store = builder.build().map_err(|error| settings(error.to_string()))?;
        Self::with_store(url, Arc::new(store))
    }

    fn with_store(url: &StorageUrl, store: Arc<dyn ObjectStore>) -> Result<Self, ObjectError> {
        let runtime = Builder::new_multi_thread().worker_threads(1).thread_name("object-store").enable_all().build();
        let runtime = RequestRuntime(Some(runtime.map_err(|_| ObjectError::Closed)?));
        Ok(Self { url: Arc::new(url.clone()), store, runtime: Arc::new(runtime) })
    }

    /// Where the objects lie.
    pub fn url(&self) -> &StorageUrl {
        &self.url
    }

    /// Whether the bucket is there and may be read.
    ///
    /// # Errors
    /// When it is not, may not be read, or does not answer.
    pub fn check(&self) -> Result<(), ObjectError> {
        let store = self.store.clone();
        let prefix = self.url.prefix().to_owned();
        let found = self.wait(async move {
            let prefix = (!prefix.is_empty()).then(|| Path::from(prefix));
            store.list(prefix.as_ref()).next().await.transpose().map(drop)
        })?;
        found.map_err(|error| self.attempt("list", "objects").failed(&error))
    }

    /// Writes an object unless there is one of this name.
    ///
    /// # Errors
    /// When the store refuses, fails or does not answer.
    pub fn create(&self, key: &str, bytes: Vec<u8>) -> Result<Created, ObjectError> {
        let mode = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        match self.put_with(key, bytes, mode)? {
            Ok(()) => Ok(Created::New),
            Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => Ok(Created::Exists),
            Err(error) => Err(self.attempt("create", key).failed(&error)),
        }
    }

    /// Writes an object, in place of the one of this name.
    ///
    /// # Errors
    /// As [`Self::create`].
    pub fn replace(&self, key: &str, bytes: Vec<u8>) -> Result<(), ObjectError> {
        self.put_with(key, bytes, PutOptions::default())?.map_err(|error| self.attempt("replace", key).failed(&error))
    }

    /// The bytes of an object; `None` where there is none.
    ///
    /// # Errors
    /// When it has more than `limit` bytes; and as [`Self::create`].
    pub fn read(&self, key: &str, limit: u64) -> Result<Option<Vec<u8>>, ObjectError> {
        let (store, location, storage, name) =
            (self.store.clone(), self.location(key)?, self.url.to_string(), key.to_owned());
        let read = self.wait(async move {
            let found = store.get(&location).await?;
            if found.meta.size > limit {
                return Ok(Err(ObjectError::TooLarge { storage, key: name, bytes: found.meta.size, limit }));
            }
            Ok(Ok(found.bytes().await?.to_vec()))
        })?;
        match read {
            Ok(read) => read.map(Some),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.attempt("read", key).failed(&error)),
        }
    }

    /// What is known of an object without reading it; `None` where there is none.
    ///
    /// # Errors
    /// As [`Self::create`].
    pub fn facts(&self, key: &str) -> Result<Option<ObjectFacts>, ObjectError> {
        let (store, location) = (self.store.clone(), self.location(key)?);
        match self.wait(async move { store.head(&location).await })? {
            Ok(found) => Ok(Some(self.facts_of(&found))),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.attempt("look at", key).failed(&error)),
        }
    }

    /// Deletes an object; one that is not there is no error.
    ///
    /// # Errors
    /// As [`Self::create`].
    pub fn delete(&self, key: &str) -> Result<(), ObjectError> {
        let (store, location) = (self.store.clone(), self.location(key)?);
        match self.wait(async move { store.delete(&location).await })? {
            Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.attempt("delete", key).failed(&error)),
        }
    }

    /// All objects whose names begin with `folder` and a slash, in no particular order. Many requests for many objects: for
    /// moves and garbage, never for an answer that somebody waits for.
    ///
    /// # Errors
    /// As [`Self::create`].
    pub fn list(&self, folder: &str) -> Result<Vec<ObjectFacts>, ObjectError> {
        let (store, location) = (self.store.clone(), self.location(folder)?);
        let found = self.wait(async move { store.list(Some(&location)).collect::<Vec<_>>().await })?;
        let facts = found.into_iter().map(|found| found.map(|found| self.facts_of(&found)));
        facts.collect::<Result<_, _>>().map_err(|error| self.attempt("list", folder).failed(&error))
    }

    fn put_with(&self, key: &str, bytes: Vec<u8>, options: PutOptions) -> Result<Result<(), Error>, ObjectError> {
        let (store, location) = (self.store.clone(), self.location(key)?);
        self.wait(async move { store.put_opts(&location, PutPayload::from(bytes), options).await.map(drop) })
    }

    fn facts_of(&self, found: &ObjectMeta) -> ObjectFacts {
        let key = found.location.as_ref();
        let key = key.strip_prefix(self.url.prefix()).unwrap_or(key).trim_start_matches('/');
        ObjectFacts {
            key: key.to_owned(),
            bytes: found.size,
            modified: Timestamp(found.last_modified.timestamp_millis()),
            etag: found.e_tag.clone(),
            version: found.version.clone(),
        }
    }

    pub(crate) fn location(&self, key: &str) -> Result<Path, ObjectError> {
        self.url.location(key).map_err(|error| ObjectError::Key { key: key.to_owned(), reason: error.to_string() })
    }

    pub(crate) fn attempt(&self, attempted: &'static str, key: &str) -> Attempt {
        Attempt { storage: self.url.to_string(), attempted, key: key.to_owned() }
    }

    /// What a request answers; the calling thread waits, the runtime works.
    pub(crate) fn wait<T: Send + 'static>(
        &self,
        request: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, ObjectError> {
        let runtime = self.runtime.0.as_ref().ok_or(ObjectError::Closed)?;
        let (answer, answered) = std::sync::mpsc::sync_channel(1);
        runtime.spawn(async move { answer.send(request.await) });
        answered.recv().map_err(|_| ObjectError::Closed)
    }
}

/// The endpoint that the environment names.
fn endpoint(variables: &[(String, String)]) -> Option<&str> {
    let names = ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"];
    names.iter().find_map(|name| variable(variables, name))
}

fn variable<'a>(variables: &'a [(String, String)], name: &str) -> Option<&'a str> {
    variables.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
}

/// Whether bytes may be sent without encryption: to this machine, or where somebody said so.
fn may_be_plain(variables: &[(String, String)]) -> bool {
    let says_so =
        variable(variables, "AWS_ALLOW_HTTP").is_some_and(|value| value.eq_ignore_ascii_case("true") || value == "1");
    let is_here = |endpoint: &str| {
        let host = endpoint.trim_start_matches("http://").to_owned();
        ["127.0.0.1", "localhost", "[::1]"]
            .iter()
            .any(|here| host.strip_prefix(here).is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '/'])))
    };
    says_so || endpoint(variables).is_some_and(is_here)
}
