//! A version of the registry with its package and model, from memory or from its blobs.

use std::sync::Arc;

use kilter_domain::{digest::Digest, ids::ModelName};
use kilter_inference::Model;
use kilter_package::{Package, PackageError};
use kilter_store::model as versions;

use crate::{
    app::App,
    components::model_memory::Loaded,
    model::{error::VersionError, explainable::ExplainableSource, runtime::ModelLoader},
};

/// A version's package and model, read once and kept.
///
/// # Errors
/// When there is no such version, or its package or model cannot be read.
pub fn load_version(app: &App, model: &ModelName, number: u32) -> Result<Loaded, VersionError> {
    let version = app.store().read(|reader| versions::get(reader, model, number))?;
    load_package(app, version.digest)
}

/// A version's package without its model, read once and kept.
///
/// # Errors
/// When there is no such version, or its package cannot be read.
pub(crate) fn read_version(app: &App, model: &ModelName, number: u32) -> Result<Arc<Package>, VersionError> {
    let version = app.store().read(|reader| versions::get(reader, model, number))?;
    read_package(app, version.digest)
}

/// A package and its model.
pub(crate) type LoadedVersion = Loaded;

/// A package and its model, read from the store whatever is in memory.
pub(crate) fn load_stored(app: &App, digest: Digest) -> Result<LoadedVersion, VersionError> {
    let package = Package::load(app.blobs(), digest)?;
    let model = parse(app, &package)?;
    Ok((Arc::new(package), Arc::new(model)))
}

/// A package without its model, verified when first read.
pub(crate) fn read_package(app: &App, digest: Digest) -> Result<Arc<Package>, VersionError> {
    Ok(app.components().models.find_or_read(digest, || Package::load(app.blobs(), digest))?)
}

/// A package and its model, verified when first read.
pub(crate) fn load_package(app: &App, digest: Digest) -> Result<Loaded, VersionError> {
    let package = read_package(app, digest)?;
    let source = ExplainableSource::of(app, digest);
    let model =
        app.components().models.find_or_load(digest, |model| source.explainable(model), || parse(app, &package))?;
    Ok((package, model))
}

/// Keeps a package that was just stored, with the model that was parsed from the same bytes: it is read back and verified, so
/// that whoever deploys it need not, and is not parsed again.
pub(crate) fn keep_version(app: &App, digest: Digest, model: Arc<Model>) -> Result<Loaded, PackageError> {
    let package = Package::load(app.blobs(), digest)?;
    package.read_model(app.blobs())?;
    let (models, source) = (&app.components().models, ExplainableSource::of(app, digest));
    models.insert(digest, |model| source.explainable(model), model.clone());
    Ok((models.keep_package(package), model))
}

/// The model of a package: seconds for a large one, or one of Python, so once per run.
fn parse(app: &App, package: &Package) -> Result<Model, PackageError> {
    ModelLoader::of(app).load(&package.read_model(app.blobs())?, Some(&package.manifest.signature))
}
