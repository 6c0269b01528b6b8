//! The past as a source of data: at each moment the rows and labels that were known then.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use kilter_domain::{
    ids::DatasetName,
    time::{Span, Timestamp},
};
use kilter_lake::write_table;

use crate::{
    dataset::history::History,
    project::{DatasetError, folder::Project},
    training::training_source::TrainingSource,
};

/// A played dataset. Other datasets of the project are read as they are.
pub struct PointInTimeSource<'h> {
    history: &'h History,
    dataset: DatasetName,
}

impl<'h> PointInTimeSource<'h> {
    pub fn new(history: &'h History, dataset: DatasetName) -> Self {
        Self { history, dataset }
    }
}

impl TrainingSource for PointInTimeSource<'_> {
    fn rows(&self, project: &Project, dataset: &DatasetName, at: Timestamp) -> Result<u64, DatasetError> {
        if *dataset == self.dataset {
            return Ok(self.history.labelled_at(at, None).len() as u64);
        }
        match project.contract.dataset(dataset) {
            Some(other) => Ok(kilter_lake::schema_of(&project.dataset_path(other)?)?.rows),
            None => Ok(0),
        }
    }

    fn files(
        &self,
        _project: &Project,
        at: Timestamp,
        window: Option<Span>,
        folder: &Path,
    ) -> Result<BTreeMap<DatasetName, PathBuf>, DatasetError> {
        let rows = self.history.labelled_at(at, window);
        let path = folder.join(format!("{}-{}.parquet", self.dataset, at.millis()));
        write_table(&path, &self.history.table.take(&rows))?;
        Ok(BTreeMap::from([(self.dataset.clone(), path)]))
    }
}
