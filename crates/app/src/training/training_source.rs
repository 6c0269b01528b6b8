//! Where the rows of a training come from: the files of a project, or the past that a replay hands in.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use kilter_domain::{
    contract::Trigger,
    ids::DatasetName,
    time::{Span, Timestamp},
};
use kilter_lake::{ReadOptions, read_table, schema_of, write_table};

use crate::{
    dataset::history::History,
    project::{DatasetError, folder::Project},
};

/// Where the record of a run keeps how many labelled rows the datasets had that triggers watch.
pub(crate) const DATASET_ROWS: &str = "dataset_rows";

/// What is known of the data at a moment: the files of the project now, or a replayed past.
pub trait TrainingSource {
    /// Labelled rows of a dataset.
    fn rows(&self, project: &Project, dataset: &DatasetName, at: Timestamp) -> Result<u64, DatasetError>;

    /// Files that stand for datasets in a training at `at`, with the newest `window` of labelled rows only.
    fn files(
        &self,
        project: &Project,
        at: Timestamp,
        window: Option<Span>,
        folder: &Path,
    ) -> Result<BTreeMap<DatasetName, PathBuf>, DatasetError>;
}

/// The labelled rows of the datasets that a trigger watches, as a training finds them. What cannot be counted is not
/// among them: the training says why.
pub(crate) fn watched_rows(project: &Project, now: Timestamp) -> BTreeMap<String, u64> {
    let triggers = project.contract.retrain.as_ref().map(|retrain| retrain.when.as_slice()).unwrap_or_default();
    let grown = triggers.iter().filter_map(|trigger| match trigger {
        Trigger::Grew { data, .. } => Some((data.to_string(), FileSource.rows(project, data, now).ok()?)),
        _ => None,
    });
    grown.collect()
}

/// The files of a project as they are now.
pub struct FileSource;

impl TrainingSource for FileSource {
    fn rows(&self, project: &Project, dataset: &DatasetName, at: Timestamp) -> Result<u64, DatasetError> {
        let Some(stated) = project.contract.dataset(dataset) else { return Ok(0) };
        let path = project.dataset_path(stated)?;
        match (&stated.time, &stated.label) {
            (Some(_), Some(_)) => {
                let table = read_table(&path, &ReadOptions::default())?;
                Ok(History::new(table, project.roles(stated))?.labelled_at(at, None).len() as u64)
            }
            _ => Ok(schema_of(&path)?.rows),
        }
    }

    /// Without a window the files stand for themselves; with one, its rows are written to a file of ours.
    fn files(
        &self,
        project: &Project,
        at: Timestamp,
        window: Option<Span>,
        folder: &Path,
    ) -> Result<BTreeMap<DatasetName, PathBuf>, DatasetError> {
        let dataset = project.labelled_dataset()?;
        let (Some(window), Some(_)) = (window, &dataset.time) else { return Ok(BTreeMap::new()) };
        let table = read_table(&project.dataset_path(dataset)?, &ReadOptions::default())?;
        let history = History::new(table, project.roles(dataset))?;
        let rows = history.labelled_at(at, Some(window));
        let path = folder.join(format!("{}-{}-{}.parquet", project.name, dataset.name, at.millis()));
        write_table(&path, &history.table.take(&rows))?;
        Ok(BTreeMap::from([(dataset.name.clone(), path)]))
    }
}
