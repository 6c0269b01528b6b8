//! The loop on live projects: every registered project is reconciled by its recorded contract, on the files of its folder.
//!
//! Holds true: a project whose folder or contract cannot be read is reported and does not keep the others from being
//! looked at. Deliberately absent: the timer; who calls says what time it is.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use kilter_domain::{
    ids::{DatasetName, ProjectName},
    time::{Span, Timestamp},
};
use kilter_lake::{ReadOptions, read_table, schema_of, write_table};
use kilter_store::{PageRequest, audit::Audited, setting};
use serde_json::json;

use crate::{App, AppError, Project, reconcile::Step, replay::History, retrain::KnownData, training::Governance};

/// The files of a project as they are now.
pub struct ProjectFiles;

impl KnownData for ProjectFiles {
    fn rows(&self, project: &Project, dataset: &DatasetName, at: Timestamp) -> Result<u64, AppError> {
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
    ) -> Result<BTreeMap<DatasetName, PathBuf>, AppError> {
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

pub(crate) fn folder_setting(project: &ProjectName) -> String {
    format!("project.{project}.folder")
}

/// Remembers where a project is, so that the loop finds its files.
pub(crate) fn remember_folder(
    audited: &Audited,
    project: &ProjectName,
    folder: &Path,
) -> Result<(), kilter_store::StoreError> {
    setting::put(audited, &folder_setting(project), &json!(folder)).map(|_| ())
}

impl App {
    /// One step of the loop for every registered project; what went wrong, by project.
    pub fn reconcile_all(&self, now: Timestamp) -> Result<Vec<(ProjectName, AppError)>, AppError> {
        let projects = self.store().read(|reader| kilter_store::project::list(reader, &PageRequest::first(1000)))?;
        let mut failed = Vec::new();
        for known in projects.items {
            if let Err(error) = self.reconcile_one(&known.name, now) {
                failed.push((known.name, error));
            }
        }
        Ok(failed)
    }

    /// The folder of a project on this machine, where it was registered with one.
    pub fn project_folder(&self, name: &ProjectName) -> Result<Option<PathBuf>, AppError> {
        let remembered = self.store().read(|reader| setting::find(reader, &folder_setting(name)))?;
        Ok(remembered.and_then(|setting| setting.value.as_str().map(PathBuf::from)))
    }

    fn reconcile_one(&self, name: &ProjectName, now: Timestamp) -> Result<(), AppError> {
        let Some(folder) = self.project_folder(name)? else { return Ok(()) };
        // The contract in force, on the files of the folder: a file that nobody recorded changes nothing.
        let project = Arc::new(self.recorded_project(name)?.in_folder(&folder));
        let step = Step { now, data: &ProjectFiles, governance: Governance::Asked, outputs_root: None };
        self.reconcile(&project, &step, &mut |_| ())?;
        Ok(())
    }
}
