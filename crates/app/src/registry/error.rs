//! Why something of the registry was refused or failed.

use kilter_domain::{
    error_chain::with_causes,
    registry::{InvalidAliasName, RegisteredName},
    search::SearchError,
};
use kilter_store::StoreError;

use crate::{
    authz::AuthorizeError,
    causes::{NotFound, PermissionDenied, StorageError},
    deployment::error::DeployError,
    package::PackageUseError,
    tracking::TrackingError,
};

/// Why something of the registry was refused or failed.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant says what it is")]
pub enum RegistryError {
    #[error(transparent)]
    Denied(#[from] PermissionDenied),
    #[error(transparent)]
    NotFound(#[from] NotFound),
    /// The name of a model is taken.
    #[error("there is a registered model `{name}` already; use another name")]
    NameTaken { name: RegisteredName },
    /// The model has no such alias.
    #[error("Registered model alias {alias} not found.")]
    NoAlias { alias: String },
    /// A text that cannot be an alias.
    #[error(transparent)]
    Alias(#[from] InvalidAliasName),
    /// Versions of a stage that nobody uses are not archived.
    #[error(
        "Model version transition cannot archive existing model versions because '{stage}' is not an Active stage. Valid stages are \
         ['Staging', 'Production']"
    )]
    NothingToArchive { stage: &'static str },
    /// The files of a version are not where it says, or whoever asks has not said whose they are.
    #[error("Invalid model version source: '{source_uri}'. {reason}")]
    Source { source_uri: String, reason: String },
    /// A scheme whose files the platform does not read.
    #[error(
        "'source' cannot use the '{scheme}' scheme: the '{scheme}' scheme addresses a host other than the tracking server's configured \
         artifact storage, so the server would connect to the host named in the URI."
    )]
    Scheme { scheme: String },
    /// What is under a contract moves by the contract.
    #[error("the {what} `{name}` cannot be {act}: {reason}")]
    Governed { what: &'static str, name: String, act: &'static str, reason: String },
    /// The contract of the model does not let this be said of a version.
    #[error("{reason}{}", if .missing.is_empty() { String::new() } else { format!("; missing: {}", .missing.join("; ")) })]
    Refused { reason: String, missing: Vec<String>, refused: Box<DeployError> },
    /// The files of a version are kept by someone else.
    #[error(
        "the files of the version are at {location}, which Kilter does not read: log the model to an experiment whose artifacts this \
         server keeps, and register it from there"
    )]
    FilesElsewhere { location: String },
    /// There is no model where the files are.
    #[error("what is registered as a version of `{name}` is no model of MLflow: there is no MLmodel in its folder")]
    NoModel { name: RegisteredName },
    /// A model that no process of the platform runs.
    #[error(
        "`{name}` is under a contract, so its versions are packaged and served by Kilter, which runs the flavors onnx, lightgbm and xgboost in its own process; \
         this model has the flavors {flavors}. Its operator lets it run other models in processes of Python with `kilter server --python PATH` \
         (docs/guides/serve-any-model.md). Else convert it to ONNX (skl2onnx, onnxmltools, torch.onnx) and log it with `mlflow.onnx.log_model`, or \
         register it as a model without a contract"
    )]
    Flavor { name: RegisteredName, flavors: String },
    /// More files, or larger ones, than a version may have.
    #[error("the model has more than {files} files or {bytes} bytes")]
    TooLarge { files: usize, bytes: u64 },
    /// A model that cannot be packed.
    #[error(transparent)]
    Package(#[from] Box<PackageUseError>),
    /// A filter or an order that cannot be read.
    #[error(transparent)]
    Search(#[from] SearchError),
    /// The run or the logged model that a version names.
    #[error(transparent)]
    Tracking(TrackingError),
    #[error(transparent)]
    Storage(StorageError),
}

impl From<StoreError> for RegistryError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound { what, id } => Self::not_found(what, id),
            other => Self::Storage(other.into()),
        }
    }
}

impl From<DeployError> for RegistryError {
    fn from(error: DeployError) -> Self {
        match error {
            DeployError::Denied(error) => Self::Denied(error),
            DeployError::NotFound(error) => Self::NotFound(error),
            DeployError::Storage(StorageError::Store(error)) => error.into(),
            DeployError::Storage(error) => Self::Storage(error),
            refused => Self::Refused { reason: with_causes(&refused), missing: Vec::new(), refused: Box::new(refused) },
        }
    }
}

impl From<TrackingError> for RegistryError {
    fn from(error: TrackingError) -> Self {
        match error {
            TrackingError::Denied(error) => Self::Denied(error),
            TrackingError::NotFound(error) => Self::NotFound(error),
            TrackingError::Storage(error) => Self::Storage(error),
            other => Self::Tracking(other),
        }
    }
}

impl From<AuthorizeError> for RegistryError {
    fn from(error: AuthorizeError) -> Self {
        match error {
            AuthorizeError::Denied(error) => Self::Denied(error),
            AuthorizeError::Storage(StorageError::Store(error)) => error.into(),
            AuthorizeError::Storage(error) => Self::Storage(error),
        }
    }
}

impl RegistryError {
    fn not_found(what: &'static str, id: impl Into<String>) -> Self {
        let how = "search the registered models to see what there is".to_owned();
        Self::NotFound(NotFound { what, id: id.into(), how })
    }

    pub(super) fn source(source: &str, reason: impl Into<String>) -> Self {
        Self::Source { source_uri: source.chars().take(500).collect(), reason: reason.into() }
    }
}
