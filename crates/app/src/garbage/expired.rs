//! Records past the retention of their project, and files of trainings that are over: the cheap part, which a server does by
//! itself.

use std::{fs, path::Path};

use kilter_domain::{
    contract::Retention,
    error_chain::with_causes,
    ids::{EndpointName, ProjectName},
};
use kilter_lake::LogKind;
use kilter_store::{PageRequest, deployment, retention};

use crate::{
    app::App,
    authz::AuthorizedContext,
    causes::StorageError,
    garbage::{
        deleted,
        error::GarbageError,
        found::{Collection, DAY, Garbage, GarbageKind, GarbageOptions},
    },
    prediction::expire,
    registered::recorded_project,
};

/// The part of the platform that ends what is past its retention.
pub(super) const RETENTION: &str = "retention";
/// Days for which files of trainings stay.
const TRAINING_FILE_DAYS: u32 = 7;

/// The cheap part, which a server does by itself: records past their retention, what clients deleted long ago, and files of trainings that
/// are over.
///
/// # Errors
/// As [`collect_garbage`].
pub fn expire_records(app: &App, options: &GarbageOptions) -> Result<Collection, GarbageError> {
    expire_all(app, &AuthorizedContext::system(RETENTION, options.now), options, &|| true)
}

pub(super) fn expire_all(
    app: &App,
    context: &AuthorizedContext,
    options: &GarbageOptions,
    goes_on: &dyn Fn() -> bool,
) -> Result<Collection, GarbageError> {
    let mut collection = Collection { garbage: Vec::new(), skipped: Vec::new(), is_complete: true };
    let mut page = PageRequest::first(1000);
    loop {
        let listed = app.store().read(|reader| deployment::list_endpoints(reader, None, &page))?;
        for endpoint in listed.items {
            if let Err(error) =
                expire_endpoint(app, context, options, (&endpoint.project, &endpoint.name), &mut collection)
            {
                let cause = with_causes(&error);
                collection.skipped.push(format!("endpoint {}: {cause}", endpoint.name));
            }
        }
        let Some(next) = listed.next else { break };
        page = PageRequest::first(1000).after(next);
    }
    collection.garbage.push(training_files(app, options));
    deleted::purge_deleted(app, context, options, goes_on, &mut collection)?;
    collection.garbage.retain(|garbage| garbage.count > 0);
    Ok(collection)
}

fn expire_endpoint(
    app: &App,
    context: &AuthorizedContext,
    options: &GarbageOptions,
    (project, endpoint): (&ProjectName, &EndpointName),
    collection: &mut Collection,
) -> Result<(), GarbageError> {
    let contract = recorded_project(app, project)?.contract;
    let expired = expire::find_expired(app, endpoint, contract.prediction_retention(), options.now)?;
    for records in &expired {
        if options.deletes {
            expire::expire(app, context, records)?;
        }
        let kind = match records.kind {
            LogKind::Predictions => GarbageKind::Predictions,
            LogKind::Labels => GarbageKind::Labels,
        };
        let (place, before) = (endpoint.to_string(), Some(records.before));
        collection.garbage.push(Garbage { kind, place, count: records.rows(), bytes: records.bytes(), before });
    }
    if options.deletes {
        // What an earlier process let expire and did not remove.
        expire::remove_expired(app, LogKind::Predictions, endpoint)?;
        expire::remove_expired(app, LogKind::Labels, endpoint)?;
    }
    let readings = expire_readings(app, context, options, endpoint, contract.reading_retention())?;
    collection.garbage.extend(readings);
    Ok(())
}

fn expire_readings(
    app: &App,
    context: &AuthorizedContext,
    options: &GarbageOptions,
    endpoint: &EndpointName,
    keep: Retention,
) -> Result<Option<Garbage>, StorageError> {
    let from = expire::retention_counts_from(app, endpoint, options.now)?;
    let (Retention::For(keep), Some(from)) = (keep, from) else { return Ok(None) };
    let before = from.before(keep);
    let count = app.store().read(|reader| retention::count_old_readings(reader, endpoint, before))?;
    if count == 0 {
        return Ok(None);
    }
    if options.deletes {
        let draft = context.audit_event("reading.expire", "past their retention", vec![]);
        let delete = || {
            let (draft, endpoint) = (draft.clone(), endpoint.clone());
            app.store().write(move |tx| retention::delete_readings(&tx.audited(draft), &endpoint, before))
        };
        while delete()? > 0 {}
    }
    let place = endpoint.to_string();
    Ok(Some(Garbage { kind: GarbageKind::Readings, place, count, bytes: 0, before: Some(before) }))
}

/// Rows that were written to a file for a training that is over.
fn training_files(app: &App, options: &GarbageOptions) -> Garbage {
    let folder = app.folder().join("known");
    let before = options.before(DAY * TRAINING_FILE_DAYS);
    let is_old = |path: &Path| {
        let found = path.metadata().ok().filter(|_| path.extension().is_some_and(|ending| ending == "parquet"))?;
        (found.modified().ok()? < before).then_some(found.len())
    };
    let files = fs::read_dir(&folder).into_iter().flatten().flatten().map(|file| file.path());
    let old: Vec<_> = files.filter_map(|path| Some((is_old(&path)?, path))).collect();
    for (_, path) in old.iter().filter(|_| options.deletes) {
        if let Err(error) = fs::remove_file(path) {
            tracing::warn!(file = %path.display(), %error, "could not remove the file of a training");
        }
    }
    Garbage::of(GarbageKind::TrainingFiles, &folder.display().to_string(), old.into_iter().map(|(bytes, _)| bytes))
}
