//! Profiles of what is served: counted in memory by the data plane, kept by the hour in files, added up when asked for.
//!
//! Invariants: a file is written whole or not at all and read back before rows are added to it; what cannot be kept stays
//! in memory for the next time; hours, roles, processes add up to the whole. A crash loses what was counted since the last
//! time it was kept: the prediction log has the truth. Out of scope: a timer (the server has it), raw rows.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use kilter_domain::{ids::EndpointName, time::Timestamp};
use kilter_evaluation::reference::{PREDICTION, SCORE};
use kilter_inference::Task;
use kilter_package::Package;
use kilter_serving::{
    VersionRef,
    column_stats::{ColumnKind, ColumnStats, HourBucket, TrackedColumn, hour_of},
};
use kilter_stats::{drift::CategoricalReference, profile::ReferenceDistribution};
use kilter_store::prediction as index;

pub(crate) use crate::column_stats::folder::replica_of;
use crate::{
    app::App,
    causes::StorageError,
    column_stats::{
        bucket,
        error::ColumnStatsError,
        file::{self, ColumnStatsFileError},
        folder,
        summary::EndpointColumnStats,
        sums::{Span, Sums},
    },
    model::load,
};

/// Hours that column statistics are kept for.
const KEPT_HOURS: i64 = 24 * 92;

/// The statistics that a version counts into at an endpoint; one that waits to be kept is counted on.
pub(crate) fn open_profile(
    app: &App,
    endpoint: &EndpointName,
    version: VersionRef,
    package: &Package,
) -> Arc<ColumnStats> {
    let served = (endpoint.clone(), version);
    app.components().column_stats.find_or_start(served, || ColumnStats::new(watched(package)))
}

/// Adds what was counted to the files of its hours. What cannot be kept is counted on, and tried again.
///
/// # Errors
/// The first reason why something could not be kept; everything else was.
pub fn keep_column_stats(app: &App, now: Timestamp) -> Result<u64, ColumnStatsError> {
    let _files = app.components().column_stats.lock_files();
    let open = app.components().column_stats.list();
    let (mut rows, mut failed) = (0, None);
    for ((endpoint, version), column_stats) in &open {
        for slot in column_stats.take_buckets() {
            match keep_slot(app, endpoint, *version, column_stats.tracked_columns(), &slot, now) {
                Ok(()) => rows += slot.window.rows,
                Err(error) => {
                    failed.get_or_insert(error);
                    column_stats.add_bucket(slot);
                }
            }
        }
    }
    drop(open);
    if let Err(error) = bucket::upload_unsent(app, |endpoint| stats_folder(app, endpoint)) {
        failed.get_or_insert(error.into());
    }
    // What serves no more and has nothing to keep is forgotten.
    app.components().column_stats.forget_idle();
    failed.map_or(Ok(rows), Err)
}

fn keep_slot(
    app: &App,
    endpoint: &EndpointName,
    version: VersionRef,
    watched: &[TrackedColumn],
    slot: &HourBucket,
    now: Timestamp,
) -> Result<(), ColumnStatsError> {
    let path = folder::path(&stats_folder(app, endpoint), version, slot, app.store().replica());
    let (mut window, mut is_new) = (slot.window.clone(), false);
    match folder::read(&path)? {
        None => is_new = true,
        Some(bytes) => match file::decode(&bytes, watched).and_then(|kept| kept.merged(&window)) {
            Ok(merged) => window = merged,
            Err(damage) => {
                tracing::error!(path = %path.display(), %damage, "a file of column statistics cannot be read; it is set aside");
                folder::set_aside(&path)?;
            }
        },
    }
    let header = file::Header { number: version.number, package: version.digest, role: slot.role, hour: slot.hour };
    let bytes = file::encode(&header, watched, &window)?;
    kilter_blobs::atomic::write_atomic(&path, &bytes)?;
    let name = name_of(app, endpoint, &path);
    if let Err(error) = bucket::upload(app, endpoint, &name, bytes) {
        // The counts are in the folder; they are sent with the next ones.
        tracing::warn!(%error, "a file of column statistics is not in the object store yet");
    }
    if is_new {
        record_file(app, endpoint, name, slot.hour, now)?;
    }
    Ok(())
}

/// The name of a file below the folder of its endpoint.
fn name_of(app: &App, endpoint: &EndpointName, path: &Path) -> String {
    path.strip_prefix(stats_folder(app, endpoint)).unwrap_or(path).to_string_lossy().into_owned()
}

/// Notes a file, so that it is known to be missing when it is; old ones go.
fn record_file(
    app: &App,
    endpoint: &EndpointName,
    name: String,
    hour: i64,
    now: Timestamp,
) -> Result<(), StorageError> {
    let before = hour_of(now) - KEPT_HOURS;
    folder::prune(&stats_folder(app, endpoint), before);
    bucket::delete_old(app, endpoint, before)?;
    let endpoint = endpoint.clone();
    app.store().write(move |tx| {
        index::forget_served(tx, &endpoint, before)?;
        index::note_served(tx, &endpoint, &name, hour)
    })?;
    Ok(())
}

/// Files that were noted for a span and are not there. What is in the object store is fetched.
fn fetch_missing(app: &App, endpoint: &EndpointName, span: Span) -> Result<Vec<PathBuf>, StorageError> {
    let (first, last) = (hour_of(span.since), hour_of(span.until));
    let noted = app.store().read(|reader| index::list_served(reader, endpoint, first, last))?;
    let (folder, own) = (stats_folder(app, endpoint), app.store().replica());
    let mut missing = Vec::new();
    for (path, name) in noted.into_iter().map(|name| (folder.join(&name), name)) {
        let is_own = folder::replica_of(&name) == own;
        if is_own && !path.exists() && !bucket::fetch(app, endpoint, &name, &path)? {
            missing.push(path);
        } else if !is_own && app.storage().is_some() && !folder::is_final_copy(&path) {
            // Another server counts on into it.
            bucket::fetch(app, endpoint, &name, &path)?;
        }
    }
    Ok(missing)
}

