//! The logs of steps, as runs kept them.

use kilter_blobs::BlobError;
use kilter_domain::ids::StepName;
use kilter_store::{StoreError, run as runs};
use kilter_workflow::RunRecord;

use crate::{
    app::App,
    causes::{NotFound, StorageError, from_causes},
    registered,
};

/// The largest log that is read; an attempt writes at most 16 MiB.
const MAX_LOG_BYTES: u64 = 32 << 20;

/// Why the log of a step cannot be read.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant says what it is")]
pub enum RunLogError {
    #[error(transparent)]
    NotFound(#[from] NotFound),
    #[error(transparent)]
    Storage(#[from] StorageError),
}

from_causes!(RunLogError: Storage(StoreError, BlobError));

/// What a step of a run wrote, of the execution that made its result.
///
/// # Errors
/// When there is no such run or step, or its log is gone.
pub fn step_log(app: &App, run: &str, step: &StepName) -> Result<String, RunLogError> {
    let found = app.store().read(|reader| runs::get(reader, run))?;
    let missing = |what, id: String, how: &str| NotFound { what, id, how: how.to_owned() };
    let record: RunRecord = serde_json::from_value(found.record)
        .map_err(|_| missing("record of run", run.to_owned(), "it goes on, or ended before its first step"))?;
    let of_step = record.step(step.as_str()).ok_or_else(|| {
        let steps: Vec<&str> = record.steps.iter().map(|step| step.step.as_str()).collect();
        missing("step", step.to_string(), &format!("the run has {}", steps.join(", ")))
    })?;
    let digest =
        of_step.log.ok_or_else(|| missing("log of step", step.to_string(), "it was not executed, so it wrote none"))?;
    for store in registered::run_stores(app, &found.project)? {
        match store.read(&digest, MAX_LOG_BYTES) {
            Ok(bytes) => return Ok(String::from_utf8_lossy(&bytes).into_owned()),
            Err(BlobError::NotFound { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    if found.replica != app.store().replica() {
        let how = format!("replica {} executed it: ask that server", found.replica);
        return Err(missing("log of step here", step.to_string(), &how).into());
    }
    Err(missing("log of step", step.to_string(), "it was removed from the `.kilter` folder of the project").into())
}
