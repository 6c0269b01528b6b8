//! Why an intention of the platform could not be carried out.

use kilter_domain::{
    alert::IllegalAlertTransition, deployment::IllegalDeploymentTransition, ids::EndpointName,
    model::IllegalVersionTransition, table::TableError, time::Timestamp,
};
use kilter_inference::{LoadError, PredictError};
use kilter_package::{
    PackageError,
    golden::{Difference, GoldenError},
};
use std::path::PathBuf;

use crate::dataset::column_roles::RolesError;

/// Why a label is not taken that is known only later.
pub fn label_from_future(id: &str, known_at: Timestamp, now: Timestamp) -> String {
    format!(
        "the label of `{id}` becomes known at {known_at}, and it is {now}: what is still to come is not known; correct the \
         time, or send the label then"
    )
}

/// Everything that can stop an intention. What a gate or a rule says is no error: it is a result.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    #[error("there is no kilter.toml in {}; write one with `kilter init --from DATA`", .0.display())]
    NoContract(PathBuf),
    #[error("could not read {}", path.display())]
    ReadFile {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("could not write {}", path.display())]
    WriteFile {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error(
        "{} is {}, but {} is there: this is the folder of a platform that lost its database, not a new one; restore it \
         from a backup (`kilter restore`), or choose another --data to begin anew",
        path.display(), if *is_missing { "missing" } else { "empty" }, beside.display()
    )]
    DatabaseLost { path: PathBuf, is_missing: bool, beside: PathBuf },
    #[error("{0}")]
    Contract(String),
    #[error("the project has no name and its folder {} gives none; add `name = \"...\"` to [project]", .0.display())]
    NoName(PathBuf),
    #[error("the contract says nothing of {what}; {how}")]
    NotInContract { what: String, how: String },
    #[error("there is no {what} `{id}`; {how}")]
    NotFound { what: &'static str, id: String, how: String },
    #[error("{what} `{id}` is {state}; {how}")]
    InvalidState { what: &'static str, id: String, state: String, how: String },
    #[error(transparent)]
    VersionMove(#[from] IllegalVersionTransition),
    #[error(transparent)]
    DeploymentMove(#[from] IllegalDeploymentTransition),
    #[error(transparent)]
    AlertMove(#[from] IllegalAlertTransition),
    /// What the new version takes and gives, and what callers of the live one rely on.
    #[error(
        "version {version} has another signature ({new}) than version {live} that callers of `{endpoint}` rely on ({old}); deploy it \
         to an endpoint of its own"
    )]
    SignatureDiffers { version: u32, live: u32, endpoint: EndpointName, new: String, old: String },
    /// `is_nameless`: the caller did not say who they are.
    #[error("{sentence}")]
    RightMissing { sentence: String, is_nameless: bool },
    #[error(transparent)]
    Package(#[from] PackageError),
    #[error(transparent)]
    Golden(#[from] GoldenError),
    #[error("could not read or write the {what} document")]
    Document {
        what: &'static str,
        #[source]
        source: serde_json::Error,
    },
    #[error(transparent)]
    Profile(#[from] kilter_evaluation::reference_format::ProfileError),
    #[error(transparent)]
    ProfileFile(#[from] crate::column_stats::file::ProfileFileError),
    #[error(
        "version {version} answers {differing} of its {rows} golden requests otherwise than when it was packed (row {}: \
         {} {} was expected, {} found), so it does not serve; make a new version with `kilter run`",
        first.row, first.output, first.expected, first.found
    )]
    GoldenDiffers { version: u64, rows: usize, differing: usize, first: Box<Difference> },
    #[error("the model file {} cannot be loaded", path.display())]
    ModelFile {
        path: PathBuf,
        #[source]
        source: LoadError,
    },
    #[error(
        "the model reads `{column}`, which no model may read: the contract names it as {role}; leave it out of the training \
         (`--exclude {column}`)"
    )]
    Leakage { column: String, role: &'static str },
    #[error(
        "the model reads `{column}`, and names that begin with `__` are kept for what Kilter records, so no request could \
         carry it; rename the column, or leave it out of the training (`--exclude {column}`)"
    )]
    ReservedInput { column: String },
    #[error("could not score {what}")]
    Predict {
        what: String,
        #[source]
        source: PredictError,
    },
    #[error(
        "the endpoint `{endpoint}` has no live version; train one with `kilter run`, or deploy one with `kilter deploy`"
    )]
    NoLiveVersion { endpoint: EndpointName },
    #[error("{}", label_from_future(id, *known_at, *now))]
    LabelFromFuture { id: String, known_at: Timestamp, now: Timestamp },
    #[error("this cannot be served")]
    Routes(#[from] kilter_serving::RouteError),
    #[error(transparent)]
    ColumnRoles(#[from] RolesError),
    #[error(transparent)]
    Table(#[from] TableError),
    #[error(transparent)]
    Store(#[from] kilter_store::StoreError),
    #[error(transparent)]
    Blob(#[from] kilter_blobs::BlobError),
    #[error(transparent)]
    Lake(#[from] kilter_lake::LakeError),
    #[error(transparent)]
    Log(#[from] kilter_serving::LogError),
    #[error(transparent)]
    Infer(#[from] kilter_serving::InferError),
    #[error(transparent)]
    Admit(#[from] kilter_serving::LoadRejected),
    #[error(transparent)]
    Run(#[from] kilter_workflow::RunError),
    #[error(transparent)]
    Plan(#[from] kilter_workflow::PlanError),
}

impl AppError {
    /// Whether a file of the data folder is damaged or missing; the error names it.
    pub const fn is_damage(&self) -> bool {
        match self {
            Self::DatabaseLost { .. } => true,
            Self::Lake(error) => error.is_damaged(),
            Self::Blob(error) => error.is_damaged(),
            Self::Package(error) => error.is_damaged(),
            _ => false,
        }
    }

    /// Whether it says of one version that it cannot serve as it stands here: others can.
    pub const fn is_of_a_version(&self) -> bool {
        matches!(
            self,
            Self::GoldenDiffers { .. }
                | Self::Package(_)
                | Self::Golden(GoldenError::Route(_))
                | Self::Document { .. }
                | Self::Blob(_)
                | Self::Admit(_)
                | Self::Routes(_)
        )
    }

    /// Whether it says that something may not be or need not be done as things stand: a result with its reason, where
    /// the platform tried it by itself.
    pub const fn is_refusal(&self) -> bool {
        let is_move = matches!(self, Self::VersionMove(_) | Self::DeploymentMove(_) | Self::AlertMove(_));
        let is_stated =
            matches!(self, Self::SignatureDiffers { .. } | Self::InvalidState { .. } | Self::Leakage { .. });
        is_move || is_stated || self.is_of_a_version()
    }
}
