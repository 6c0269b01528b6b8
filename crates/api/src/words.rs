//! States, kinds and verdicts: enums whose values are words of the glossary.

use std::fmt;

use kilter_domain::{alert, audit, deployment, model, signing_key};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

macro_rules! words {
    ($($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:tt,)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
        pub enum $name {
            $($(#[$variant_doc])* #[serde(rename = $word)] $variant,)*
        }

        impl $name {
            /// The value as JSON has it.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.pad(self.as_str())
            }
        }
    )*};
}

words! {
    /// How the delivery of an event stands.
    DeliveryState {
        /// It is tried at its time.
        Pending = "pending",
        /// The target took it.
        Delivered = "delivered",
        /// It was given up.
        Dead = "dead",
    }
    /// Where a version of a model is in its life.
    VersionState {
        /// Packaged, not yet judged.
        Draft = "draft",
        /// Judged; a gate is undecided.
        Candidate = "candidate",
        /// All gates passed.
        Validated = "validated",
        /// May be deployed to production.
        Approved = "approved",
        /// A gate failed, or a person rejected it.
        Rejected = "rejected",
        /// No longer used.
        Retired = "retired",
        /// Withdrawn for cause.
        Revoked = "revoked",
    }
    /// What an independent review came to.
    ReviewOutcome {
        /// Every rule that was measured comes to the same verdict.
        Confirmed = "confirmed",
        /// A rule comes to another verdict, or a golden request has another answer.
        Differs = "differs",
        /// Nothing could be measured from the package.
        NotMeasured = "not_measured",
    }
    /// The role in which someone approves.
    ApproverRole {
        /// Judges what others made.
        Validator = "validator",
        /// Answers for the project.
        Owner = "owner",
    }
    /// What garbage is.
    GarbageKind {
        /// Rows of a prediction log past its retention.
        Predictions = "predictions",
        /// Labels whose predictions are gone.
        Labels = "labels",
        /// Readings past their retention.
        Readings = "readings",
        /// Blobs of packages that no version needs.
        Packages = "packages",
        /// Results of steps that nobody used for long.
        StepResults = "step_results",
        /// Blobs of results, logs and datasets that nothing needs.
        StepBlobs = "step_blobs",
        /// Profiles of datasets, which can be made again.
        Profiles = "profiles",
        /// Copies of datasets that lie elsewhere.
        DatasetCopies = "dataset_copies",
        /// Python environments that nobody used for long; they are made again from their lock.
        Environments = "environments",
        /// Files that stood for datasets in trainings that are over.
        TrainingFiles = "training_files",
        /// Blobs in the place of artifacts that no artifact names.
        Artifacts = "artifacts",
        /// Runs that clients deleted long ago.
        DeletedRuns = "deleted_runs",
        /// Logged models that clients deleted long ago.
        DeletedModels = "deleted_models",
        /// Experiments that clients deleted long ago.
        DeletedExperiments = "deleted_experiments",
    }
    /// The stage of a version at an endpoint.
    DeploymentState {
        /// Asked for.
        Requested = "requested",
        /// Scores every request, and its answers are only recorded.
        Shadow = "shadow",
        /// Answers a share of the requests.
        Canary = "canary",
        /// Answers.
        Live = "live",
        /// Another version answers instead.
        Superseded = "superseded",
        /// Taken back.
        RolledBack = "rolled_back",
        /// The endpoint was stopped.
        Stopped = "stopped",
    }
    /// Where an alert is in its life.
    AlertState {
        /// Its rule fails, for fewer windows than it takes to fire.
        Pending = "pending",
        /// Someone should look.
        Firing = "firing",
        /// Someone looks.
        Acknowledged = "acknowledged",
        /// Silent until a moment.
        Muted = "muted",
        /// Over.
        Resolved = "resolved",
    }
    /// The kind of an alert.
    AlertKind {
        /// A rule about the quality of the columns that requests bring fails.
        Data = "data",
        /// A rule about the distance from the reference fails.
        Drift = "drift",
        /// A rule about a metric on labelled rows fails.
        Performance = "performance",
        /// A rule about an estimated metric fails.
        EstimatedPerformance = "estimated_performance",
        /// A rule about differences between groups fails.
        Bias = "bias",
        /// A rule about rows, errors or latency fails.
        Usage = "usage",
        /// Labels stopped coming.
        MissingLabels = "missing_labels",
        /// Labels name a class that the live version cannot answer.
        UnknownClass = "unknown_class",
        /// Labels are not in the words of the model.
        UnknownLabels = "unknown_labels",
        /// The metric is worse than before the last promotion.
        Promotion = "promotion",
        /// A version answers without its approval, and nobody has reviewed why.
        BreakGlass = "break_glass",
        /// The versions that share the traffic did not receive the shares that were set.
        SampleRatio = "sample_ratio",
        /// An objective misses its target.
        Objective = "objective",
    }
    /// The kind of a monitor.
    MonitorKind {
        /// Requirements of the data.
        Data = "data",
        /// Metrics on labelled rows, and estimates of them.
        Performance = "performance",
        /// Distance from the reference.
        Drift = "drift",
        /// Differences between groups.
        Bias = "bias",
        /// Rows, errors, latency, labels.
        Usage = "usage",
    }
    /// What a rule or a gate came to.
    Verdict {
        /// It holds.
        Passed = "passed",
        /// It does not hold.
        Failed = "failed",
        /// It could not be decided: not measured, or too close to its bound. Blocks like a failure.
        Undecided = "undecided",
    }
    /// How far a column drifted, in the words of `kilter drift`.
    DriftLevel {
        /// As the reference.
        Calm = "calm",
        /// It was not compared.
        NotCompared = "not_compared",
        /// Too few rows.
        TooFew = "too_few",
        /// Worth a note.
        Note = "note",
        /// Worth a look.
        Warn = "warn",
        /// Worth an alert.
        Alert = "alert",
    }
    /// The role of a version while it was asked.
    ServingRole {
        /// Live.
        Champion = "champion",
        /// In canary.
        Candidate = "candidate",
        /// In shadow.
        Shadow = "shadow",
        /// Asked for by its number.
        Pinned = "pinned",
        /// Live, and in place of a canary that failed.
        Fallback = "fallback",
    }
    /// What two versions are compared by.
    ComparedMetric {
        /// The mean loss on labelled rows: log loss, or absolute error in units of the champion's.
        Loss = "loss",
        /// The share of the labels that are of the positive class.
        Label = "label",
        /// The mean score.
        Score = "score",
        /// The time for a request, as a ratio of geometric means.
        Latency = "latency",
        /// The share of first requests on which the candidate failed and the live version answered.
        ErrorRate = "error_rate",
    }
    /// What an experiment says of the new version.
    ExperimentResult {
        /// Too few entities or values to say anything.
        NotEnoughData = "not_enough_data",
        /// The interval holds no difference too.
        Undecided = "undecided",
        /// It is better.
        Better = "better",
        /// It is worse.
        Worse = "worse",
        /// The versions did not receive their shares: nothing that is compared counts.
        Mismatch = "mismatch",
    }
    /// What a person decides of an experiment.
    ExperimentDecision {
        /// The new version goes live.
        Promote = "promote",
        /// The new version is taken back.
        Stop = "stop",
    }
    /// What a column is to a model.
    ColumnKind {
        /// An input.
        Feature = "feature",
        /// The score.
        Score = "score",
        /// The predicted label.
        Prediction = "prediction",
    }
    /// What the values of a column are.
    ColumnDataType {
        /// Numbers.
        Numeric = "numeric",
        /// Categories.
        Categorical = "categorical",
    }
    /// What a key signs.
    KeyPurpose {
        /// Packages, and statements about them.
        Package = "package",
        /// Checkpoints of the audit log.
        Checkpoint = "checkpoint",
    }
    /// Whether a key signs, and whether what it signed is believed.
    KeyState {
        /// It signs.
        Active = "active",
        /// Another key signs now; what this one signed is believed.
        Superseded = "superseded",
        /// Nothing that it signed is believed.
        Revoked = "revoked",
    }
    /// What came of an act.
    AuditOutcome {
        /// It was done.
        Done = "done",
        /// The actor had no right to it.
        Denied = "denied",
        /// It failed.
        Failed = "failed",
    }
}

