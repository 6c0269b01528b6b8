//! What an endpoint serves: a champion and, at most, one candidate beside it.

use std::sync::Arc;

use kilter_inference::{Input, Task};

use super::{ModelOutput, ServedVersion};
use crate::{
    prediction_log::Role,
    recording_policy::RecordingPolicy,
    v2::{KnownInputs, RESERVED},
};

/// How a candidate meets traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// It scores what the champion scores; nobody sees its answers.
    Shadow,
    /// It answers this share (1 to 100) of the entities.
    Canary {
        /// Its share of the entities, from 1 to 100.
        percent: u8,
    },
}

/// A version on trial.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// The version that is tried.
    pub version: Arc<ServedVersion>,
    /// How it is tried.
    pub mode: Mode,
}

/// What is served, in one piece: it changes as a whole or not at all.
#[derive(Debug, Default)]
pub struct Routes {
    champion: Option<Arc<ServedVersion>>,
    candidate: Option<Candidate>,
    known: KnownInputs,
    columns: Arc<ClassColumns>,
    recording: Arc<RecordingPolicy>,
    /// Whether a request asked for the champion of these routes by its number.
    is_pinned: bool,
}

/// Where the class probabilities of each version stand in an answer, while versions of different classes answer side by
/// side: the live version's classes keep their places, new ones stand behind them, what a version does not know is zero.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct ClassColumns {
    classes: Vec<String>,
    /// The version whose classes stand otherwise, with the place of each.
    moved: Option<(u64, Vec<usize>)>,
}

impl ClassColumns {
    fn of(champion: &ServedVersion, candidate: Option<&Candidate>) -> Self {
        let mut classes = champion.signature().classes.clone();
        let canary = candidate.filter(|candidate| matches!(candidate.mode, Mode::Canary { .. }));
        let Some(canary) = canary.filter(|canary| canary.version.signature().classes != classes) else {
            return Self { classes, moved: None };
        };
        let theirs = &canary.version.signature().classes;
        let new: Vec<String> = theirs.iter().filter(|class| !classes.contains(class)).cloned().collect();
        classes.extend(new);
        let places = theirs.iter().filter_map(|class| classes.iter().position(|known| known == class)).collect();
        Self { classes, moved: Some((canary.version.version().number, places)) }
    }

    pub(super) fn classes(&self) -> &[String] {
        &self.classes
    }

    /// Puts the probabilities of a version at the places of the answer.
    pub(super) fn place(&self, version: u64, answers: &mut ModelOutput) {
        let (Some((moved, places)), Some(values)) = (&self.moved, &answers.probabilities) else { return };
        let (rows, width) = (answers.scores.len(), self.classes.len());
        let own = values.len().checked_div(rows).unwrap_or(0);
        let place = |at: usize| if version == *moved { places.get(at).copied() } else { Some(at) };
        let mut placed = vec![0.0; rows * width];
        for (row, values) in values.chunks(own.max(1)).enumerate() {
            for (at, value) in values.iter().enumerate() {
                if let Some(at) = place(at).filter(|at| *at < width) {
                    placed[row * width + at] = *value;
                }
            }
        }
        answers.probabilities = Some(placed);
    }
}

/// Why versions cannot be served together. What is served stays as it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant says what it is")]
pub enum RouteError {
    #[error("a canary of {0} % is not one: write 1 to 100")]
    Percent(u8),
    #[error("version {0} cannot be its own candidate: deploy another version beside it")]
    SameVersion(u64),
    #[error(
        "version {candidate} cannot answer in place of version {champion}: it is a {of_candidate} model, the live one \
         is {of_champion}; deploy it to another endpoint"
    )]
    Task { champion: u64, candidate: u64, of_champion: Task, of_candidate: Task },
    #[error(
        "version {candidate} cannot answer in place of version {champion}: its classes are {}, those of the live one \
         {}; callers would read its scores wrongly", .of_candidate.join(", "), .of_champion.join(", ")
    )]
    Classes { champion: u64, candidate: u64, of_champion: Vec<String>, of_candidate: Vec<String> },
    #[error("the input `{input}` cannot be served: names that begin with `__` are Kilter's own; rename the column")]
    ReservedInput { input: String },
}

impl Routes {
    /// Nothing: every request is refused: no version is live.
    pub fn nothing() -> Self {
        Self::default()
    }

