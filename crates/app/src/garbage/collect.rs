//! Finding and removing garbage, one kind after another.
//!
//! Invariant: without `deletes` nothing is changed, and what is counted is what would be removed.

use std::{collections::BTreeSet, path::Path, time::Duration};

use kilter_blobs::{BlobStore, MIN_SWEEP_AGE, Sweep};
use kilter_domain::{digest::Digest, plural::counted};
use kilter_store::retention;
use kilter_workflow::StateFolder;

use crate::{
    app::App,
    authz::{Authorized, AuthorizedContext, act},
    causes::StorageError,
    garbage::{
        error::GarbageError,
        expired::{RETENTION, expire_all},
        found::{Collection, DAY, Garbage, GarbageKind, GarbageOptions},
        needed::Needed,
        step_cache::{self, Stale},
    },
};

/// Days for which blobs of a step cache stay that nothing needs: what a run found in the place of an output is among them.
const CACHE_BLOB_DAYS: u32 = 30;

/// Finds what is past its retention or not needed any more, and removes it if `options` say so; `goes_on` is asked in between.
///
/// # Errors
/// When the metadata cannot be read or written, or a file not be removed.
pub fn collect_garbage(
    app: &App,
    by: &Authorized<act::Administer>,
    options: &GarbageOptions,
    goes_on: &dyn Fn() -> bool,
) -> Result<Collection, GarbageError> {
    collect(app, by, options, goes_on)
}

/// Finds it, and removes nothing.
///
/// # Errors
/// When the metadata cannot be read.
pub fn find_garbage(app: &App, options: &GarbageOptions) -> Result<Collection, GarbageError> {
    let by = AuthorizedContext::system(RETENTION, options.now);
    collect(app, &by, &GarbageOptions { deletes: false, ..*options }, &|| true)
}

pub(crate) fn collect(
    app: &App,
    context: &AuthorizedContext,
    options: &GarbageOptions,
    goes_on: &dyn Fn() -> bool,
) -> Result<Collection, GarbageError> {
    let mut collection = expire_all(app, context, options, goes_on)?;
    let folders = step_cache::state_folders(app)?;
    let mut needed = Needed::of_metadata(app, options.now, options.unused)?;
    let mut unknown = BTreeSet::new();
    for folder in &folders {
        match folder.pinned() {
            Ok(pins) => pins.iter().for_each(|pin| needed.add(pin)),
            Err(error) => {
                collection.skipped.push(format!("{}: {error}", folder.path().display()));
                unknown.insert(folder.clone());
            }
        }
    }
    for folder in &folders {
        let stale = Stale::find(folder, options, &mut needed);
        if unknown.contains(folder) {
            continue;
        }
        collection.garbage.extend(stale.garbage());
        if options.deletes {
            stale.remove();
        }
    }
    let sweeper = Sweeper { app, options, needed: &needed, goes_on };
    sweeper.sweep_all(&folders, &unknown, &mut collection)?;
    collection.garbage.retain(|garbage| garbage.count > 0);
    collection.is_complete = !options.deletes || goes_on();
    record(app, context, options, &collection)?;
    Ok(collection)
}

/// The blobs of all stores.
struct Sweeper<'a> {
    app: &'a App,
    options: &'a GarbageOptions,
    needed: &'a Needed,
    goes_on: &'a dyn Fn() -> bool,
}

impl Sweeper<'_> {
    fn sweep_all(
        &self,
        folders: &[StateFolder],
        unknown: &BTreeSet<StateFolder>,
        collection: &mut Collection,
    ) -> Result<(), GarbageError> {
        let of_packages = self.app.blobs().root().to_owned();
        // A project may keep its cache where the data folder is.
        let shared = folders.iter().find(|folder| is_same(&folder.blobs(), &of_packages));
        if shared.is_none() {
            self.sweep(self.app.blobs(), (GarbageKind::Packages, &of_packages), MIN_SWEEP_AGE, collection)?;
        }
        if let Some(store) = self.app.artifact_blobs() {
            self.sweep(store, (GarbageKind::Artifacts, store.root()), MIN_SWEEP_AGE, collection)?;
        }
        for folder in folders.iter().filter(|folder| !unknown.contains(folder)) {
            let path = folder.blobs();
            let own = is_same(&path, &of_packages);
            let opened = (!own && path.is_dir()).then(|| match self.options.deletes {
                true => BlobStore::open(&path),
                false => Ok(BlobStore::open_for_reading(&path, None)),
            });
            let store = match (own, opened.transpose()) {
                (true, _) => self.app.blobs().clone(),
                (false, Ok(Some(store))) => store,
                (false, Ok(None)) => continue,
                (false, Err(error)) => {
                    collection.skipped.push(format!("{}: {error}", path.display()));
                    continue;
                }
            };
            let age = DAY * CACHE_BLOB_DAYS;
            self.sweep(&store, (GarbageKind::StepBlobs, &path), age, collection)?;
        }
        Ok(())
    }

    fn sweep(
        &self,
        store: &BlobStore,
        (kind, place): (GarbageKind, &Path),
        age: Duration,
        collection: &mut Collection,
    ) -> Result<(), GarbageError> {
        let needed = match self.needed.objects_in(store) {
            Ok(needed) => needed,
            Err(error) => {
                collection.skipped.push(format!("{}: {error}", place.display()));
                return Ok(());
            }
        };
        let is_needed = |digest: &Digest| needed.contains(digest);
        let (before, deletes) = (self.options.before(age), self.options.deletes);
        let swept = store.sweep(&Sweep { is_needed: &is_needed, before, deletes, goes_on: self.goes_on })?;
        let place = place.display().to_string();
        collection.garbage.push(Garbage { kind, place, count: swept.objects, bytes: swept.bytes, before: None });
        Ok(())
    }
}

fn is_same(one: &Path, other: &Path) -> bool {
    matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
}

/// Writes down that garbage was removed, and how much.
fn record(
    app: &App,
    context: &AuthorizedContext,
    options: &GarbageOptions,
    collection: &Collection,
) -> Result<(), StorageError> {
    if !options.deletes || collection.garbage.is_empty() {
        return Ok(());
    }
    let evidence = |garbage: &Garbage| {
        format!("{} of {}: {}, {}", garbage.kind.as_str(), garbage.place, garbage.count, counted(garbage.bytes, "byte"))
    };
    let evidence = collection.garbage.iter().take(100).map(evidence).collect();
    let draft = context.audit_event("gc.run", "nothing needs it any more, or it is past its retention", evidence);
    let collected = format!("{} removed", counted(collection.bytes(), "byte"));
    app.store().write(move |tx| retention::record_collection(&tx.audited(draft), &collected))?;
    Ok(())
}
