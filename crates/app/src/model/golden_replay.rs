//! Golden requests of a version: which rows a run keeps, and when they are asked again.
//!
//! Invariant: a version whose answers differ from the recorded ones does not serve.

use kilter_domain::event::EventMetrics;
use std::{path::Path, sync::Arc, time::Duration};

use kilter_blobs::BlobStore;
use kilter_inference::Model;
use kilter_package::{
    Package,
    golden::{GoldenRequests, GoldenResult},
};
use kilter_serving::{ServedVersion, VersionRef};

use crate::{app::App, causes::StorageError, model::error::VersionError, private_files::temporary_folder};

/// How long a version is asked row by row before it serves; asking together is not cut short.
const PATIENCE: Duration = Duration::from_secs(2);

/// Asks the model of a package its golden requests; nothing is asked where it carries none.
pub(crate) fn replay_golden(app: &App, package: &Package, model: &Arc<Model>) -> Result<GoldenResult, VersionError> {
    let Some(golden) = read_golden_requests(app, package)? else { return Ok(GoldenResult::default()) };
    let version = VersionRef { number: 0, digest: package.digest };
    let version = ServedVersion::for_validation(model.clone(), version, Some(package.manifest.threshold));
    ask(&golden, version, None)
}

/// What is logged when the golden requests of a version are asked.
pub(crate) const ASKED: &str = "golden requests are asked";

fn ask(
    golden: &GoldenRequests,
    version: ServedVersion,
    patience: Option<Duration>,
) -> Result<GoldenResult, VersionError> {
    tracing::debug!(version = version.version().number, rows = golden.rows(), "{ASKED}");
    Ok(golden.ask(version, patience)?)
}

/// Refuses a version that answers its golden requests otherwise than when it was packed. Bounded in time.
pub(crate) fn check_golden(app: &App, package: &Package, version: ServedVersion) -> Result<(), VersionError> {
    let Some(golden) = read_golden_requests(app, package)? else { return Ok(()) };
    let number = version.version().number;
    let replayed = ask(&golden, version, Some(PATIENCE))?;
    if replayed.not_alone > 0 {
        tracing::warn!(version = number, rows = replayed.not_alone, "golden requests were sent together only");
    }
    match replayed.first {
        None => Ok(()),
        Some(first) => Err(VersionError::GoldenDiffers {
            version: number,
            rows: replayed.rows,
            differing: replayed.differing,
            first: Box::new(first),
        }),
    }
}

/// Refuses a model that answers the golden requests of its package otherwise than when it was packed: when it is loaded for its first request.
pub(crate) fn check_model(
    blobs: &BlobStore,
    scratch: &Path,
    package: &Package,
    model: &Arc<Model>,
) -> Result<(), VersionError> {
    if !package.has_golden() {
        return Ok(());
    }
    let folder = temporary_folder(scratch, "golden.")
        .map_err(|source| StorageError::WriteFile { path: scratch.to_owned(), source })?;
    let Some(golden) = package.golden(blobs, folder.path())? else { return Ok(()) };
    let version = VersionRef { number: 0, digest: package.digest };
    let version = ServedVersion::for_validation(model.clone(), version, Some(package.manifest.threshold));
    let replayed = ask(&golden, version, Some(PATIENCE))?;
    match replayed.first {
        None => Ok(()),
        Some(first) => Err(VersionError::GoldenOfPackage {
            digest: package.digest,
            rows: replayed.rows,
            differing: replayed.differing,
            first: Box::new(first),
        }),
    }
}

/// What a package carries to be asked again; those made without `[package] sample` carry nothing.
pub(crate) fn read_golden_requests(app: &App, package: &Package) -> Result<Option<GoldenRequests>, VersionError> {
    if !package.has_golden() {
        return Ok(None);
    }
    let scratch = app.scratch(&app.new_id())?;
    Ok(package.golden(app.blobs(), scratch.path())?)
}

/// The numbers of a replay for the timeline; none if nothing was asked.
pub(crate) fn numbers(replayed: &GoldenResult) -> EventMetrics {
    let numbers = EventMetrics::default();
    match replayed.rows {
        0 => numbers,
        rows => numbers.with("golden_rows", rows as f64).with("golden_differing", replayed.differing as f64),
    }
}

#[cfg(test)]
pub(crate) mod tests;
