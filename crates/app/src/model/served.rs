//! The model of a package as it serves: from memory, or read from its blobs when it is asked for.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use kilter_blobs::BlobStore;
use kilter_domain::{digest::Digest, error_chain::with_causes};
use kilter_inference::{InputKind, Model, Signature};
use kilter_package::Package;
use kilter_serving::endpoint::ExplainableModel;

use crate::{
    app::App,
    components::model_memory::{ModelMemoryCounts, ReadModel, ServedModel},
    model::{error::VersionError, explainable::ExplainableSource, golden_replay, runtime::ModelLoader},
};

/// When the model of a version that serves is loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LoadTime {
    /// Before it serves, and its golden requests are asked.
    Now,
    /// When the first request asks for it; its golden requests are asked then.
    WhenAsked,
}

impl LoadTime {
    /// When a version is loaded that serves already by what is stored: at once where all of them stay in memory.
    pub(crate) fn of_stored(app: &App) -> Self {
        if app.components().models.is_bounded() { Self::WhenAsked } else { Self::Now }
    }
}

/// What the models in memory take, and what was loaded and released for it.
pub fn memory_counts(app: &App) -> ModelMemoryCounts {
    app.components().models.counts()
}

/// Releases models while those in memory take more than they may. Whether anything was released since the last call, here or by a load.
pub fn release_excess(app: &App) -> bool {
    app.components().models.release_excess()
}

/// The model of a package that serves.
pub(crate) fn serve_package(app: &App, package: &Package, time: LoadTime) -> Arc<ServedModel> {
    let (digest, manifest) = (package.digest, &package.manifest);
    let source = PackagedModel {
        blobs: app.blobs().clone(),
        scratch: app.scratch_root(),
        loader: ModelLoader::of(app),
        explainable: ExplainableSource::of(app, digest),
        digest,
        is_tested: AtomicBool::new(time == LoadTime::Now),
    };
    let takes = (manifest.signature.clone(), manifest.format);
    Arc::new(ServedModel::new(&app.components().models, digest, Arc::new(source), takes))
}

/// The model in the blobs of a package.
struct PackagedModel {
    blobs: BlobStore,
    scratch: PathBuf,
    loader: ModelLoader,
    explainable: ExplainableSource,
    digest: Digest,
    /// Whether it answered its golden requests in this process.
    is_tested: AtomicBool,
}

impl PackagedModel {
    fn load(&self) -> Result<Arc<Model>, VersionError> {
        let package = Package::load(&self.blobs, self.digest)?;
        let signature = &package.manifest.signature;
        let model = Arc::new(self.loader.load(&package.read_model(&self.blobs)?, Some(signature))?);
        if !is_same(model.signature(), signature) {
            return Err(VersionError::OtherSignature { digest: self.digest });
        }
        if !self.is_tested.load(Relaxed) {
            golden_replay::check_model(&self.blobs, &self.scratch, &package, &model)?;
            self.is_tested.store(true, Relaxed);
        }
        Ok(model)
    }
}

impl ReadModel for PackagedModel {
    fn read(&self) -> Result<Arc<Model>, String> {
        self.load().map_err(|error| with_causes(&error))
    }

    fn explainable(&self, model: Arc<Model>) -> Arc<ExplainableModel> {
        self.explainable.explainable(model)
    }
}

/// Whether requests and answers mean the same to both.
fn is_same(found: &Signature, stated: &Signature) -> bool {
    let columns = |of: &Signature| -> Vec<(String, InputKind)> {
        of.inputs.iter().map(|input| (input.name.clone(), input.kind)).collect()
    };
    (found.task, &found.classes, columns(found)) == (stated.task, &stated.classes, columns(stated))
}