    /// A champion, perhaps a candidate, and columns that callers may send for the record only (a protected attribute,
    /// a slice): no model sees them.
    pub fn new(
        champion: Arc<ServedVersion>,
        candidate: Option<Candidate>,
        recorded: &[Input],
    ) -> Result<Self, RouteError> {
        if let Some(candidate) = &candidate {
            check_candidate(&champion, candidate)?;
        }
        let trial = candidate.as_ref().map(|candidate| candidate.version.signature());
        let signatures = || std::iter::once(champion.signature()).chain(trial);
        let mut inputs = signatures().flat_map(|signature| &signature.inputs).chain(recorded);
        if let Some(input) = inputs.find(|input| input.name.starts_with(RESERVED)) {
            return Err(RouteError::ReservedInput { input: input.name.clone() });
        }
        let known = KnownInputs::new(signatures(), recorded);
        let columns = Arc::new(ClassColumns::of(&champion, candidate.as_ref()));
        let recording = Arc::default();
        Ok(Self { champion: Some(champion), candidate, known, columns, recording, is_pinned: false })
    }

    /// Records what is answered by this policy.
    pub fn with_recording(mut self, policy: RecordingPolicy) -> Self {
        self.recording = Arc::new(policy);
        self
    }

    /// What of an answer is recorded.
    pub const fn recording(&self) -> &Arc<RecordingPolicy> {
        &self.recording
    }

    /// The same routes for a request that asks for one version: that version answers all rows, and nothing is drawn.
    /// `None` where it is neither live nor a candidate.
    pub fn pinned(&self, number: u64) -> Option<Self> {
        let champion = self.versions().find(|version| version.version().number == number)?;
        let answers = self.answering().any(|version| Arc::ptr_eq(version, champion));
        Some(Self {
            is_pinned: true,
            champion: Some(champion.clone()),
            candidate: None,
            known: self.known.clone(),
            // The classes of a shadow have no place in the answers of others.
            columns: if answers { self.columns.clone() } else { Arc::new(ClassColumns::of(champion, None)) },
            recording: self.recording.clone(),
        })
    }

    /// As what the champion of these routes answers.
    pub(super) const fn champion_role(&self) -> Role {
        if self.is_pinned { Role::Pinned } else { Role::Champion }
    }

    /// The live version.
    pub fn champion(&self) -> Option<&Arc<ServedVersion>> {
        self.champion.as_ref()
    }

    /// The version on trial.
    pub fn candidate(&self) -> Option<&Candidate> {
        self.candidate.as_ref()
    }

    /// The champion, then the candidate.
    pub fn versions(&self) -> impl Iterator<Item = &Arc<ServedVersion>> {
        self.champion.iter().chain(self.candidate.as_ref().map(|candidate| &candidate.version))
    }

    /// Each version with how it is deployed: `7 (live) and 8 (canary 10 %)`; `none` without any.
    pub(super) fn described(&self) -> String {
        let live = self.champion.iter().map(|version| format!("{} (live)", version.version()));
        let candidate = self.candidate.iter().map(|Candidate { version, mode }| match mode {
            Mode::Shadow => format!("{} (shadow)", version.version()),
            Mode::Canary { percent } => format!("{} (canary {percent} %)", version.version()),
        });
        let all: Vec<String> = live.chain(candidate).collect();
        if all.is_empty() { "none".to_owned() } else { all.join(" and ") }
    }

    /// The versions whose answers callers get: the champion, and a candidate that is a canary.
    pub fn answering(&self) -> impl Iterator<Item = &Arc<ServedVersion>> {
        let canary = |candidate: &&Candidate| matches!(candidate.mode, Mode::Canary { .. });
        self.champion.iter().chain(self.candidate.as_ref().filter(canary).map(|candidate| &candidate.version))
    }

    /// The classes in the order of the probabilities that callers get; empty for a regression.
    pub fn classes(&self) -> &[String] {
        &self.columns.classes
    }

    pub(super) const fn columns(&self) -> &Arc<ClassColumns> {
        &self.columns
    }

    /// All inputs that callers may send.
    pub const fn known(&self) -> &KnownInputs {
        &self.known
    }
}

fn check_candidate(champion: &ServedVersion, candidate: &Candidate) -> Result<(), RouteError> {
    let (live, trial) = (champion.signature(), candidate.version.signature());
    let (champion, candidate_version) = (champion.version().number, candidate.version.version().number);
    if champion == candidate_version {
        return Err(RouteError::SameVersion(champion));
    }
    if let Mode::Canary { percent } = candidate.mode
        && !(1..=100).contains(&percent)
    {
        return Err(RouteError::Percent(percent));
    }
    if live.task != trial.task {
        return Err(RouteError::Task {
            champion,
            candidate: candidate_version,
            of_champion: live.task,
            of_candidate: trial.task,
        });
    }
    // Of several classes each has its place in the answer; of two, the score is the probability of the second.
    if live.task == Task::Binary && live.classes != trial.classes {
        return Err(RouteError::Classes {
            champion,
            candidate: candidate_version,
            of_champion: live.classes.clone(),
            of_candidate: trial.classes.clone(),
        });
    }
    Ok(())
}
