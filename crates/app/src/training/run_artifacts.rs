//! What a run of the platform made and said, as the artifacts of the tracked run: rows by path, of bytes that are kept already.

use kilter_blobs::{BlobStore, ContentKind};
use kilter_domain::{digest::Digest, ids::ProjectName, time::Timestamp};
use kilter_store::tracking::artifact::{Artifact, ArtifactKind};
use kilter_workflow::{RunRecord, StepRecord};

use crate::{app::App, causes::StorageError, registered};

/// The name of the log of a step, beside its outputs. An output of this name hides it.
const LOG_NAME: &str = "log.txt";

/// The outputs of all steps of a run, and what each of them wrote to its standard output and error.
///
/// # Errors
/// When the metadata cannot be read.
pub(super) fn of_record(
    app: &App,
    project: &ProjectName,
    record: &RunRecord,
    at: Timestamp,
) -> Result<Vec<Artifact>, StorageError> {
    let stores = registered::run_stores(app, project)?;
    let of_step = |step: &StepRecord| {
        let log = step.log.and_then(|digest| log(&stores, step, digest, at));
        let outputs: Vec<Artifact> = outputs(step, at).collect();
        log.into_iter().chain(outputs)
    };
    Ok(record.steps.iter().flat_map(of_step).collect())
}

fn outputs(step: &StepRecord, at: Timestamp) -> impl Iterator<Item = Artifact> {
    step.outputs.iter().map(move |(output, written)| Artifact {
        path: format!("{}/{output}", step.step),
        kind: match written.content.kind {
            ContentKind::File => ArtifactKind::File,
            ContentKind::Tree => ArtifactKind::Tree,
        },
        digest: written.content.digest,
        bytes: written.content.bytes,
        at,
    })
}

/// The log of a step; `None` where it is gone. What was taken from the cache has the log of its execution.
fn log(stores: &[BlobStore], step: &StepRecord, digest: Digest, at: Timestamp) -> Option<Artifact> {
    let bytes = stores.iter().find_map(|store| Some(store.reader(&digest).ok()?.metadata().ok()?.len()))?;
    Some(Artifact { path: format!("{}/{LOG_NAME}", step.step), kind: ArtifactKind::File, digest, bytes, at })
}
