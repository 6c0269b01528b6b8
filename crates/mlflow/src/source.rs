//! Where things are read from.

use std::{collections::BTreeMap, io::Read};

use kilter_domain::{
    tracking::ExperimentId,
    transfer::{ExperimentRecord, LoggedModelRecord, Point, RegisteredModelRecord, RunRecord, VersionRecord},
};

use crate::TransferError;

/// What whoever reads calls with each part.
pub(crate) type Each<'e, T> = &'e mut dyn FnMut(T) -> Result<(), TransferError>;

/// A run with the latest point of each metric.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceRun {
    /// The run.
    pub record: RunRecord,
    /// The latest point of each of its metrics.
    pub latest: BTreeMap<String, Point>,
}

/// A part of the history of a metric: of which run, of which metric, and the points.
pub struct HistoryPart {
    /// The run, by its id.
    pub run: String,
    /// The metric.
    pub metric: String,
    /// The points, in any order. Parts of one history follow each other.
    pub points: Vec<Point>,
}

/// Whose files they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// Whether it is a logged model; else it is a run.
    pub is_model: bool,
    /// Its id.
    pub id: String,
    /// Of which experiment.
    pub experiment: ExperimentId,
    /// The address of its files.
    pub uri: String,
}

impl Owner {
    /// A run.
    pub fn run(run: &RunRecord) -> Self {
        Self { is_model: false, id: run.id.clone(), experiment: run.experiment, uri: run.artifact_uri.clone() }
    }

    /// A logged model.
    pub fn model(model: &LoggedModelRecord) -> Self {
        Self { is_model: true, id: model.id.clone(), experiment: model.experiment, uri: model.artifact_uri.clone() }
    }

    /// Whether its files are copied. Those in an object store stay there: clients read and write them there themselves.
    pub fn is_copied(&self) -> bool {
        is_copied(&self.uri)
    }

    /// As it is named in a message.
    pub(crate) fn shown(&self) -> String {
        format!("{} `{}`", if self.is_model { "logged model" } else { "run" }, self.id)
    }
}

/// Whether the files at an address are copied: those of a server or of a folder.
pub(crate) fn is_copied(uri: &str) -> bool {
    match uri.split_once(':') {
        None => true,
        Some((scheme, _)) => matches!(scheme, "mlflow-artifacts" | "file") || scheme.contains('/'),
    }
}

/// A file of an owner, with its path below the folder of the owner.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SourceFile {
    /// With `/`.
    pub path: String,
    /// How many bytes it has.
    pub bytes: u64,
}

/// A server or a folder with experiments, runs and models.
pub trait Source {
    /// How it is called, without credentials.
    fn name(&self) -> String;

    /// Every experiment, deleted ones too.
    ///
    /// # Errors
    /// When it cannot be read.
    fn experiments(&self) -> Result<Vec<ExperimentRecord>, TransferError>;

    /// Every run of an experiment, deleted ones too, page by page.
    ///
    /// # Errors
    /// When they cannot be read.
    fn runs(&self, experiment: ExperimentId, each: Each<'_, Vec<SourceRun>>) -> Result<(), TransferError>;

    /// The histories of all metrics of these runs.
    ///
    /// # Errors
    /// When they cannot be read.
    fn histories(&self, runs: &[&SourceRun], each: Each<'_, HistoryPart>) -> Result<(), TransferError>;

    /// Every logged model of an experiment, page by page.
    ///
    /// # Errors
    /// When they cannot be read.
    fn logged_models(
        &self,
        experiment: ExperimentId,
        each: Each<'_, Vec<LoggedModelRecord>>,
    ) -> Result<(), TransferError>;

    /// A logged model that is in no list, which one that was deleted is not; `None` where all are.
    ///
    /// # Errors
    /// When it cannot be read.
    fn unlisted_model(&self, id: &str) -> Result<Option<LoggedModelRecord>, TransferError>;

    /// Every file of an owner.
    ///
    /// # Errors
    /// When they cannot be listed.
    fn files(&self, owner: &Owner) -> Result<Vec<SourceFile>, TransferError>;

    /// The bytes of a file.
    ///
    /// # Errors
    /// When it cannot be read.
    fn open(&self, owner: &Owner, path: &str) -> Result<Box<dyn Read + Send>, TransferError>;

    /// Every registered model, page by page.
    ///
    /// # Errors
    /// When they cannot be read.
    fn registered_models(&self, each: Each<'_, Vec<RegisteredModelRecord>>) -> Result<(), TransferError>;

    /// Every version of every registered model, page by page.
    ///
    /// # Errors
    /// When they cannot be read.
    fn versions(&self, each: Each<'_, Vec<VersionRecord>>) -> Result<(), TransferError>;
}