impl From<model::VersionState> for VersionState {
    fn from(state: model::VersionState) -> Self {
        use model::VersionState as Domain;
        match state {
            Domain::Draft => Self::Draft,
            Domain::Candidate => Self::Candidate,
            Domain::Validated => Self::Validated,
            Domain::Approved => Self::Approved,
            Domain::Rejected => Self::Rejected,
            Domain::Retired => Self::Retired,
            Domain::Revoked => Self::Revoked,
        }
    }
}

impl From<deployment::DeploymentState> for DeploymentState {
    fn from(state: deployment::DeploymentState) -> Self {
        use deployment::DeploymentState as Domain;
        match state {
            Domain::Requested => Self::Requested,
            Domain::Shadow => Self::Shadow,
            Domain::Canary { .. } => Self::Canary,
            Domain::Live => Self::Live,
            Domain::Superseded => Self::Superseded,
            Domain::RolledBack => Self::RolledBack,
            Domain::Stopped => Self::Stopped,
        }
    }
}

/// The share of the requests that a canary answers; `None` at every other stage.
pub fn canary_percent(state: deployment::DeploymentState) -> Option<u8> {
    if let deployment::DeploymentState::Canary { percent } = state { Some(percent) } else { None }
}

impl From<alert::AlertState> for AlertState {
    fn from(state: alert::AlertState) -> Self {
        use alert::AlertState as Domain;
        match state {
            Domain::Pending { .. } => Self::Pending,
            Domain::Firing { .. } => Self::Firing,
            Domain::Acknowledged { .. } => Self::Acknowledged,
            Domain::Muted { .. } => Self::Muted,
            Domain::Resolved => Self::Resolved,
        }
    }
}

