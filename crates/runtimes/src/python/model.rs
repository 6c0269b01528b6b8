//! A model folder as a [`Model`]: what its worker says of it, and the workers that answer.

use std::{borrow::Cow, path::Path, sync::Arc};

use kilter_domain::table::Column;
use kilter_inference::{
    Executor, ExecutorError, Format, Input, LoadError, Model, Outcome, Signature, Task, WorkerCounts,
};
use serde::Deserialize;

pub use super::process::ModelFolder;
use super::{
    log::WorkerLog,
    pool::Pool,
    process::{Launch, StartError},
    settings::WorkerSettings,
};

/// What a worker says of its model when it is loaded.
#[derive(Deserialize)]
struct Description {
    signature: Signature,
    names_columns: bool,
}

/// A model that workers answer.
#[derive(Debug)]
struct PythonModel {
    pool: Pool,
}

impl Executor for PythonModel {
    fn execute(&self, columns: &[Cow<'_, Column>], rows: usize) -> Result<Outcome, ExecutorError> {
        self.pool.ask(columns.iter().map(|column| Column::clone(column)).collect(), rows)
    }

    fn memory_bytes(&self) -> u64 {
        self.pool.memory_bytes()
    }

    fn worker_counts(&self) -> Option<WorkerCounts> {
        Some(self.pool.counts())
    }
}

/// Loads the model in `folder` with the interpreter `python`, in workers that write their errors to the file `log`. With a `signature` of
/// before, its columns are called as there.
///
/// # Errors
/// If no worker starts, the model cannot be served, or it is not that of the signature.
pub fn load(
    python: &Path,
    folder: ModelFolder,
    log: &Path,
    settings: WorkerSettings,
    signature: Option<&Signature>,
) -> Result<Model, LoadError> {
    let failed = |reason: String| LoadError::Runtime { runtime: "Python", reason };
    let launch = Launch { python: python.to_owned(), folder, log: Arc::new(WorkerLog::open(log)), settings };
    let started = Pool::start(launch, |text| {
        let found: Description =
            serde_json::from_str(text).map_err(|error| format!("the worker said no JSON: {error}"))?;
        Ok((found.signature.classes.len(), found))
    });
    let (pool, Description { signature: found, names_columns }) = started.map_err(|error| match error {
        StartError::Model(reason) | StartError::Ended(reason) => failed(reason),
        other => failed(other.to_string()),
    })?;
    let is_known = signature.is_some();
    let signature = match signature {
        None => found,
        Some(known) if are_same(known, &found) => known.clone(),
        Some(_) => return Err(failed("its columns or classes are not those that its package states".to_owned())),
    };
    Ok(Model::external(Format::Pyfunc, signature, names_columns || is_known, Arc::new(PythonModel { pool })))
}

/// Whether two signatures differ in names of columns and the target alone.
fn are_same(a: &Signature, b: &Signature) -> bool {
    let kinds =
        |inputs: &[Input]| inputs.iter().map(|input| (input.kind, input.missing, input.optional)).collect::<Vec<_>>();
    let outputs = |signature: &Signature| -> (Task, Vec<String>) { (signature.task, signature.classes.clone()) };
    kinds(&a.inputs) == kinds(&b.inputs) && outputs(a) == outputs(b)
}
