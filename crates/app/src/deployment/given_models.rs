//! Models that a process was given to answer with: no registry, no contract, and no record of what they answer.
//!
//! Invariants: they answer by the same data plane as deployed versions; a package keeps its input rules, its threshold and its golden
//! requests; nothing is recorded.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use kilter_domain::{
    deployment::AdmissionPolicy, digest::Digest, ids::EndpointName, model::VersionState, time::Timestamp,
};
use kilter_inference::{Input, Model};
use kilter_serving::{
    Endpoint, EndpointOptions, Limits, LoadRequest, LogOptions, PredictionLog, Routes, ServedVersion, VersionRef,
    counters::ScoreEdges, endpoint::ExplainableModel,
};

use crate::{
    app::App,
    components::{
        model_memory::{ReadModel, ServedModel},
        serving::{SealMark, Serving},
    },
    deployment::{error::DeployError, routes::serve_version},
    model::{load, served::LoadTime},
};

/// What a process was given to answer with.
#[derive(Debug)]
pub struct GivenModel {
    /// The name that requests use.
    pub endpoint: EndpointName,
    /// The number of the version.
    pub version: u64,
    /// The model.
    pub source: ModelSource,
}

/// Where a model comes from.
#[derive(Debug)]
pub enum ModelSource {
    /// A file, or a model folder of MLflow.
    Model(Box<FileModel>),
    /// The folder of a package, whose signature was checked.
    Package(PathBuf),
}

/// Reads a model, with the digest of what it was made from.
///
/// # Errors
/// Why it cannot be loaded, for the operator.
pub type ReadFile = Box<dyn Fn() -> Result<(Model, Digest), String> + Send + Sync>;

/// A model that was read, and can be read again.
pub struct FileModel {
    /// The model.
    pub model: Model,
    /// The digest of what it was made from.
    pub digest: Digest,
    /// Reads it again.
    pub read: ReadFile,
}

impl std::fmt::Debug for FileModel {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("FileModel").field("digest", &self.digest).finish_non_exhaustive()
    }
}

/// The file of a model that serves.
struct ModelFile {
    digest: Digest,
    read: ReadFile,
}

impl ReadModel for ModelFile {
    fn read(&self) -> Result<Arc<Model>, String> {
        let (model, digest) = (self.read)()?;
        match digest == self.digest {
            true => Ok(Arc::new(model)),
            false => {
                Err("its file is another one than when the process started; restart it to serve the new one".to_owned())
            }
        }
    }

    fn explainable(&self, model: Arc<Model>) -> Arc<ExplainableModel> {
        Arc::new(ExplainableModel::new(model, Box::new(|| None)))
    }
}

/// Answers at an endpoint with a model that this process was given. What it answers is not recorded.
///
/// # Errors
/// If the package cannot be read, or answers its golden requests otherwise than when it was made; if the endpoint has a model already.
pub fn serve_given(app: &App, given: GivenModel) -> Result<(), DeployError> {
    let GivenModel { endpoint, version, source } = given;
    let (served, recorded) = match source {
        ModelSource::Model(file) => (of_file(app, *file, version)?, vec![]),
        ModelSource::Package(folder) => of_package(app, &folder, version)?,
    };
    let routes = Routes::new(Arc::new(served), None, &recorded)?;
    let serving = app.components().endpoints.find_or_open(&endpoint, || open(app, &endpoint))?;
    app.components().endpoints.mark_given(&endpoint);
    serving.endpoint().deploy(routes);
    Ok(())
}

fn of_file(app: &App, file: FileModel, number: u64) -> Result<ServedVersion, DeployError> {
    let FileModel { model, digest, read } = file;
    let admission = admission(VersionRef { number, digest }, digest, None);
    let (models, source) = (&app.components().models, Arc::new(ModelFile { digest, read }));
    let takes = (model.signature().clone(), model.format());
    // What a file takes is known by reading it; where not all models may stay, it goes again when another one comes.
    let served = ServedModel::new(models, digest, source.clone(), takes);
    models.insert(digest, |model| source.explainable(model), Arc::new(model));
    Ok(ServedVersion::with_model(Arc::new(served), &admission, ScoreEdges::default())?)
}

fn of_package(app: &App, folder: &Path, number: u64) -> Result<(ServedVersion, Vec<Input>), DeployError> {
    let digest = kilter_package::store_folder(app.blobs(), folder)?;
    let package = load::read_package(app, digest)?;
    let admission = admission(VersionRef { number, digest }, package.model, Some(package.manifest.threshold));
    let served = serve_version::<DeployError>(app, &package, &admission, LoadTime::of_stored(app))?;
    Ok((served, package.manifest.recorded.clone()))
}

/// No registry knows a state of it: whoever starts the process decides.
const fn admission(version: VersionRef, model: Digest, threshold: Option<f64>) -> LoadRequest {
    LoadRequest { version, model, state: VersionState::Candidate, admits: AdmissionPolicy::BreakGlass, threshold }
}

/// An endpoint without a log; the one that every open endpoint has stays empty.
fn open(app: &App, name: &EndpointName) -> Result<Serving, DeployError> {
    let folder = app.folder().join("log").join(name.as_str());
    let (log, _) = PredictionLog::open(folder, LogOptions::default())?;
    let options = EndpointOptions { limits: Limits::default(), id_prefix: app.new_id() };
    Ok(Serving {
        endpoint: Endpoint::new(name.clone(), options, None),
        log: Arc::new(log),
        sealing: Mutex::default(),
        merges: Mutex::default(),
        sealed: Mutex::new(SealMark { until: Timestamp(0), appended: Some(0) }),
        losses: vec![],
    })
}
