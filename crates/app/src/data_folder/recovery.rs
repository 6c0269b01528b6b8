//! What a process that was killed left under way: each has its end when the folder is opened the next time.
//!
//! Invariants: a data folder belongs to one process, so whatever of it is under way when it is opened belongs to nobody; it
//! is ended with its entry. What another server has under way is ended once its lease ran out. Temporary files are gone; a file
//! of a user is never among them.

use std::{fs, path::Path};

use kilter_domain::{
    deployment::{AdmissionPolicy, DeploymentEvent},
    event::EventKind,
    ids::EndpointName,
    replica::ReplicaId,
    run::RunState,
    time::Timestamp,
};
use kilter_store::{PageRequest, deployment as deployments, model as versions, replica, run as runs, run::Run};
use serde_json::json;

use crate::{app::App, authz::AuthorizedContext, causes::StorageError, data_folder::error::DataFolderError};

const RUN_ENDED: &str = "the process that ran it ended before the run did; start it again with `kilter run`";
const REQUEST_ENDED: &str = "it was requested and never took its first stage; deploy the version again";

/// What was left under way, and was ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Runs that were queued or running.
    pub runs: usize,
    /// Deployments that were requested and had not entered a stage.
    pub deployments: usize,
}

/// Ends runs and requests of processes that are gone, and removes their temporary files. To be called once, by
/// whoever opens the folder.
///
/// # Errors
/// When the metadata cannot be read or written.
pub fn recover(app: &App, now: Timestamp) -> Result<Recovered, DataFolderError> {
    remove_temporary_files(app);
    let living = app.store().read(replica::living_numbers)?;
    let own = app.store().replica();
    end_work(app, now, &|replica| replica == own || !living.contains(&replica))
}

/// Ends what servers have under way whose lease ran out.
///
/// # Errors
/// When the metadata cannot be read or written.
pub(crate) fn recover_others(app: &App, now: Timestamp) -> Result<Recovered, DataFolderError> {
    let living = app.store().read(replica::living_numbers)?;
    let own = app.store().replica();
    end_work(app, now, &|replica| replica != own && !living.contains(&replica))
}

fn end_work(app: &App, now: Timestamp, is_gone: &IsGone<'_>) -> Result<Recovered, DataFolderError> {
    let context = AuthorizedContext::system("recovery", now);
    let recovered =
        Recovered { runs: end_runs(app, &context, is_gone)?, deployments: end_requests(app, &context, is_gone)? };
    if recovered != Recovered::default() {
        let Recovered { runs, deployments } = recovered;
        tracing::warn!(runs, deployments, "an earlier process ended with work under way; it is ended now");
    }
    Ok(recovered)
}

/// Whether the process of a replica is gone.
type IsGone<'a> = dyn Fn(ReplicaId) -> bool + 'a;

fn end_runs(app: &App, context: &AuthorizedContext, is_gone: &IsGone<'_>) -> Result<usize, StorageError> {
    let (mut ended, mut page) = (0, PageRequest::first(100));
    loop {
        let listed = app.store().read(|reader| runs::list_unfinished(reader, &page))?;
        let left: Vec<Run> = listed.items.into_iter().filter(|run| is_gone(run.replica)).collect();
        ended += end_listed_runs(app, context, left)?;
        match listed.next {
            Some(cursor) => page = PageRequest::first(100).after(cursor),
            None => return Ok(ended),
        }
    }
}

/// Ends runs that nobody executes; one that another server ended meanwhile is left as it is. How many.
fn end_listed_runs(app: &App, context: &AuthorizedContext, left: Vec<Run>) -> Result<usize, StorageError> {
    let draft = context.audit_event(EventKind::TrainingFailed.as_str(), RUN_ENDED, vec![]);
    Ok(app.store().write(move |tx| {
        let mut ended = 0;
        for run in left {
            if runs::get(tx, &run.id)?.state != run.state {
                continue;
            }
            let record = json!({ "error": RUN_ENDED });
            let audited = tx.audited(draft.clone());
            runs::advance(&audited, &run.id, run.state, RunState::Failed, Some(&record))?;
            ended += 1;
        }
        Ok(ended)
    })?)
}

