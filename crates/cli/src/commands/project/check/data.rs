//! What the datasets of a contract hold, as far as a check asks: their columns, and the task that the label asks for.

use std::{collections::BTreeMap, path::Path};

use kilter_app::project::pinned_copy;
use kilter_domain::{
    contract::{Contract, ContractWarning, Location},
    nearest::nearest,
    table::Column,
};
use kilter_lake::{ReadOptions, column_names, read_table};
use kilter_stats::performance::{Metric, Task};

/// Rows from which the task is inferred.
const LOOKED_AT: usize = 200_000;
/// Different whole numbers up to which they may be classes, where a step of one's own trains.
const MAX_CLASSES: usize = 50;
const TASKS: [Task; 3] = [Task::Binary, Task::Multiclass, Task::Regression];
/// What rules measure that is no metric of a model's answers.
const FACTS: &[&str] = &[
    "rows",
    "requests",
    "errors",
    "error_rate",
    "consumers",
    "size",
    "p50_ms",
    "p95_ms",
    "p99_ms",
    "selected",
    "labelled",
];

/// The files behind a contract.
#[derive(Debug, Default)]
pub(super) struct Data {
    /// The columns of each dataset whose file could be read.
    pub columns: BTreeMap<String, Vec<String>>,
    /// What could not be read, and why.
    pub unreadable: Vec<String>,
    /// The column to predict, and the tasks that it may be of; empty where nobody knows.
    label: String,
    tasks: Vec<Task>,
}

impl Data {
    pub fn of(folder: &Path, contract: &Contract) -> Self {
        let mut data = Self::default();
        for dataset in &contract.data {
            let path = match &dataset.path {
                Some(Location::File(path)) => Some(folder.join(path)),
                // As it was when it was brought here last.
                Some(Location::Remote(_)) => pinned_copy(folder, &dataset.name),
                None => None,
            };
            let Some(path) = path.filter(|path| path.exists()) else { continue };
            match column_names(&path) {
                Ok(names) => drop(data.columns.insert(dataset.name.to_string(), names)),
                Err(error) => data.unreadable.push(format!("dataset `{}` cannot be read: {error}", dataset.name)),
            }
            let is_played = contract.replayed().is_some_and(|played| played.name == dataset.name);
            if let Some(label) = dataset.label.as_ref().filter(|_| is_played) {
                let options = ReadOptions {
                    columns: Some(vec![label.clone()]),
                    limit: Some(LOOKED_AT),
                    ..ReadOptions::default()
                };
                // A label that is not there, and a file that is no table, have errors of their own.
                let table = read_table(&path, &options).ok();
                data.tasks = table.and_then(|table| Some(tasks(table.get(label)?, contract))).unwrap_or_default();
                data.label.clone_from(label);
            }
        }
        data
    }

    /// What is wrong with a metric of a rule, if it is one.
    pub fn wrong_metric(&self, name: &str) -> Option<ContractWarning> {
        let is_of = |task: &Task| Metric::named(name, *task).is_ok();
        if self.tasks.is_empty() || FACTS.contains(&name) || self.tasks.iter().any(is_of) {
            return None;
        }
        let names = || self.tasks.iter().flat_map(|task| Metric::catalogue(*task)).map(|entry| entry.name);
        let asked: Vec<&str> = self.tasks.iter().map(|task| word(*task)).collect();
        match TASKS.iter().find(|task| is_of(task)) {
            Some(other) => Some(ContractWarning {
                message: format!(
                    "`{name}` is a metric of {} models, and `{}` asks for a {} one",
                    word(*other),
                    self.label,
                    asked.join(" or a ")
                ),
                hint: Some(format!("there are: {}", names().take(12).collect::<Vec<_>>().join(", "))),
            }),
            // Other names may be counted by a step of one's own.
            None => nearest(name, names()).map(|near| ContractWarning {
                message: format!("there is no metric `{name}`"),
                hint: Some(format!("did you mean `{near}`?")),
            }),
        }
    }
}

fn word(task: Task) -> &'static str {
    match task {
        Task::Binary => "binary",
        Task::Multiclass => "multiclass",
        Task::Regression => "regression",
        Task::Ranking => "ranking",
    }
}

/// The tasks that a label may ask for: as `kilter train` takes it, or as its `--task` says; whole numbers that a step of one's
/// own learns may be classes.
fn tasks(label: &Column, contract: &Contract) -> Vec<Task> {
    let stated = contract.steps.iter().find_map(|step| {
        let (_, after) = step.run.split_once("--task")?;
        let word = after.trim_start_matches(['=', ' ']).split_whitespace().next()?;
        TASKS.into_iter().find(|task| self::word(*task) == word)
    });
    if let Some(stated) = stated {
        return vec![stated];
    }
    let distinct = distinct(label);
    match label {
        _ if distinct == 0 => Vec::new(),
        Column::Bool(_) => vec![Task::Binary],
        _ if distinct <= 2 => vec![Task::Binary],
        Column::Text(_) => vec![Task::Multiclass],
        _ if distinct <= MAX_CLASSES && !contract.steps.iter().any(|step| step.run.contains("kilter train")) => {
            vec![Task::Multiclass, Task::Regression]
        }
        _ => vec![Task::Regression],
    }
}

/// Different values, counted no further than they matter.
fn distinct(column: &Column) -> usize {
    let mut seen = std::collections::HashSet::new();
    for label in (0..column.len()).filter_map(|row| column.label(row)) {
        seen.insert(label);
        if seen.len() > MAX_CLASSES {
            break;
        }
    }
    seen.len()
}
