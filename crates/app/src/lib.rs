//! Where the floors meet: one function an intention (train, deploy, predict, label, look, retrain).
//!
//! Holds true: a handler, a command, a reconciler and a replay do the same thing by the same function; time, actor and
//! cause are handed in; no state changes without its audit entry. Deliberately absent: HTTP, terminals, the clock.

pub mod authz;
pub mod clock_skew;
pub mod column_stats;
pub mod context;
pub mod data_folder;
pub mod dataset;
pub mod deployment;
pub mod error;
pub mod event;
pub mod gate;
pub mod model;
pub mod monitor;
pub mod prediction;
pub mod project;
pub mod reconcile;
pub mod replay;
pub mod retrain;
pub mod training;

use kilter_blobs::{BlobError, BlobStore};
use kilter_domain::{digest::Digest, ids::EndpointName, time::Timestamp};
use kilter_inference::Model;
use kilter_lake::Lake;
use kilter_store::Store;
use std::{
    collections::{BTreeMap, HashMap},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, RwLock},
};
use tempfile::TempDir;

pub use kilter_blobs::{read_bounded, read_bounded_text};

use crate::{
    authz::{
        access_map::{self, AccessMap},
        refused_actions::RefusalLog,
    },
    clock_skew::NewestTick,
    column_stats::collect,
    data_folder::{layout, private_files},
    deployment::routes::{self, LoadFailure},
    model::package::Package,
    monitor::corrections::LabelMarks,
    prediction::Serving,
    training::active_runs::ActiveRuns,
};
pub use crate::{
    context::RequestContext,
    data_folder::{open_to_others, temporary_folder},
    error::AppError,
    project::Project,
};

/// Packages kept in memory at most; the least numbers of versions serve, the rest are read again.
const MAX_LOADED: usize = 32;

/// How the platform is opened.
pub struct AppOptions {
    /// What `kilter` in a step's command means: the running binary.
    pub tool: PathBuf,
    /// How predictions are recorded.
    pub recording: kilter_serving::LogOptions,
    /// Whether what is answered is counted into profiles. A past that is played needs none.
    pub profiles: bool,
}

/// The platform on one data folder. Clones share it.
#[derive(Clone)]
pub struct App {
    inner: Arc<Inner>,
}

/// A version in memory: its package and the model in it.
pub type Loaded = (Arc<Package>, Arc<Model>);

struct Inner {
    folder: PathBuf,
    options: AppOptions,
    store: Store,
    blobs: BlobStore,
    lake: Lake,
    loaded: Mutex<HashMap<Digest, Loaded>>,
    serving: Mutex<BTreeMap<EndpointName, Arc<Serving>>>,
    /// Endpoints at which something that the store says serves does not, and why.
    refused: Mutex<BTreeMap<EndpointName, LoadFailure>>,
    /// Who may change what answers at an endpoint: one at a time.
    changes: Mutex<BTreeMap<EndpointName, Arc<Mutex<()>>>>,
    tallies: Mutex<Tallies>,
    profiles: Mutex<collect::Open>,
    profile_files: Mutex<()>,
    access: RwLock<Arc<AccessMap>>,
    active_runs: ActiveRuns,
    refusals: Mutex<RefusalLog>,
    /// When the threshold at each endpoint was last looked at. After a restart it is looked at again, which is harmless.
    tuned: Mutex<BTreeMap<EndpointName, Timestamp>>,
    /// How far the labels of each endpoint were looked through for corrections.
    label_marks: Mutex<LabelMarks>,
    newest_look: NewestTick,
}

/// When the failures of each served version were last written down, and how many there were then.
type Tallies = HashMap<(EndpointName, u64), (Timestamp, u64)>;

/// A new id that sorts by the time of its making. A clock before 1970 counts as 1970.
pub fn new_id() -> String {
    let has_time = std::time::SystemTime::now() >= std::time::UNIX_EPOCH;
    let made = || uuid::Uuid::new_v7(uuid::Timestamp::from_unix(uuid::NoContext, 0, 0));
    if has_time { uuid::Uuid::now_v7() } else { made() }.to_string()
}

/// Makes the data folder when it is missing: it tells what was predicted of whom, so only its owner reads it.
///
/// # Errors
/// What the disk answers.
pub fn make_data_folder(folder: &Path) -> Result<(), AppError> {
    private_files::create_private_folder(folder)
        .map_err(|source| BlobError::Io { attempted: "create the data folder", path: folder.to_owned(), source }.into())
}

impl App {
    /// Opens a data folder, made when missing, and everything that served in it.
    pub fn open(folder: &Path, options: AppOptions) -> Result<Self, AppError> {
        make_data_folder(folder)?;
        layout::refuse_lost_database(folder)?;
        let app = Self::of(folder, options, Store::open(folder)?, BlobStore::open(&folder.join("blobs"))?);
        if let Some(path) = app.store().changed_while_closed() {
            tracing::error!(changed = %layout::changed_database(&path), "the database is not what was closed");
        }
        access_map::load_access(&app)?;
        routes::load_live_endpoints(&app)?;
        Ok(app)
    }

