//! Datasets as clients describe them, and which runs read them.

use std::collections::BTreeMap;

use kilter_domain::tracking::ExperimentId;

use super::run::{self, key_of};
use crate::{
    Reader, StoreError, Tx,
    database::{self, Params, Row, named_params},
    row,
    statement::statements,
};

/// The tag that says what a dataset was read for.
pub const CONTEXT_TAG: &str = "mlflow.data.context";

statements! {
    INSERT = "record the dataset": "
        INSERT INTO tracked_dataset (experiment, name, digest, source_type, source, schema, profile)
        VALUES (:experiment, :name, :digest, :source_type, :source, :schema, :profile)
        ON CONFLICT (experiment, name, digest) DO NOTHING";
    FIND_KEY = "read the dataset": "
        SELECT key FROM tracked_dataset WHERE experiment = :experiment AND name = :name AND digest = :digest";
    INSERT_INPUT = "record what the run read": "
        INSERT INTO run_input (run, dataset, context, tags) VALUES (:run, :dataset, :context, :tags)
        ON CONFLICT (run, dataset) DO NOTHING";
    INPUTS = "list what a run read": "
        SELECT name, digest, source_type, source, schema, profile, tags
        FROM run_input JOIN tracked_dataset ON tracked_dataset.key = run_input.dataset
        WHERE run = :run ORDER BY dataset";
    OF_EXPERIMENT = "list the datasets of an experiment": "
        SELECT DISTINCT name, digest, context
        FROM tracked_dataset LEFT JOIN run_input ON run_input.dataset = tracked_dataset.key
        WHERE experiment = :experiment ORDER BY name, digest, context LIMIT :limit";
}

/// A dataset as a client describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrackedDataset {
    /// Its name.
    pub name: String,
    /// What the client knows its content by.
    pub digest: String,
    /// Of which kind its source is.
    pub source_type: String,
    /// Where it comes from.
    pub source: String,
    /// Its columns, as the client writes them.
    pub schema: Option<String>,
    /// Counts about it, as the client writes them.
    pub profile: Option<String>,
}

/// A dataset that a run read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// Which one.
    pub dataset: TrackedDataset,
    /// What is said of the reading, such as [`CONTEXT_TAG`].
    pub tags: BTreeMap<String, String>,
}

/// A dataset of an experiment in short: name, digest, and what a run read it for.
pub type DatasetSummary = (String, String, Option<String>);

/// Records what a run read. The same dataset again changes nothing.
///
/// # Errors
/// When there is no such run.
pub fn log_inputs(tx: &Tx, id: &str, inputs: &[Input]) -> Result<(), StoreError> {
    let (key, experiment) = (key_of(tx, id)?, run::get(tx, id)?.experiment.0);
    for Input { dataset, tags } in inputs {
        let params = named_params! {
            ":experiment": experiment, ":name": dataset.name, ":digest": dataset.digest,
            ":source_type": dataset.source_type, ":source": dataset.source, ":schema": dataset.schema,
            ":profile": dataset.profile,
        };
        tx.execute(&INSERT, params)?;
        let params = named_params! { ":experiment": experiment, ":name": dataset.name, ":digest": dataset.digest };
        let of: i64 = tx.one(&FIND_KEY, params, |row| row.get(0))?.ok_or(StoreError::RolledBack)?;
        let params = named_params! {
            ":run": key, ":dataset": of, ":context": tags.get(CONTEXT_TAG),
            ":tags": row::text_of(INSERT_INPUT.attempt, tags)?,
        };
        tx.execute(&INSERT_INPUT, params)?;
    }
    Ok(())
}

/// What each run whose key stands in `rows` read.
pub(crate) fn inputs_of_each(reader: &Reader, rows: &[Params<'_>]) -> Result<Vec<Vec<Input>>, StoreError> {
    reader.all_each(&INPUTS, rows, input)
}

/// What a run read.
///
/// # Errors
/// When there is no such run.
pub fn inputs(reader: &Reader, id: &str) -> Result<Vec<Input>, StoreError> {
    reader.all(&INPUTS, named_params! { ":run": key_of(reader, id)? }, input)
}

fn input(row: &Row) -> database::Result<Input> {
    let dataset = TrackedDataset {
        name: row.get("name")?,
        digest: row.get("digest")?,
        source_type: row.get("source_type")?,
        source: row.get("source")?,
        schema: row.get("schema")?,
        profile: row.get("profile")?,
    };
    Ok(Input { dataset, tags: row::document(row, "tags")? })
}

/// The datasets of an experiment, at most `limit`.
pub fn list(reader: &Reader, experiment: ExperimentId, limit: u32) -> Result<Vec<DatasetSummary>, StoreError> {
    let params = named_params! { ":experiment": experiment.0, ":limit": limit };
    reader.all(&OF_EXPERIMENT, params, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
}
