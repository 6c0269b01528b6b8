//! What garbage is, how it is looked for, and what was found.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use kilter_domain::time::{DAY_MS, Span, SpanUnit, Timestamp};

/// Days for which results of steps, logs of runs and packages of rejected versions stay that nobody uses.
pub const UNUSED_DAYS: i64 = 90;
/// Days for which runs, logged models and experiments stay that clients deleted: so long they can be restored.
pub const DELETED_DAYS: i64 = 30;
/// A day.
pub(crate) const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// How garbage is collected.
#[derive(Clone, Copy, Debug)]
pub struct GarbageOptions {
    /// `false`: it is only found.
    pub deletes: bool,
    /// For how long results of steps stay that nobody uses; logs of runs and packages of rejected versions too.
    pub unused: Span,
    /// For how long stays what clients deleted.
    pub deleted: Span,
    /// The bytes that the results of steps in one folder may have; `None`: any number.
    pub cache_bytes: Option<u64>,
    /// The time.
    pub now: Timestamp,
}

impl GarbageOptions {
    /// The usual ones: nothing is removed.
    pub fn new(now: Timestamp) -> Self {
        let unused = Span { count: UNUSED_DAYS, unit: SpanUnit::Day };
        let deleted = Span { count: DELETED_DAYS, unit: SpanUnit::Day };
        Self { deletes: false, unused, deleted, cache_bytes: None, now }
    }

    pub(crate) fn unused_since(&self) -> SystemTime {
        system_time(self.now.before(self.unused))
    }

    /// What was used since then stays, however large it is.
    pub(crate) fn young_since(&self) -> SystemTime {
        system_time(Timestamp(self.now.millis().saturating_sub(DAY_MS)))
    }

    pub(crate) fn before(&self, age: Duration) -> SystemTime {
        system_time(self.now) - age
    }
}

fn system_time(time: Timestamp) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(u64::try_from(time.millis()).unwrap_or(0))
}

/// What garbage is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum GarbageKind {
    /// Rows of a prediction log past its retention.
    Predictions,
    /// Rows of a log of labels whose predictions are gone.
    Labels,
    /// Readings past their retention.
    Readings,
    /// Blobs of packages that no version needs.
    Packages,
    /// Results of steps that nobody used for long.
    StepResults,
    /// Blobs of a step cache that nothing needs.
    StepBlobs,
    /// Profiles of datasets that can be made again.
    Profiles,
    /// Copies of datasets that lie elsewhere.
    DatasetCopies,
    /// Python environments that nobody used for long.
    Environments,
    /// Files that stood for datasets in trainings that are over.
    TrainingFiles,
    /// Blobs in the place of artifacts that no artifact names.
    Artifacts,
    /// Runs that clients deleted long ago.
    DeletedRuns,
    /// Logged models that clients deleted long ago.
    DeletedModels,
    /// Experiments that clients deleted long ago.
    DeletedExperiments,
}

impl GarbageKind {
    /// The word in documents and in the audit table.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Predictions => "predictions",
            Self::Labels => "labels",
            Self::Readings => "readings",
            Self::Packages => "packages",
            Self::StepResults => "step_results",
            Self::StepBlobs => "step_blobs",
            Self::Profiles => "profiles",
            Self::DatasetCopies => "dataset_copies",
            Self::Environments => "environments",
            Self::TrainingFiles => "training_files",
            Self::Artifacts => "artifacts",
            Self::DeletedRuns => "deleted_runs",
            Self::DeletedModels => "deleted_models",
            Self::DeletedExperiments => "deleted_experiments",
        }
    }
}

/// Garbage of one kind in one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Garbage {
    /// What it is.
    pub kind: GarbageKind,
    /// The endpoint or the folder.
    pub place: String,
    /// How many: rows of logs, else files.
    pub count: u64,
    /// Their bytes; 0 where they are rows of the database.
    pub bytes: u64,
    /// Rows before this time.
    pub before: Option<Timestamp>,
}

impl Garbage {
    /// Files of these lengths.
    pub(crate) fn of(kind: GarbageKind, place: &str, lengths: impl Iterator<Item = u64>) -> Self {
        let (count, bytes) = lengths.fold((0, 0), |(count, bytes), length| (count + 1, bytes + length));
        Self { kind, place: place.to_owned(), count, bytes, before: None }
    }
}

/// What was found, and removed if that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collection {
    /// Without those of which there is nothing.
    pub garbage: Vec<Garbage>,
    /// What could not be looked at, and why; nothing of it is removed.
    pub skipped: Vec<String>,
    /// `false`: it was asked to stop before everything was removed.
    pub is_complete: bool,
}

impl Collection {
    /// All bytes.
    pub fn bytes(&self) -> u64 {
        self.garbage.iter().map(|garbage| garbage.bytes).sum()
    }
}