fn end_requests(app: &App, context: &AuthorizedContext, is_gone: &IsGone<'_>) -> Result<usize, DataFolderError> {
    let (mut ended, mut page) = (0, PageRequest::first(1000));
    loop {
        let listed = app.store().read(|reader| deployments::list_endpoints(reader, None, &page))?;
        for endpoint in &listed.items {
            ended += end_requests_at(app, context, &endpoint.name, is_gone)?;
        }
        match listed.next {
            Some(cursor) => page = PageRequest::first(1000).after(cursor),
            None => return Ok(ended),
        }
    }
}

fn end_requests_at(
    app: &App,
    context: &AuthorizedContext,
    endpoint: &EndpointName,
    is_gone: &IsGone<'_>,
) -> Result<usize, DataFolderError> {
    let mut ended = 0;
    loop {
        let mut left = app.store().read(|reader| deployments::list_requested(reader, endpoint))?;
        left.retain(|request| is_gone(request.replica));
        if left.is_empty() {
            return Ok(ended);
        }
        for request in &left {
            // A deployment that ends needs no version that is admitted.
            let version = app.store().read(|reader| versions::get(reader, &request.model, request.number))?.state;
            let stopped = request.state.after(DeploymentEvent::Stopped, version, AdmissionPolicy::Approved)?;
            let draft = context.audit_event("deployment.stop", REQUEST_ENDED, vec![]);
            let (id, state) = (request.id.clone(), request.state);
            app.store().write(move |tx| match deployments::get(tx, &id)?.state {
                // Another server ended it meanwhile.
                now if now != state => Ok(()),
                _ => deployments::advance(&tx.audited(draft), &id, state, stopped).map(drop),
            })?;
        }
        ended += left.len();
    }
}

/// Removes what was being written when a process ended.
fn remove_temporary_files(app: &App) {
    for folder in ["tmp", "runs/tmp"] {
        kilter_workflow::sweep(&app.folder().join(folder));
    }
    let scratch = app.folder().join("scratch");
    for entry in fs::read_dir(&scratch).into_iter().flatten().flatten() {
        if let Err(error) = fs::remove_dir_all(entry.path()) {
            tracing::warn!(folder = %entry.path().display(), %error, "could not remove a scratch folder");
        }
    }
    for folder in ["lake", "profiles", "known"] {
        sweep_temporaries(&app.folder().join(folder));
    }
}

/// Removes files of the form `.NAME.PROCESS.NUMBER.tmp` that a process was writing, in all folders below. The number of the
/// process says nothing: in a container it is the same after every start.
fn sweep_temporaries(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => sweep_temporaries(&path),
            Ok(kind) if kind.is_file() && is_left_behind(&entry.file_name().to_string_lossy()) => {
                if let Err(error) = fs::remove_file(&path) {
                    tracing::warn!(file = %path.display(), %error, "could not remove a temporary file");
                }
            }
            _ => {}
        }
    }
}

/// Whether a name is that of a temporary file.
fn is_left_behind(name: &str) -> bool {
    let mut parts = name.rsplit('.');
    let (end, number, process) = (parts.next(), parts.next(), parts.next());
    let is_number = |part: Option<&str>| part.is_some_and(|part| part.parse::<u64>().is_ok());
    name.starts_with('.') && end == Some("tmp") && is_number(number) && is_number(process)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn temporary_files_go_and_nothing_else_does() {
        let folder = tempfile::tempdir().unwrap();
        let names = [".a.parquet.7.3.tmp", "a.parquet", ".a.tmp", "b.tmp", ".hidden.7.x.tmp", "a.7.3.tmp"];
        let below = folder.path().join("churn/predictions");
        fs::create_dir_all(&below).unwrap();
        names.iter().for_each(|name| fs::write(below.join(name), "x").unwrap());
        sweep_temporaries(folder.path());
        let mut left: Vec<_> =
            fs::read_dir(&below).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        left.sort();
        let mut kept: Vec<_> = names[1..].iter().map(|name| (*name).to_owned()).collect();
        kept.sort();
        assert_eq!(left, kept);
        sweep_temporaries(&folder.path().join("nothing here"));
    }
}