impl From<alert::AlertKind> for AlertKind {
    fn from(kind: alert::AlertKind) -> Self {
        use alert::AlertKind as Domain;
        match kind {
            Domain::Data => Self::Data,
            Domain::Drift => Self::Drift,
            Domain::Performance => Self::Performance,
            Domain::EstimatedPerformance => Self::EstimatedPerformance,
            Domain::Bias => Self::Bias,
            Domain::Usage => Self::Usage,
            Domain::MissingLabels => Self::MissingLabels,
            Domain::UnknownClass => Self::UnknownClass,
            Domain::UnknownLabels => Self::UnknownLabels,
            Domain::Promotion => Self::Promotion,
            Domain::BreakGlass => Self::BreakGlass,
            Domain::SampleRatio => Self::SampleRatio,
            Domain::Objective => Self::Objective,
        }
    }
}

impl From<alert::MonitorKind> for MonitorKind {
    fn from(kind: alert::MonitorKind) -> Self {
        use alert::MonitorKind as Domain;
        match kind {
            Domain::Data => Self::Data,
            Domain::Performance => Self::Performance,
            Domain::Drift => Self::Drift,
            Domain::Bias => Self::Bias,
            Domain::Usage => Self::Usage,
        }
    }
}

impl From<MonitorKind> for alert::MonitorKind {
    fn from(kind: MonitorKind) -> Self {
        match kind {
            MonitorKind::Data => Self::Data,
            MonitorKind::Performance => Self::Performance,
            MonitorKind::Drift => Self::Drift,
            MonitorKind::Bias => Self::Bias,
            MonitorKind::Usage => Self::Usage,
        }
    }
}

impl From<signing_key::KeyPurpose> for KeyPurpose {
    fn from(purpose: signing_key::KeyPurpose) -> Self {
        match purpose {
            signing_key::KeyPurpose::Package => Self::Package,
            signing_key::KeyPurpose::Checkpoint => Self::Checkpoint,
        }
    }
}

impl From<KeyPurpose> for signing_key::KeyPurpose {
    fn from(purpose: KeyPurpose) -> Self {
        match purpose {
            KeyPurpose::Package => Self::Package,
            KeyPurpose::Checkpoint => Self::Checkpoint,
        }
    }
}

impl From<signing_key::KeyState> for KeyState {
    fn from(state: signing_key::KeyState) -> Self {
        match state {
            signing_key::KeyState::Active => Self::Active,
            signing_key::KeyState::Superseded => Self::Superseded,
            signing_key::KeyState::Revoked => Self::Revoked,
        }
    }
}

impl From<audit::Outcome> for AuditOutcome {
    fn from(outcome: audit::Outcome) -> Self {
        match outcome {
            audit::Outcome::Done => Self::Done,
            audit::Outcome::Denied => Self::Denied,
            audit::Outcome::Failed => Self::Failed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_written_as_its_word_and_reads_back() {
        for state in [DeploymentState::RolledBack, DeploymentState::Canary] {
            let json = serde_json::to_string(&state).unwrap();
            assert_eq!(json, format!("\"{state}\""));
            assert_eq!(serde_json::from_str::<DeploymentState>(&json).unwrap(), state);
        }
        assert!(serde_json::from_str::<Verdict>("\"maybe\"").is_err());
    }
}
