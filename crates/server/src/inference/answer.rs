//! One request of any protocol: read, scored, recorded, answered.
//!
//! Invariants: what is answered is recorded first (in durable mode it is on the disk); a bug in a model or in a reader costs its own
//! request; the threads that answer are kept for at most about a millisecond by one request. A request that is small, and whose
//! versions are known to be fast, is read and scored where it arrived: handing it to another thread and back costs more than
//! that. Whatever is large, slow or new goes to the threads for blocking work.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use kilter_app::prediction::Serving;
use kilter_domain::time::Timestamp;
use kilter_serving::{
    Endpoint, InferError, InferRequest, InferResponse, endpoint::UnrecordedResponse, take_executor_call,
};

use crate::{state::AppState, traces};

/// Bodies up to this size are read where they arrived: about a third of a millisecond.
const MAX_BYTES_IN_PLACE: usize = 64 << 10;
/// Requests that are expected to take longer are scored elsewhere.
const MAX_TIME_IN_PLACE: Duration = Duration::from_millis(1);

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum AnswerError {
    Infer(InferError),
    /// A bug; what it said is in the log.
    Fault,
}

impl From<InferError> for AnswerError {
    fn from(error: InferError) -> Self {
        Self::Infer(error)
    }
}

/// Reads a request of so many bytes, scores it, writes the answer, and gives it away once it is recorded. A shadow answers after
/// the client has its own.
pub(crate) async fn answer<T: Send + 'static>(
    state: &AppState,
    serving: Arc<Serving>,
    bytes: usize,
    read: impl FnOnce(&Endpoint) -> Result<InferRequest, InferError> + Send + 'static,
    write: impl FnOnce(InferResponse) -> T + Send + 'static,
) -> Result<T, AnswerError> {
    let now = state.now();
    let trace = traces::current();
    let read = {
        let trace = trace.clone();
        move |endpoint: &Endpoint| traces::timed(trace.as_ref(), "parse", || read(endpoint))
    };
    let score = {
        let trace = trace.clone();
        move |serving: &Serving, request| {
            let Some(trace) = trace else { return score(serving, request, now, write) };
            // What this thread did for others.
            take_executor_call();
            let scored = traces::timed(Some(&trace), "score", || score(serving, request, now, write));
            if let Some(call) = take_executor_call() {
                trace.past_part("runtime", call.began, call.took);
            }
            scored
        }
    };
    let mut scored = if bytes > MAX_BYTES_IN_PLACE {
        elsewhere(move || {
            let request = read(serving.endpoint())?;
            score(&serving, request)
        })
        .await?
    } else {
        let request = caught(|| read(serving.endpoint()))?;
        // A model that has to be loaded is waited for elsewhere, and one that is in memory stays there for this request.
        let loaded = request.loaded_models();
        match request.expected_time().filter(|_| loaded.is_some()) {
            Some(time) if time <= MAX_TIME_IN_PLACE => caught(|| score(&serving, request))?,
            _ => elsewhere(move || score(&serving, request)).await?,
        }
    };
    let shadow = scored.take_shadow();
    let record = trace.as_ref().map(|trace| trace.part("record"));
    if scored.is_recorded_in_place() {
        // Requests that have arrived at this thread meanwhile share the write.
        tokio::task::yield_now().await;
    }
    let answer = scored.wait_recorded().await?;
    drop(record);
    if let Some(shadow) = shadow {
        tokio::task::spawn_blocking(move || shadow.run());
    }
    Ok(answer)
}

fn score<T>(
    serving: &Serving,
    request: InferRequest,
    now: Timestamp,
    write: impl FnOnce(InferResponse) -> T,
) -> Result<UnrecordedResponse<T>, InferError> {
    Ok(serving.endpoint().score(request, now)?.map(write))
}

/// Runs on this thread; a panic is a fault of this request alone.
fn caught<T>(work: impl FnOnce() -> Result<T, InferError>) -> Result<T, AnswerError> {
    std::panic::catch_unwind(AssertUnwindSafe(work)).map_err(|_| AnswerError::Fault)?.map_err(AnswerError::Infer)
}

/// Runs on a thread for blocking work.
async fn elsewhere<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, InferError> + Send + 'static,
) -> Result<T, AnswerError> {
    tokio::task::spawn_blocking(work).await.map_err(|_| AnswerError::Fault)?.map_err(AnswerError::Infer)
}
