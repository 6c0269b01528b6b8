//! A version of the registry with its package and model, from memory or from its blobs.

use kilter_domain::{digest::Digest, ids::ModelName};
use kilter_package::Package;
use kilter_store::model as versions;

use crate::{app::App, model::error::VersionError, model::model_cache::Loaded};

/// A version's package and model, read once and kept.
pub fn load_version(app: &App, model: &ModelName, number: u32) -> Result<Loaded, VersionError> {
    let version = app.store().read(|reader| versions::get(reader, model, number))?;
    load_package(app, version.digest)
}

/// A package and its model, verified when first read.
pub(crate) fn load_package(app: &App, digest: Digest) -> Result<Loaded, VersionError> {
    app.components().models.find_or_load(digest, || {
        let package = Package::load(app.blobs(), digest)?;
        let model = package.model()?;
        Ok((package, model))
    })
}
