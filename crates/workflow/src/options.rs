//! How a run is to be done: where things lie, what is wanted, and what the caller hands in.

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
};

use crate::executor::CancelToken;
use kilter_domain::{
    ids::{DatasetName, StepName},
    run::Cause,
    time::Timestamp,
};
use serde_json::Value;

use super::dataset_profile::{Describe, describe_table};

/// Tells the time. Handed in, so that a replay can tell another.
pub type Now = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Which steps are executed though their results are known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Force {
    /// None: known results are used.
    #[default]
    None,
    /// Every step of the run.
    All,
    /// These steps; the others use known results.
    Steps(BTreeSet<StepName>),
}

impl Force {
    pub(crate) fn covers(&self, step: &StepName) -> bool {
        match self {
            Self::None => false,
            Self::All => true,
            Self::Steps(steps) => steps.contains(step),
        }
    }
}

/// A local copy of a dataset that lies elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchedDataset {
    /// The file or folder.
    pub path: PathBuf,
    /// What changes with the bytes, as the place says it that they come from; `None` where it says nothing.
    pub version: Option<String>,
}

/// Options of a run. [`RunOptions::new`] gives the usual ones; fields are changed as needed.
#[derive(Clone)]
pub struct RunOptions {
    /// The id of the run, unique.
    pub run_id: String,
    /// What started it.
    pub cause: Cause,
    /// The folder of `kilter.toml`; steps are executed in it.
    pub project_folder: PathBuf,
    /// What Kilter keeps between runs: blobs, results, locks. `.kilter` in the project by default.
    pub state_folder: PathBuf,
    /// The data folder of the platform, which outputs must not touch; `None`: it is no part of a platform.
    pub data_folder: Option<PathBuf>,
    /// Where outputs are put, instead of in the project.
    pub outputs_root: Option<PathBuf>,
    /// Other files or folders in the place of datasets. They are not pinned in `kilter.lock`.
    pub data_overrides: BTreeMap<DatasetName, PathBuf>,
    /// Local copies of datasets that lie elsewhere. They are pinned as the contract states them.
    pub fetched: BTreeMap<DatasetName, FetchedDataset>,
    /// Other values of parameters, by dotted path.
    pub param_overrides: BTreeMap<String, Value>,
    /// Only these steps; what feeds them must have been made before. `None`: all.
    pub only: Option<BTreeSet<StepName>>,
    /// Which steps are executed though their results are known.
    pub force: Force,
    /// Refuse to run when data is not what `kilter.lock` pins.
    pub locked: bool,
    /// Execute each deterministic step, though its result may be known, and compare with the known result, or else
    /// with a second execution.
    pub check: bool,
    /// Decide what would be done and why, and do nothing.
    pub explain_only: bool,
    /// CPUs that steps may use together.
    pub cores: u32,
    /// Memory that steps may ask for together; `None`: not bounded.
    pub memory_bytes: Option<u64>,
    /// Datasets up to this size are copied into the store, larger ones (and overrides) are pinned by digest alone.
    pub keep_data_bytes: u64,
    /// Bound of the log of an attempt.
    pub log_limit_bytes: u64,
    /// Also report the output of steps while it comes.
    pub follow: bool,
    /// More environment variables for steps. They are not part of any key: only what changes no result may stand
    /// here (the address of a tracking server, the id of the run).
    pub environment: BTreeMap<String, String>,
    /// What `kilter` in a command means: the running binary.
    pub tool: PathBuf,
    /// The `uv` that makes environments; `None`: the one on the PATH. The variable `KILTER_UV` by default.
    pub uv: Option<PathBuf>,
    /// Finds schema, rows and column summaries of a dataset.
    pub describe: Describe,
    /// The clock.
    pub now: Now,
    /// Stops the run when it is cancelled.
    pub cancel: CancelToken,
}

impl RunOptions {
    /// Everything in the project folder, all steps, nothing forced, all cores.
    pub fn new(run_id: &str, cause: Cause, project_folder: &Path, tool: &Path, now: Now) -> Self {
        Self {
            run_id: run_id.to_owned(),
            cause,
            project_folder: project_folder.to_owned(),
            state_folder: project_folder.join(".kilter"),
            data_folder: None,
            outputs_root: None,
            data_overrides: BTreeMap::new(),
            fetched: BTreeMap::new(),
            param_overrides: BTreeMap::new(),
            only: None,
            force: Force::None,
            locked: false,
            check: false,
            explain_only: false,
            cores: thread::available_parallelism().map_or(1, |cores| u32::try_from(cores.get()).unwrap_or(u32::MAX)),
            memory_bytes: None,
            keep_data_bytes: 256 << 20,
            log_limit_bytes: 16 << 20,
            follow: false,
            environment: BTreeMap::new(),
            tool: tool.to_owned(),
            uv: env::var_os("KILTER_UV").map(PathBuf::from),
            describe: Arc::new(describe_table),
            now,
            cancel: CancelToken::new(),
        }
    }
}
