//! What clients deleted long ago, and can restore until then.

use kilter_domain::time::Timestamp;
use kilter_store::tracking::purge::{self, Purged, PurgedPart};

use crate::{
    app::App,
    authz::AuthorizedContext,
    causes::StorageError,
    garbage::found::{Collection, Garbage, GarbageKind, GarbageOptions},
};

/// Finds runs, logged models and experiments that were deleted long ago, and removes them for good if `options` say so.
pub(super) fn purge_deleted(
    app: &App,
    context: &AuthorizedContext,
    options: &GarbageOptions,
    goes_on: &dyn Fn() -> bool,
    collection: &mut Collection,
) -> Result<(), StorageError> {
    let (before, mut elsewhere) = (options.now.before(options.deleted), 0);
    for what in Purged::ALL {
        let mut garbage =
            Garbage { kind: kind(what), place: "tracking".to_owned(), count: 0, bytes: 0, before: Some(before) };
        let mut next = Some(-1);
        while let Some(after) = next.filter(|_| goes_on()) {
            let part = match options.deletes {
                false => app.store().read(|reader| purge::find(reader, what, before, after))?,
                true => remove(app, context, what, (before, after))?,
            };
            garbage.count += part.ids.len() as u64;
            // What is removed is counted where its bytes are freed.
            garbage.bytes += if options.deletes { 0 } else { part.bytes };
            elsewhere += part.elsewhere;
            next = part.next;
        }
        collection.garbage.push(garbage);
    }
    if elsewhere > 0 {
        collection.skipped.push(format!(
            "artifacts of {elsewhere} of what clients deleted lie elsewhere, where clients wrote them themselves"
        ));
    }
    Ok(())
}

fn remove(
    app: &App,
    context: &AuthorizedContext,
    what: Purged,
    (before, after): (Timestamp, i64),
) -> Result<PurgedPart, StorageError> {
    let by = context.clone();
    Ok(app.store().write(move |tx| {
        let ids = purge::find(tx, what, before, after)?.ids;
        purge::remove(&tx.audited(by.audit_event("tracking.purge", "deleted long ago", ids)), what, before, after)
    })?)
}

const fn kind(what: Purged) -> GarbageKind {
    match what {
        Purged::Runs => GarbageKind::DeletedRuns,
        Purged::LoggedModels => GarbageKind::DeletedModels,
        Purged::Experiments => GarbageKind::DeletedExperiments,
    }
}
