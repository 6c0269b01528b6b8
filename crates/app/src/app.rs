//! The platform on one data folder: what is stored, and the components that live in memory.
//!
//! [`App`] is a handle: use cases are functions of their modules that take it. Out of scope: HTTP, terminals, the
//! clock.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock, Weak, atomic::Ordering},
};

use kilter_blobs::BlobStore;
use kilter_domain::signing_key::KeyPurpose;
use kilter_lake::Lake;
use kilter_runtimes::python::WorkerSettings;
use kilter_storage::{CachedStorage, StorageUrl};
use kilter_store::{DatabaseUrl, Store, lease::Lease};
use kilter_workflow::Now;
use tempfile::TempDir;

use crate::{
    artifact_place::{ArtifactPlace, ArtifactRoot},
    causes::StorageError,
    clock_skew::NewestTick,
    components::{
        access::AccessCache, active_runs::ActiveRuns, column_stats_registry::ColumnStatsRegistry,
        contract_cache::ContractCache, error_tally::ErrorTally, followed_entries::FollowedEntries,
        held_approvals::HeldApprovals, identities::Identities, label_marks::LabelMarks, leases::Leases,
        metric_histories::MetricHistories, model_memory::ModelMemory, past_marks::PastMarks,
        publish_retries::PublishRetries, refusal_log::Refusals, serving_registry::ServingRegistry,
        signing_keys::SigningKeys, threshold_schedule::ThresholdSchedule, window_bound::WindowBound,
        window_labels::WindowLabels,
    },
    private_files::temporary_folder,
    publish_place::PublishPlace,
};

/// How the platform is opened.
pub struct AppOptions {
    /// What `kilter` in a step's command means: the running binary.
    pub tool: PathBuf,
    /// How predictions are recorded.
    pub recording: kilter_serving::LogOptions,
    /// Whether what is answered is counted into column statistics. A past that is played needs none.
    pub column_stats: bool,
    /// Where the metadata lie; `None`: in a file of the data folder.
    pub database: Option<DatabaseUrl>,
    /// Where packages and the sealed prediction log lie; `None`: in the data folder.
    pub storage: Option<StorageOptions>,
    /// Where the files of artifacts lie that clients send through the server; `None`: where they lay before, or with the packages.
    pub artifacts: Option<ArtifactPlace>,
    /// Below which address a new experiment has its folder that states none; `None`: this server keeps its artifacts.
    pub artifact_root: Option<ArtifactRoot>,
    /// When a prediction or a label is acknowledged.
    pub record_ack: RecordAck,
    /// The keys that the operator gives.
    pub keys: KeySources,
    /// Where checkpoints of the audit log are published.
    pub publish: Vec<PublishPlace>,
    /// By which Python models run whose code is Python; `None`: by none.
    pub python: Option<PythonOptions>,
    /// Bytes that the models in memory may take together: over it the one that was asked for least recently is released, and models are
    /// loaded when they are asked for. `None`: all of them stay, and are loaded at the start.
    pub model_memory: Option<u64>,
}

/// How models run whose code is Python.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PythonOptions {
    /// The Python.
    pub source: PythonSource,
    /// Limits of the worker processes.
    pub workers: WorkerSettings,
}

/// Which Python runs models.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PythonSource {
    /// An interpreter: with it one environment is made for the packages of each model, by pip.
    Interpreter(PathBuf),
    /// One environment for all models, which the operator made.
    Environment(PathBuf),
}

/// When a prediction or a label that is recorded is acknowledged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RecordAck {
    /// When the process has it: a prediction waits for no disk. A crash loses what was answered in the last milliseconds, a loss of
    /// power that of about half a second. Labels are written first also here.
    Memory,
    /// When it is on the disk of this machine: it survives a crash and a loss of power.
    #[default]
    Disk,
    /// When it is in the object store too: it survives the loss of this machine.
    Storage,
}

/// An object store, and how much of it a data folder may hold as copies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StorageOptions {
    /// The bucket and the prefix.
    pub url: StorageUrl,
    /// Bytes that the copies may have together.
    pub cache_bytes: u64,
}

/// Where a private key is that the operator gives.
#[derive(Clone, PartialEq, Eq)]
pub enum KeySource {
    /// A file with PKCS#8 in PEM.
    File(PathBuf),
    /// The PEM itself, such as from the environment.
    Text(String),
}

impl fmt::Debug for KeySource {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => out.debug_tuple("File").field(path).finish(),
            Self::Text(_) => out.write_str("Text(…)"),
        }
    }
}

/// The private keys that the operator gives. Those that are not given are made in the data folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeySources {
    /// ECDSA P-256, for packages.
    pub package: Option<KeySource>,
    /// Ed25519, for checkpoints.
    pub checkpoint: Option<KeySource>,
}

impl KeySources {
    pub(crate) const fn of(&self, purpose: KeyPurpose) -> Option<&KeySource> {
        match purpose {
            KeyPurpose::Package => self.package.as_ref(),
            KeyPurpose::Checkpoint => self.checkpoint.as_ref(),
        }
    }
}

impl AppOptions {
    /// For the program `tool`: everything in the data folder, and no column statistics.
    pub fn new(tool: PathBuf) -> Self {
        Self {
            tool,
            recording: Default::default(),
            column_stats: false,
            database: None,
            storage: None,
            artifacts: None,
            artifact_root: None,
            record_ack: RecordAck::Disk,
            keys: KeySources::default(),
            publish: Vec::new(),
            python: None,
            model_memory: None,
        }
    }
}

