//! The server's side: a package by its digest, file by file.

use std::fs::File;

use kilter_blobs::Tree;
use kilter_domain::{digest::Digest, ids::ModelName};
use kilter_store::{model as versions, package_signature as signatures};

use crate::{
    app::App,
    causes::NotFound,
    replication::{cache::PackageListing, error::ReplicationError},
};

/// The files and the signatures of a package of a model.
///
/// # Errors
/// If no version of the model has this package, or it cannot be read.
pub fn package_files(app: &App, model: &ModelName, digest: &Digest) -> Result<PackageListing, ReplicationError> {
    let tree = tree_of(app, model, digest)?;
    let signatures = app.store().read(|reader| signatures::list(reader, digest))?;
    Ok(PackageListing { tree, signatures: signatures.into_iter().map(|signature| signature.bundle).collect() })
}

/// A file of a package of a model, for reading; and how many bytes it has. Its bytes are not compared with its digest.
///
/// # Errors
/// If no version of the model has this package, or the package no such file.
pub fn open_package_file(
    app: &App,
    model: &ModelName,
    digest: &Digest,
    file: &Digest,
) -> Result<(File, u64), ReplicationError> {
    let tree = tree_of(app, model, digest)?;
    let entry = tree.entries().iter().find(|entry| entry.digest == *file);
    let entry = entry.ok_or_else(|| NotFound {
        what: "file of the package",
        id: file.to_string(),
        how: "see its files at the address of the package".to_owned(),
    })?;
    Ok((app.blobs().reader(file)?, entry.bytes))
}

fn tree_of(app: &App, model: &ModelName, digest: &Digest) -> Result<Tree, ReplicationError> {
    let with_digest = app.store().read(|reader| versions::find_by_digest(reader, digest))?;
    if !with_digest.iter().any(|version| version.model == *model) {
        let (id, how) = (digest.to_string(), format!("see the versions with `kilter model show {model}@N`"));
        return Err(NotFound { what: "package of the model", id, how }.into());
    }
    Ok(app.blobs().tree(digest)?)
}
