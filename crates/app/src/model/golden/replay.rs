//! Golden requests: rows that a version carries with the answers that its model gave, asked again whenever it matters.
//!
//! Invariants: the model is asked as callers ask (a V2 body in, a V2 body out), together and row by row; answers are
//! compared bit by bit, without a tolerance. Asking a version moves none of its counters. Out of scope: labels and
//! columns that no model reads.

use std::{sync::Arc, time::Duration};

use kilter_domain::contract::Package as PackageSpec;
use kilter_inference::Model;
use kilter_lake::{ReadOptions, read_table};
use kilter_serving::{ServedVersion, VersionRef};
use kilter_workflow::RunRecord;

use crate::{
    app::App,
    error::AppError,
    model::{
        golden::requests::{GoldenRequests, GoldenResult},
        package::Package,
    },
    project::folder::Project,
    training::{data, request::Training},
};

/// How long a version is asked row by row before it serves; asking together is not cut short.
const PATIENCE: Duration = Duration::from_secs(2);

/// The golden requests that the contract asks for, with the answers of the model that the run made.
pub(crate) fn golden_sample(
    project: &Project,
    training: &Training,
    spec: &PackageSpec,
    record: &RunRecord,
    (model, threshold): (&Model, f64),
) -> Result<Option<GoldenRequests>, AppError> {
    let Some(sample) = &spec.sample else { return Ok(None) };
    let path = data::output_path(project, training, record, &sample.from)?;
    let table = read_table(&path, &ReadOptions::default())?;
    GoldenRequests::record(model, threshold, &table, sample.rows as usize)
}

/// Asks the model of a package, as it is stored, its golden requests; nothing is asked where it carries none.
pub(crate) fn replay_golden(app: &App, package: &Package) -> Result<GoldenResult, AppError> {
    let stored = Package::load(app.blobs(), package.digest)?;
    let Some(golden) = read_golden_requests(app, &stored)? else { return Ok(GoldenResult::default()) };
    let version = VersionRef { number: 0, digest: stored.digest };
    let model = Arc::new(stored.model()?);
    golden.ask(ServedVersion::for_validation(model, version, Some(stored.manifest.threshold)), None)
}

/// Refuses a version that answers its golden requests otherwise than when it was packed. Bounded in time.
pub(crate) fn check_golden(app: &App, package: &Package, version: ServedVersion) -> Result<(), AppError> {
    let Some(golden) = read_golden_requests(app, package)? else { return Ok(()) };
    let number = version.version().number;
    let replayed = golden.ask(version, Some(PATIENCE))?;
    if replayed.not_alone > 0 {
        tracing::warn!(version = number, rows = replayed.not_alone, "golden requests were sent together only");
    }
    match replayed.first {
        None => Ok(()),
        Some(first) => Err(AppError::GoldenDiffers {
            version: number,
            rows: replayed.rows,
            differing: replayed.differing,
            first: Box::new(first),
        }),
    }
}

/// What a package carries to be asked again; those made without `[package] sample` carry nothing.
pub(crate) fn read_golden_requests(app: &App, package: &Package) -> Result<Option<GoldenRequests>, AppError> {
    if !package.has_golden() {
        return Ok(None);
    }
    let scratch = app.scratch(&app.new_id())?;
    package.golden(app.blobs(), scratch.path())
}

#[cfg(test)]
pub(crate) mod tests;
