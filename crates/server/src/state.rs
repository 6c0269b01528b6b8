//! What every handler shares.

use std::{
    net::SocketAddr,
    sync::{Arc, OnceLock},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use kilter_api::{self as api, Check, Code, Problem, Readiness, Token};
use kilter_app::{
    App, AppOptions, RecordAck, data_folder, deployment, identity,
    replicas::{self, LeaseFault},
    replication::Replica,
    runs,
};
use kilter_domain::time::Timestamp;
use kilter_serving::{AppendListener, Durability, LogOptions};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use crate::{
    disk_use::DiskUseCache,
    grpc_counts::GrpcCounts,
    net::{body_pool::BodyPool, token::random_token},
    openid::provider::Provider,
    options::ServerOptions,
    server_error::ServerError,
    signals::Signals,
    tasks::{BackgroundTasks, Importance},
    traces::Traces,
};

/// Those who follow runs at the same time, at most: each looks twice a second.
const MAX_FOLLOWERS: usize = 64;

/// The platform as the handlers see it. Cloning is cheap.
#[derive(Clone)]
pub struct AppState(Arc<Inner>);

struct Inner {
    options: ServerOptions,
    app: App,
    provider: Option<Provider>,
    bodies: BodyPool,
    background: BackgroundTasks,
    began: Instant,
    signals: Arc<Signals>,
    disk_use: DiskUseCache,
    grpc_counts: GrpcCounts,
    traces: Traces,
    grpc_address: OnceLock<SocketAddr>,
    /// Places of those who follow runs.
    followers: Arc<Semaphore>,
    /// Whoever can read the data folder finds it there, and may name folders of this machine.
    folder_key: Token,
    /// The replica that it is, and the server that it follows.
    replica: OnceLock<(Arc<Replica>, String)>,
    /// Whether nobody may act, and nothing goes on by itself.
    paused: watch::Sender<bool>,
}

impl AppState {
    /// Opens what the options name.
    ///
    /// # Errors
    /// When the data folder cannot be used.
    pub fn open(options: ServerOptions) -> Result<Self, ServerError> {
        let tool = std::env::current_exe().map_err(ServerError::Program)?;
        let (database, storage) = (options.database.clone(), options.storage.clone());
        let signals = Arc::new(Signals::default());
        let recorded = signals.clone();
        let on_append = Some(AppendListener::new(move || recorded.record()));
        let durability = match options.record_ack {
            RecordAck::Memory => Durability::Buffered,
            RecordAck::Disk | RecordAck::Storage => Durability::Durable,
        };
        let recording = LogOptions { on_append, durability, ..LogOptions::default() };
        let app_options = AppOptions {
            recording,
            column_stats: true,
            database,
            storage,
            artifacts: options.artifacts.clone(),
            artifact_root: options.artifact_root.clone(),
            record_ack: options.record_ack,
            keys: options.keys.clone(),
            publish: options.publish.clone(),
            python: options.python.clone(),
            model_memory: options.model_memory,
            ..AppOptions::new(tool)
        };
        let app = App::open(&options.data, app_options)?;
        let committed = signals.clone();
        app.store().on_commit(move || committed.commit());
        let state = Self::of(options, app, signals)?;
        replicas::begin_to_answer(&state.app(), Arc::new(now));
        if let Err(error) = data_folder::recover(&state.app(), state.now()) {
            tracing::error!(%error, "what an earlier process left under way could not be ended");
        }
        Ok(state)
    }

    /// Opens what the options name to look at it: nothing serves, and every change is refused.
    ///
    /// # Errors
    /// When there is no data folder, or it is of another version.
    pub(crate) fn open_for_reading(options: ServerOptions) -> Result<Self, ServerError> {
        let tool = std::env::current_exe().map_err(ServerError::Program)?;
        let (database, storage) = (options.database.clone(), options.storage.clone());
        let publish = options.publish.clone();
        let app = AppOptions { database, storage, publish, ..AppOptions::new(tool) };
        let app = App::open_for_reading(&options.data, app)?;
        Self::of(options, app, Arc::default())
    }

    fn of(options: ServerOptions, app: App, signals: Arc<Signals>) -> Result<Self, ServerError> {
        let bodies = BodyPool::new(options.limits.bodies);
        let provider = options.provider.clone().map(Provider::new).transpose().map_err(ServerError::BadProvider)?;
        let traces = if options.traces { Traces::of_environment() } else { Ok(Traces::default()) };
        let traces = traces.map_err(|error| ServerError::BadTraces(error.to_string()))?;
        if provider.is_some() {
            identity::use_provider(&app);
        }
        Ok(Self(Arc::new(Inner {
            options,
            app,
            provider,
            bodies,
            background: BackgroundTasks::default(),
            began: Instant::now(),
            signals,
            disk_use: DiskUseCache::default(),
            grpc_counts: GrpcCounts::default(),
            traces,
            grpc_address: OnceLock::new(),
            followers: Arc::new(Semaphore::new(MAX_FOLLOWERS)),
            folder_key: random_token()?,
            replica: OnceLock::new(),
            paused: watch::Sender::new(false),
        })))
    }

    /// The platform.
    pub fn app(&self) -> App {
        self.0.app.clone()
    }

    /// The time on the clock of this machine; below this floor time is handed in.
    pub(crate) fn now(&self) -> Timestamp {
        now()
    }

    /// How the server is run.
    pub fn options(&self) -> &ServerOptions {
        &self.0.options
    }

    /// The OpenID provider that proves who someone is, if there is one.
    pub(crate) fn provider(&self) -> Option<&Provider> {
        self.0.provider.as_ref()
    }

    /// Where the bytes of all bodies are counted.
    pub(crate) fn bodies(&self) -> &BodyPool {
        &self.0.bodies
    }

    /// What a request carries that names a folder of this machine.
    pub(crate) fn folder_key(&self) -> &Token {
        &self.0.folder_key
    }

    /// Whether this is the key of the data folder.
    pub(crate) fn is_folder_key(&self, key: &[u8]) -> bool {
        self.0.folder_key.matches(key)
    }

    /// From now on it is a replica of the server at `address`; the replica that it is.
    pub(crate) fn set_replica(&self, replica: Arc<Replica>, address: &str) -> Arc<Replica> {
        self.0.replica.get_or_init(|| (replica, address.to_owned())).0.clone()
    }

    /// Whether nobody may act now; see [`crate::Pause`].
    pub(crate) fn is_paused(&self) -> bool {
        *self.0.paused.borrow()
    }

    pub(crate) fn set_paused(&self, is_paused: bool) {
        self.0.paused.send_replace(is_paused);
    }

    /// Ready once nothing holds it.
    pub(crate) async fn released(&self) {
        // The sender lives as long as this state.
        let _ = self.0.paused.subscribe().wait_for(|is_paused| !is_paused).await;
    }

    /// How long it has been open.
    pub(crate) fn uptime(&self) -> Duration {
        self.0.began.elapsed()
    }

    /// From now on it is not ready: balancers send requests elsewhere while it finishes.
    pub(crate) fn begin_to_stop(&self) {
        self.0.signals.stop();
        // Whoever follows a run hears of its end before the connection is closed.
        runs::cancel_runs(&self.0.app);
    }

    /// Whether it finishes what it has begun and takes nothing new.
    pub(crate) fn is_stopping(&self) -> bool {
        self.0.signals.counts().is_stopping
    }

    /// What the data folder has of the disk, as it was measured last.
    pub(crate) fn disk_use(&self) -> &DiskUseCache {
        &self.0.disk_use
    }

    /// How the calls of gRPC ended.
    pub(crate) fn grpc_counts(&self) -> &GrpcCounts {
        &self.0.grpc_counts
    }

    /// Where gRPC is answered, if it is.
    pub(crate) fn grpc_address(&self) -> Option<SocketAddr> {
        self.0.grpc_address.get().copied()
    }

    /// Says where gRPC is answered.
    pub(crate) fn set_grpc_address(&self, address: SocketAddr) {
        // A server has one.
        let _ = self.0.grpc_address.set(address);
    }

    /// Where the spans of requests go.
    pub(crate) fn traces(&self) -> &Traces {
        &self.0.traces
    }

    /// A place for someone who follows a run; `None` while as many follow as may.
    pub(crate) fn place_to_follow(&self) -> Option<OwnedSemaphorePermit> {
        self.0.followers.clone().try_acquire_owned().ok()
    }

    /// What background tasks wait for.
    pub(crate) fn signals(&self) -> &Signals {
        &self.0.signals
    }

    /// Whether requests may be sent here, and why not.
    pub(crate) fn readiness(&self) -> Readiness {
        let is_stopping = self.is_stopping();
        let data = &self.options().data;
        let has_folder = data.is_dir();
        let mut checks = vec![
            check("accepting", !is_stopping, if is_stopping { "stopping: finishes what it has begun" } else { "yes" }),
            check("data folder", has_folder, if has_folder { "there" } else { "missing: restore it and start again" }),
        ];
        checks.extend(data_folder::check_presence(&self.0.app).into_iter().map(|(name, found)| match found {
            Ok(()) => check(name, true, "there"),
            Err(error) => check(name, false, &self.without_folder(&error)),
        }));
        let mut ready = checks.iter().all(|check| check.ok);
        let storage = data_folder::storage_state(&self.0.app);
        // What is not sealed yet is on the disk. Without its object store a server goes on answering, and catches up later.
        let is_storage_away = matches!(storage, Some(Err(_)));
        checks.extend(storage.map(|state| match state {
            Ok(()) => check("object store", true, "there"),
            Err(failure) => check("object store", false, &self.without_folder(&failure)),
        }));
        let fault = replicas::lease_fault(&self.0.app);
        ready &= fault != Some(LeaseFault::Taken);
        checks.extend(fault.map(|fault| check("leases", false, lease_sentence(fault))));
        if let Some((replica, server)) = self.0.replica.get() {
            let made = replica.plan_made();
            ready &= made.is_some();
            let detail = match made {
                Some(at) => format!("answers by the plan that {server} made at {at}"),
                None => format!("has no plan yet: {server} gave none"),
            };
            checks.push(check("plan", made.is_some(), &detail));
        }
        for (task, importance) in self.0.background.tasks() {
            ready &= task.ok || is_storage_away || importance != Importance::Vital;
            checks.push(check(&task.name, task.ok, &self.without_folder(&task.detail)));
        }
        checks.extend(
            data_folder::damage(&self.0.app)
                .into_iter()
                .map(|damage| check("damage", false, &self.without_folder(&damage))),
        );
        // One endpoint that cannot be served keeps no request from the others.
        let refused = deployment::refused_endpoints(&self.app()).into_iter();
        checks
            .extend(refused.map(|(endpoint, reason)| {
                check(&format!("endpoint {endpoint}"), false, &self.without_folder(&reason))
            }));
        Readiness { ready, checks }
    }

    /// How everything stands that goes on beside requests.
    pub(crate) fn tasks(&self) -> Vec<api::TaskStatus> {
        let tasks = self.0.background.tasks().into_iter();
        tasks.map(|(task, _)| api::TaskStatus { detail: self.without_folder(&task.detail), ..task }).collect()
    }

    /// A text whose files are named below the data folder: where that lies is nobody's business who asks from elsewhere.
    pub(crate) fn without_folder(&self, text: &str) -> String {
        text.replace(&format!("{}/", self.options().data.display()), "")
    }

    /// What goes on beside requests.
    pub(crate) fn background(&self) -> &BackgroundTasks {
        &self.0.background
    }
}

const fn lease_sentence(fault: LeaseFault) -> &'static str {
    match fault {
        LeaseFault::NotRenewed => "they cannot be renewed; predictions go on, and other servers do the rest",
        LeaseFault::Taken => "a process on a copy of this data folder has them: stop one of the two",
    }
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// Runs work that waits for a disk away from the threads that answer.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    blocking_with(work, || Problem::new(Code::Internal, "the request met a fault")).await
}

/// As [`blocking`], with a failure of another kind.
pub(crate) async fn blocking_with<T: Send + 'static, E: Send + 'static>(
    work: impl FnOnce() -> Result<T, E> + Send + 'static,
    failed: impl FnOnce() -> E,
) -> Result<T, E> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| Err(failed()))
}

fn check(name: &str, ok: bool, detail: &str) -> Check {
    Check { name: name.to_owned(), ok, detail: detail.to_owned() }
}
