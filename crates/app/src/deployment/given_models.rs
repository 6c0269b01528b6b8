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
    counters::ScoreEdges,
};

use crate::{
    app::App,
    components::serving::{SealMark, Serving},
    deployment::{error::DeployError, routes::score_edges},
    model::{explainable::explainable, golden_replay, input_rules, load},
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
    /// A file that was read.
    Model(Box<Model>, Digest),
    /// The folder of a package, whose signature was checked.
    Package(PathBuf),
}

/// Answers at an endpoint with a model that this process was given. What it answers is not recorded.
///
/// # Errors
/// If the package cannot be read, or answers its golden requests otherwise than when it was made; if the endpoint has a model already.
pub fn serve_given(app: &App, given: GivenModel) -> Result<(), DeployError> {
    let GivenModel { endpoint, version, source } = given;
    let (served, recorded) = match source {
        ModelSource::Model(model, digest) => (of_model(*model, digest, version)?, vec![]),
        ModelSource::Package(folder) => of_package(app, &folder, version)?,
    };
    let routes = Routes::new(Arc::new(served), None, &recorded)?;
    let serving = app.components().endpoints.find_or_open(&endpoint, || open(app, &endpoint))?;
    app.components().endpoints.mark_given(&endpoint);
    serving.endpoint().deploy(routes);
    Ok(())
}

fn of_model(model: Model, digest: Digest, number: u64) -> Result<ServedVersion, DeployError> {
    let admission = admission(VersionRef { number, digest }, digest, None);
    Ok(ServedVersion::with_predictor(Arc::new(model), &admission, ScoreEdges::default())?)
}

fn of_package(app: &App, folder: &Path, number: u64) -> Result<(ServedVersion, Vec<Input>), DeployError> {
    let digest = kilter_package::store_folder(app.blobs(), folder)?;
    let (package, model) = load::load_package(app, digest)?;
    let of_bytes = Digest::of(&package.model_bytes);
    let admission = admission(VersionRef { number, digest }, of_bytes, Some(package.manifest.threshold));
    let served = ServedVersion::with_predictor(explainable(app, digest, model), &admission, score_edges(&package))?;
    let served = served.with_input_rules(input_rules::of_package(&package));
    golden_replay::check_golden(app, &package, served.with_own_counters())?;
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
