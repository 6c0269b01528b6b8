//! What was copied, and whether it is the same on both sides.

use kilter_api::ImportCount;

use crate::same::Sum;

/// Differences that are named.
const MAX_NAMED: usize = 100;

/// What is copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Experiments.
    Experiments,
    /// Runs.
    Runs,
    /// Points of metrics.
    Points,
    /// Logged models.
    LoggedModels,
    /// Files.
    Artifacts,
    /// Registered models.
    RegisteredModels,
    /// Versions of them.
    Versions,
}

impl Kind {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 7] = [
        Self::Experiments,
        Self::Runs,
        Self::Points,
        Self::LoggedModels,
        Self::Artifacts,
        Self::RegisteredModels,
        Self::Versions,
    ];

    /// As it is shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Experiments => "experiments",
            Self::Runs => "runs",
            Self::Points => "points of metrics",
            Self::LoggedModels => "logged models",
            Self::Artifacts => "artifacts",
            Self::RegisteredModels => "registered models",
            Self::Versions => "versions",
        }
    }
}

/// How much there is of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    pub(crate) source: Sum,
    pub(crate) here: Sum,
    /// How many were brought, or would be.
    pub brought: u64,
}

impl Count {
    /// How many the source has.
    pub const fn source(&self) -> u64 {
        self.source.count
    }

    /// How many of them are in the target.
    pub const fn here(&self) -> u64 {
        self.here.count
    }

    /// Whether both have the same.
    pub fn is_same(&self) -> bool {
        self.source == self.here
    }
}

/// What was copied.
#[derive(Clone, Debug, Default)]
pub struct Report {
    counts: [Count; Kind::ALL.len()],
    /// Bytes of the files that were copied.
    pub bytes: u64,
    /// Runs that were as they are, whose histories were therefore not read again.
    pub unchanged_runs: u64,
    /// Runs and models whose files stay in an object store, where clients read them themselves.
    pub kept_elsewhere: u64,
    /// Experiments that have another id in the target: name, id there, id here.
    pub mapped: Vec<(String, i64, i64)>,
    /// What is not the same, by name; at most so many.
    pub differences: Vec<String>,
    /// How many differences there are.
    pub difference_count: u64,
}

impl Report {
    /// Of one kind.
    pub const fn count(&self, kind: Kind) -> &Count {
        &self.counts[kind as usize]
    }

    pub(crate) fn count_mut(&mut self, kind: Kind) -> &mut Count {
        &mut self.counts[kind as usize]
    }

    pub(crate) fn differ(&mut self, what: String) {
        self.difference_count += 1;
        if self.differences.len() < MAX_NAMED {
            self.differences.push(what);
        }
    }

    /// Counts a thing that both sides have (`here`) or that is missing, and names it where they are not equal.
    pub(crate) fn compare(&mut self, kind: Kind, source: u128, here: Option<u128>, name: impl FnOnce() -> String) {
        let count = self.count_mut(kind);
        count.source.add(source);
        match here {
            Some(here) => {
                count.here.add(here);
                if here != source {
                    self.differ(format!("{} is not the same", name()));
                }
            }
            None => self.differ(format!("{} is missing", name())),
        }
    }

    /// By kind, for programs.
    pub fn counts(&self) -> Vec<ImportCount> {
        let digest = |sum: Sum| format!("{:032x}", sum.digest);
        let count = |kind: Kind| {
            let count = self.count(kind);
            ImportCount {
                kind: kind.as_str().replace(' ', "_"),
                source: count.source.count,
                here: count.here.count,
                brought: count.brought,
                source_digest: digest(count.source),
                here_digest: digest(count.here),
            }
        };
        Kind::ALL.into_iter().map(count).collect()
    }
}