fn stats_folder(app: &App, endpoint: &EndpointName) -> PathBuf {
    app.folder().join("served").join(endpoint.as_str())
}

/// What the versions of an endpoint answered in a span, each role apart: files and what is not yet kept.
///
/// # Errors
/// When the folder cannot be read. A file that cannot be read is counted, and the others are told.
pub fn endpoint_column_stats(
    app: &App,
    endpoint: &EndpointName,
    span: Span,
) -> Result<EndpointColumnStats, ColumnStatsError> {
    let _files = app.components().column_stats.lock_files();
    let missing = fetch_missing(app, endpoint, span)?;
    let mut sums = Sums::default();
    for path in folder::list(&stats_folder(app, endpoint), span)? {
        let bytes = folder::read(&path)?.unwrap_or_default();
        if let Err(damage) = add_file(app, &mut sums, &bytes) {
            tracing::error!(path = %path.display(), %damage, "a file of column statistics cannot be read");
            sums.unreadable += 1;
        }
    }
    for missing in missing {
        tracing::error!(path = %missing.display(), "a file of column statistics is missing: its counts are not reported");
        sums.unreadable += 1;
    }
    let open = app.components().column_stats.list();
    for ((_, version), column_stats) in open.into_iter().filter(|((name, _), _)| name == endpoint) {
        sums.lost_rows += column_stats.lost_rows();
        let watched: Arc<[TrackedColumn]> = column_stats.tracked_columns().into();
        for slot in column_stats.peek_buckets().into_iter().filter(|slot| span.has(slot.hour)) {
            sums.add(version, &slot, &watched)?;
        }
    }
    Ok(sums.measured(app)?)
}

fn add_file(app: &App, sums: &mut Sums, bytes: &[u8]) -> Result<(), ColumnStatsError> {
    let header = file::Header::read(bytes)?;
    let version = VersionRef { number: header.number, digest: header.package };
    let watched = match sums.columns.get(&version.digest) {
        Some(known) => known.clone(),
        None => watched(&*load::read_package(app, version.digest)?).into(),
    };
    let window = file::decode(bytes, &watched)?.window;
    let slot = HourBucket { role: header.role, hour: header.hour, window };
    sums.add(version, &slot, &watched)
}

/// Reads every file below `served/` and says which cannot be read; `files` counts them.
pub(crate) fn check_files(served: &Path, files: &mut u64) -> Vec<(PathBuf, ColumnStatsFileError)> {
    let mut damaged = Vec::new();
    for endpoint in std::fs::read_dir(served).into_iter().flatten().flatten() {
        let always = Span { since: Timestamp(i64::MIN), until: Timestamp(i64::MAX) };
        for path in folder::list(&endpoint.path(), always).unwrap_or_default() {
            *files += 1;
            let bytes = folder::read(&path).ok().flatten().unwrap_or_default();
            damaged.extend(file::Header::read(&bytes).err().map(|damage| (path, damage)));
        }
    }
    damaged
}

/// The columns that a version counts: what it reads in the order of its signature, what is compared beside it, and its
/// answers.
fn watched(package: &Package) -> Vec<TrackedColumn> {
    let (reference, signature) = (&package.reference, &package.manifest.signature);
    let read = signature.inputs.iter().map(|input| &input.name).filter(|name| reference.columns.contains_key(*name));
    let beside = reference.columns.keys().filter(|name| *name != SCORE && signature.input(name).is_none());
    let column = |name: &str, place, frozen| TrackedColumn { name: name.to_owned(), kind: place, reference: frozen };
    let mut watched: Vec<TrackedColumn> =
        read.chain(beside).map(|name| column(name, ColumnKind::Feature, reference.columns[name].frozen())).collect();
    watched.extend(reference.columns.get(SCORE).map(|score| column(SCORE, ColumnKind::Score, score.frozen())));
    let of_reference = reference.answers.get(PREDICTION).map(|prediction| prediction.frozen());
    let prediction = of_reference.or_else(|| of_threshold(package));
    watched.extend(prediction.map(|frozen| column(PREDICTION, ColumnKind::Prediction, frozen)));
    watched
}

/// How often a binary version is expected to answer each class: the frozen scores on either side of its threshold.
fn of_threshold(package: &Package) -> Option<ReferenceDistribution> {
    let (signature, threshold) = (&package.manifest.signature, package.manifest.threshold);
    let [no, yes] = signature.classes.as_slice() else { return None };
    let ReferenceDistribution::Numeric(scores) = package.reference.columns.get(SCORE)?.frozen() else { return None };
    if signature.task != Task::Binary {
        return None;
    }
    let rows = scores.counts().values();
    let below = (scores.share_up_to(scores.counts(), threshold.next_down()) * rows as f64).round() as u64;
    let mut table = [(no.as_str(), below), (yes.as_str(), rows - below.min(rows))];
    table.sort_by_key(|(_, rows)| std::cmp::Reverse(*rows));
    let present: Vec<(&str, u64)> = table.into_iter().filter(|(_, rows)| *rows > 0).collect();
    CategoricalReference::of_table(&present, rows, 0).ok().map(ReferenceDistribution::Categorical)
}

#[cfg(test)]
mod tests;
