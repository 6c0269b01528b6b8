//! A run with everything that it logged, as it is shown: many at once.

use std::collections::BTreeMap;

use kilter_domain::tracking::MetricPoint;

use super::{
    dataset::{self, Input},
    logged_model::{self, ModelLink},
    metric, param,
    run::{self, TrackedRun},
    tags::{self, Tags},
};
use crate::{
    Reader, StoreError,
    database::{Params, ToValue},
};

/// A run, and what it logged.
#[derive(Clone, Debug, PartialEq)]
pub struct LoggedRun {
    /// The run itself.
    pub run: TrackedRun,
    /// Its parameters.
    pub params: BTreeMap<String, String>,
    /// The latest point of each of its metrics.
    pub metrics: Vec<MetricPoint>,
    /// Its tags.
    pub tags: Tags,
    /// The datasets that it read.
    pub inputs: Vec<Input>,
    /// The logged models that it read or made.
    pub models: Vec<ModelLink>,
}

impl LoggedRun {
    /// A run that has logged nothing but these tags, and its name as one of them.
    pub fn begun(run: TrackedRun, mut tags: Tags) -> Self {
        tags.insert(run::NAME_TAG.to_owned(), run.name.clone());
        Self { run, params: BTreeMap::new(), metrics: Vec::new(), tags, inputs: Vec::new(), models: Vec::new() }
    }
}

/// The runs with these ids, in this order; those that are not there are left out.
pub fn read_many(reader: &Reader, ids: &[impl AsRef<str>]) -> Result<Vec<LoggedRun>, StoreError> {
    whole(reader, run::find_each(reader, ids)?)
}

/// As [`read_many`], by the keys that a search found.
pub fn read_by_keys(reader: &Reader, keys: &[i64]) -> Result<Vec<LoggedRun>, StoreError> {
    whole(reader, run::find_each_key(reader, keys)?)
}

/// Everything that these runs logged.
fn whole(reader: &Reader, found: Vec<(i64, TrackedRun)>) -> Result<Vec<LoggedRun>, StoreError> {
    let rows: Vec<_> = found.iter().map(|(key, _)| [(":run", key as &dyn ToValue)]).collect();
    let rows: Vec<Params<'_>> = rows.iter().map(|row| row.as_slice()).collect();
    let owners: Vec<_> = found.iter().map(|(key, _)| [(":owner", key as &dyn ToValue)]).collect();
    let owners: Vec<Params<'_>> = owners.iter().map(|row| row.as_slice()).collect();
    let mut params = param::of_each(reader, &rows)?.into_iter();
    let mut metrics = metric::latest_of_each(reader, &rows)?.into_iter();
    let mut inputs = dataset::inputs_of_each(reader, &rows)?.into_iter();
    let mut models = logged_model::links_of_each(reader, &rows)?.into_iter();
    let mut tags = tags::OF_RUN.list_each(reader, &owners)?.into_iter();
    let whole = found.into_iter().map(|(_, run)| LoggedRun {
        run,
        params: params.next().unwrap_or_default(),
        metrics: metrics.next().unwrap_or_default(),
        tags: tags.next().unwrap_or_default(),
        inputs: inputs.next().unwrap_or_default(),
        models: models.next().unwrap_or_default(),
    });
    Ok(whole.collect())
}

/// The run, or an error that names it.
pub fn read(reader: &Reader, id: &str) -> Result<LoggedRun, StoreError> {
    read_many(reader, &[id])?.pop().ok_or_else(|| run::missing(id))
}