    fn of(folder: &Path, options: AppOptions, store: Store, blobs: BlobStore) -> Self {
        Self {
            inner: Arc::new(Inner {
                folder: folder.to_owned(),
                options,
                store,
                blobs,
                lake: Lake::new(folder.join("lake")),
                loaded: Mutex::default(),
                serving: Mutex::default(),
                refused: Mutex::default(),
                changes: Mutex::default(),
                tallies: Mutex::default(),
                profiles: Mutex::default(),
                profile_files: Mutex::default(),
                access: RwLock::default(),
                active_runs: Default::default(),
                refusals: Mutex::default(),
                tuned: Mutex::default(),
                label_marks: Mutex::default(),
                newest_look: Default::default(),
            }),
        }
    }

    /// Opens a data folder to look at it, also while another process has it, or where nobody can write. Nothing serves,
    /// and every change is refused.
    ///
    /// # Errors
    /// When there is no data folder, or it is of another version of this program.
    pub fn open_for_reading(folder: &Path, options: AppOptions) -> Result<Self, AppError> {
        let blobs = BlobStore::open_for_reading(&folder.join("blobs"));
        let app = Self::of(folder, options, Store::open_for_reading(folder)?, blobs);
        access_map::load_access(&app)?;
        Ok(app)
    }

    /// The data folder.
    pub fn folder(&self) -> &Path {
        &self.inner.folder
    }

    /// The metadata.
    pub fn store(&self) -> &Store {
        &self.inner.store
    }

    pub(crate) fn blobs(&self) -> &BlobStore {
        &self.inner.blobs
    }

    /// The prediction log and its tables.
    pub fn lake(&self) -> &Lake {
        &self.inner.lake
    }

    pub(crate) fn tool(&self) -> &Path {
        &self.inner.options.tool
    }

    fn newest_look(&self) -> &NewestTick {
        &self.inner.newest_look
    }

    /// A new id that sorts by the time of its making.
    pub(crate) fn new_id(&self) -> String {
        new_id()
    }

    /// Where runs keep their cache: the project's own folder, or ours when outputs do not go into the project.
    pub(crate) fn state_folder(&self, is_apart: bool, project: &Project) -> PathBuf {
        if is_apart { self.inner.folder.join("runs") } else { project.folder.join(".kilter") }
    }

    /// A folder of ours that is gone when the guard is dropped.
    pub(crate) fn scratch(&self, name: &str) -> Result<TempDir, AppError> {
        let above = self.inner.folder.join("scratch");
        temporary_folder(&above, &format!("{name}.")).map_err(|source| AppError::WriteFile { path: above, source })
    }

    /// A package and its model, verified when first read.
    pub(crate) fn load_package(&self, digest: Digest) -> Result<Loaded, AppError> {
        if let Some(found) = self.lock_loaded().get(&digest) {
            return Ok(found.clone());
        }
        let package = Package::load(self.blobs(), digest)?;
        let model = package.model()?;
        let pair = (Arc::new(package), Arc::new(model));
        let mut loaded = self.lock_loaded();
        if loaded.len() >= MAX_LOADED {
            loaded.clear();
        }
        loaded.insert(digest, pair.clone());
        Ok(pair)
    }

    fn lock_loaded(&self) -> std::sync::MutexGuard<'_, HashMap<Digest, Loaded>> {
        // A panic while the map was held left at worst an entry out: the map itself is whole.
        self.inner.loaded.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn lock_serving(&self) -> std::sync::MutexGuard<'_, BTreeMap<EndpointName, Arc<Serving>>> {
        self.inner.serving.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn lock_refused(&self) -> std::sync::MutexGuard<'_, BTreeMap<EndpointName, LoadFailure>> {
        self.inner.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn lock_changes(&self) -> std::sync::MutexGuard<'_, BTreeMap<EndpointName, Arc<Mutex<()>>>> {
        self.inner.changes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn lock_tallies(&self) -> std::sync::MutexGuard<'_, Tallies> {
        self.inner.tallies.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn label_marks(&self) -> std::sync::MutexGuard<'_, LabelMarks> {
        self.inner.label_marks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn lock_tuned(&self) -> std::sync::MutexGuard<'_, BTreeMap<EndpointName, Timestamp>> {
        self.inner.tuned.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn lock_refusals(&self) -> std::sync::MutexGuard<'_, RefusalLog> {
        self.inner.refusals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn counts_profiles(&self) -> bool {
        self.inner.options.profiles
    }

    pub(crate) fn recording(&self) -> kilter_serving::LogOptions {
        self.inner.options.recording.clone()
    }
}