/// The platform on one data folder. Clones share it.
#[derive(Clone)]
pub struct App {
    inner: Arc<Inner>,
    /// The metadata, as this handle may write them.
    store: Store,
}

struct Inner {
    folder: PathBuf,
    options: AppOptions,
    /// The metadata, which anyone may write who has a right to.
    store: Store,
    blobs: BlobStore,
    artifacts: Option<BlobStore>,
    lake: Lake,
    storage: Option<CachedStorage>,
    components: Components,
}

/// Where the bytes lie.
pub(crate) struct StoredBytes {
    pub blobs: BlobStore,
    /// Files of artifacts that clients sent; `None`: they are with the others.
    pub artifacts: Option<BlobStore>,
    pub lake: Lake,
    pub storage: Option<CachedStorage>,
}

/// What lives in memory only. Each component guards itself.
#[derive(Default)]
pub(crate) struct Components {
    pub models: ModelMemory,
    pub endpoints: ServingRegistry,
    pub error_tally: ErrorTally,
    pub column_stats: ColumnStatsRegistry,
    pub access: AccessCache,
    pub identities: Identities,
    pub contracts: ContractCache,
    pub active_runs: ActiveRuns,
    pub refusals: Refusals,
    pub thresholds: ThresholdSchedule,
    pub held_approvals: HeldApprovals,
    pub label_marks: LabelMarks,
    pub past_marks: PastMarks,
    pub window_bound: WindowBound,
    pub window_labels: WindowLabels,
    pub newest_tick: NewestTick,
    pub metric_histories: MetricHistories,
    pub leases: Leases,
    pub followed: FollowedEntries,
    pub signing_keys: SigningKeys,
    pub publish_retries: PublishRetries,
    /// The clock of a process that answers predictions.
    pub answering: OnceLock<Now>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.components.leases.end(&self.store);
    }
}

/// The platform, as long as someone else has it open.
pub(crate) struct WeakApp(Weak<Inner>);

impl WeakApp {
    /// The platform, if it is still open.
    pub(crate) fn upgrade(&self) -> Option<App> {
        self.0.upgrade().map(|inner| App { store: inner.store.clone(), inner })
    }
}

/// A new id that sorts by the time of its making. A clock before 1970 counts as 1970.
pub fn new_id() -> String {
    let has_time = std::time::SystemTime::now() >= std::time::UNIX_EPOCH;
    let made = || uuid::Uuid::new_v7(uuid::Timestamp::from_unix(uuid::NoContext, 0, 0));
    if has_time { uuid::Uuid::now_v7() } else { made() }.to_string()
}

impl App {
    /// A handle to what is stored in `folder`, with nothing in memory.
    pub(crate) fn new(folder: &Path, options: AppOptions, store: Store, bytes: StoredBytes) -> Self {
        let (folder, of_handle) = (folder.to_owned(), store.clone());
        let components = Components { models: ModelMemory::new(options.model_memory), ..Components::default() };
        let commits = components.metric_histories.commits();
        store.on_commit(move || {
            commits.fetch_add(1, Ordering::AcqRel);
        });
        let StoredBytes { blobs, artifacts, lake, storage } = bytes;
        let inner = Inner { folder, options, store, blobs, artifacts, lake, storage, components };
        Self { inner: Arc::new(inner), store: of_handle }
    }

    /// A handle that does not keep the platform open.
    pub(crate) fn downgrade(&self) -> WeakApp {
        WeakApp(Arc::downgrade(&self.inner))
    }

    /// A handle whose changes are refused as soon as another server has the lease.
    pub(crate) fn under(&self, lease: Lease) -> Self {
        Self { inner: self.inner.clone(), store: self.inner.store.under(lease) }
    }

    /// A handle whose changes are under no lease: what this process does for itself.
    pub(crate) fn under_no_lease(&self) -> Self {
        Self { inner: self.inner.clone(), store: self.inner.store.clone() }
    }

    /// The data folder.
    pub fn folder(&self) -> &Path {
        &self.inner.folder
    }

    /// The metadata.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The prediction log and its tables.
    pub fn lake(&self) -> &Lake {
        &self.inner.lake
    }

    pub(crate) fn blobs(&self) -> &BlobStore {
        &self.inner.blobs
    }

    /// The blobs of artifacts that clients sent, where they lie in a place of their own. What came before there was one is in [`App::blobs`].
    pub(crate) fn artifact_blobs(&self) -> Option<&BlobStore> {
        self.inner.artifacts.as_ref()
    }

    /// The object store; `None` where the bytes lie in the data folder.
    pub(crate) fn storage(&self) -> Option<&CachedStorage> {
        self.inner.storage.as_ref()
    }

    pub(crate) fn options(&self) -> &AppOptions {
        &self.inner.options
    }

    pub(crate) fn components(&self) -> &Components {
        &self.inner.components
    }

    /// A new id that sorts by the time of its making.
    pub(crate) fn new_id(&self) -> String {
        new_id()
    }

    /// Where the folders of [`App::scratch`] are made.
    pub(crate) fn scratch_root(&self) -> PathBuf {
        self.inner.folder.join("scratch")
    }

    /// A folder of ours that is gone when the guard is dropped.
    pub(crate) fn scratch(&self, name: &str) -> Result<TempDir, StorageError> {
        let above = self.scratch_root();
        temporary_folder(&above, &format!("{name}.")).map_err(|source| StorageError::WriteFile { path: above, source })
    }
}
