//! The rows of a training: which file a dataset is, what is held out for the gates, what the model was trained on.
//!
//! Invariants: rows that a gate is measured on were not given to the step that made the model, unless a step of the
//! project says otherwise by naming its own test output.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use kilter_domain::{
    contract::{Contract, OutputRef, Source},
    ids::{DatasetName, StepName},
    model::Commit,
    table::Table,
};
use kilter_lake::{ReadOptions, read_table, write_table};
use kilter_stats::random::Random;
use kilter_workflow::RunRecord;

use crate::{
    causes::NotFound,
    dataset::column_roles::ColumnRoles,
    project::{DatasetError, ProjectError, folder::Project},
    training::request::Training,
};

/// The newest share of the rows, held out for the gates when no step makes a test set.
const HELD_OUT_SHARE: f64 = 0.25;

/// The output on which gates are measured: what they name, else the only output that is called `test`.
pub fn test_output(contract: &Contract) -> Option<OutputRef> {
    let named = contract.gates.iter().find_map(|gate| gate.dataset.clone());
    named.or_else(|| {
        let mut tests = contract.steps.iter().flat_map(|step| {
            let tests = step.outputs.iter().filter(|output| output.name == "test");
            tests.map(|output| OutputRef { step: step.name.clone(), output: output.name.clone() })
        });
        tests.next().filter(|_| tests.next().is_none())
    })
}

/// Splits the newest share of the rows off, by event time where there is one; ties and timeless rows by a fixed hash.
///
/// # Errors
/// When the roles name a time column that the table lacks, or that has a value that is no time.
pub fn newest_share(
    table: &Table,
    roles: &ColumnRoles,
    share: f64,
    seed: u64,
) -> Result<(Vec<usize>, Vec<usize>), DatasetError> {
    let events = match &roles.time {
        Some(_) => roles.event_times(table)?,
        None => vec![Default::default(); table.rows()],
    };
    let mut order: Vec<usize> = (0..table.rows()).collect();
    order.sort_by_key(|&row| (events[row], Random::seeded(row as u64 ^ seed).bits()));
    let kept = table.rows() - (table.rows() as f64 * share).round() as usize;
    let (mut train, mut test) = (order[..kept].to_vec(), order[kept..].to_vec());
    train.sort_unstable();
    test.sort_unstable();
    Ok((train, test))
}

/// Rows that are held out of the labelled dataset, and the file with the rest, which the steps are given in its place.
pub(crate) struct HoldOut {
    pub dataset: DatasetName,
    pub rest: PathBuf,
    pub rows: Table,
}

/// Holds rows out of the labelled dataset when gates must be measured and no step makes a test set.
pub(crate) fn hold_out(
    project: &Project,
    given: &BTreeMap<DatasetName, PathBuf>,
    scratch: &Path,
) -> Result<Option<HoldOut>, DatasetError> {
    let contract = &project.contract;
    if contract.package.is_none() || test_output(contract).is_some() {
        return Ok(None);
    }
    let dataset = project.labelled_dataset()?;
    let table = read_table(&project.file_of(dataset, given)?, &ReadOptions::default())?;
    let (train, test) = newest_share(&table, &project.roles(dataset), HELD_OUT_SHARE, 0)?;
    let rest = scratch.join(format!("{}.train.parquet", dataset.name));
    write_table(&rest, &table.take(&train))?;
    Ok(Some(HoldOut { dataset: dataset.name.clone(), rest, rows: table.take(&test) }))
}

/// A run whose steps succeeded, with the files that it read and wrote.
pub(crate) struct FinishedRun<'a> {
    pub project: &'a Project,
    pub training: &'a Training,
    pub record: &'a RunRecord,
    /// A folder of ours for the time of the run.
    pub scratch: &'a Path,
}

impl FinishedRun<'_> {
    /// The rows that gates are measured on.
    pub fn test_rows(&self, held_out: Option<Table>) -> Result<Table, DatasetError> {
        match (held_out, test_output(&self.project.contract)) {
            (Some(table), _) => Ok(table),
            (None, Some(output)) => Ok(read_table(&self.output_path(&output)?, &ReadOptions::default())?),
            (None, None) => Err(ProjectError::NotInContract {
                what: "which rows the gates are measured on".to_owned(),
                how: "add `on = \"split.test\"` to the gate".to_owned(),
            }
            .into()),
        }
    }

    /// The table that the model was trained on: the first input of its step that has the label, else the dataset.
    pub fn training_rows(&self, step: &StepName) -> Result<Table, DatasetError> {
        let Self { project, training, .. } = *self;
        let dataset = project.labelled_dataset()?;
        let label = dataset.label.clone().unwrap_or_default();
        let inputs = project.contract.step(step).map(|step| step.inputs.as_slice()).unwrap_or_default();
        for input in inputs {
            let path = match &input.source {
                Source::Dataset(name) => match project.contract.dataset(name) {
                    Some(dataset) => project.file_of(dataset, &training.data)?,
                    None => continue,
                },
                Source::Output { step, output } => {
                    self.output_path(&OutputRef { step: step.clone(), output: output.clone() })?
                }
            };
            // A step may read other things than tables: those are not what a model was trained on.
            if let Ok(table) = read_table(&path, &ReadOptions::default())
                && table.get(&label).is_some()
            {
                return Ok(table);
            }
        }
        Ok(read_table(&project.file_of(dataset, &training.data)?, &ReadOptions::default())?)
    }

    /// Where an output of this run lies.
    pub fn output_path(&self, output: &OutputRef) -> Result<PathBuf, DatasetError> {
        let written = self.record.output(&output.to_string()).ok_or_else(|| NotFound {
            what: "output",
            id: output.to_string(),
            how: "run the step that makes it, and everything that feeds it".to_owned(),
        })?;
        Ok(self.training.outputs_root.as_ref().unwrap_or(&self.project.folder).join(&written.path))
    }

    /// The commit that the run saw.
    pub fn commit(&self) -> Commit {
        commit(self.record)
    }
}

/// The commit that a run saw.
pub(crate) fn commit(record: &RunRecord) -> Commit {
    match &record.git {
        Some(state) if state.dirty => Commit::Dirty { id: state.commit.clone() },
        Some(state) => Commit::Clean { id: state.commit.clone() },
        None => Commit::NotInGit,
    }
}

#[cfg(test)]
mod tests {
    use kilter_domain::table::Column;

    use super::*;

    fn years(years: &[i64]) -> Table {
        Table::new(vec![("year".into(), Column::Int(years.iter().copied().map(Some).collect()))]).unwrap()
    }

    fn by_year() -> ColumnRoles {
        ColumnRoles { time: Some("year".into()), ..ColumnRoles::default() }
    }

    #[test]
    fn the_newest_rows_are_held_out() {
        let (train, test) = newest_share(&years(&[2017, 2015, 2016, 2018]), &by_year(), 0.25, 0).unwrap();
        assert_eq!((train, test), (vec![0, 1, 2], vec![3]));
    }

    #[test]
    fn rows_of_one_instant_are_split_at_random_but_always_the_same() {
        let table = years(&[2015; 1000]);
        let (train, test) = newest_share(&table, &by_year(), 0.25, 0).unwrap();
        assert_eq!((train.len(), test.len()), (750, 250));
        assert!(test[0] < 100 && test[249] > 900, "not the last rows of the file");
        assert_eq!(newest_share(&table, &by_year(), 0.25, 0).unwrap().1, test);
    }
}
