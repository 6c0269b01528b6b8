//! `kilter check`: everything that is wrong with a contract, with its place and its cure.

mod data;

use std::path::{Path, PathBuf};

use clap::Args;
use kilter_api::Exit;
use kilter_domain::contract::{Contract, ContractErrors, InspectedContract, Location, ProjectFacts, Reference};
use kilter_domain::plural::counted;
use serde::Serialize;

use self::data::Data;
use crate::{
    context::read_contract,
    ui::{
        error::CliError,
        view::{Answer, Page, Status},
    },
};

/// Check kilter.toml: show every error with its line, the nearest valid name and the fix.
///
/// Names of columns are checked against the data, and metrics against the task of the label. Keys without effect are
/// listed. A missing dataset is a warning. Exits with 3 if the contract is not valid.
#[derive(Debug, Args)]
pub(crate) struct Check {
    /// The project's folder, or a contract file.
    #[arg(default_value = ".")]
    project: PathBuf,
}

#[derive(Serialize)]
struct Checked {
    file: PathBuf,
    valid: bool,
    errors: Vec<Fault>,
    warnings: Vec<String>,
}

#[derive(Serialize)]
struct Fault {
    line: usize,
    column: usize,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

impl Check {
    pub(crate) fn run(self) -> Result<Answer, CliError> {
        let (file, text) = read_contract(&self.project)?;
        let shown = file.display().to_string();
        let contract = match Contract::parse(&text) {
            Ok(contract) => contract,
            Err(errors) => return Ok(invalid(file, errors.in_file(shown))),
        };
        let folder = file.parent().unwrap_or(Path::new(".")).to_owned();
        let mut data = Data::of(&folder, &contract);
        let known =
            ProjectFacts { columns: std::mem::take(&mut data.columns), metric: &|name| data.wrong_metric(name) };
        Ok(match Contract::inspect(&text, &known) {
            Ok(inspected) => valid(file, &folder, &inspected, &data.unreadable),
            Err(errors) => invalid(file, errors.in_file(shown)),
        })
    }
}

fn valid(file: PathBuf, folder: &Path, inspected: &InspectedContract, unreadable: &[String]) -> Answer {
    let contract = &inspected.contract;
    let parts = [
        counted(contract.data.len(), "dataset"),
        counted(contract.steps.len(), "step"),
        counted(contract.gates.len(), "gate"),
        counted(contract.deploy.len(), "deployment"),
    ];
    let mut page = Page::new().marked(Status::Ok, format!("{} is valid: {}", file.display(), parts.join(", ")));
    let mut warnings = absent(folder, contract);
    warnings.extend(unreadable.iter().cloned());
    warnings.extend(not_acted_upon(contract));
    warnings.extend(inspected.warnings.iter().map(|warning| {
        let hint = warning.hint.as_ref().map_or_else(String::new, |hint| format!(" ({hint})"));
        format!("{}:{}: {}{hint}", file.display(), warning.line, warning.message)
    }));
    for warning in &warnings {
        page = page.reason(Status::Warn, "", warning.clone());
    }
    Answer::done(&Checked { file, valid: true, errors: Vec::new(), warnings }, page)
}

/// The datasets whose file is not there.
fn absent(folder: &Path, contract: &Contract) -> Vec<String> {
    let mut warnings = Vec::new();
    for dataset in &contract.data {
        if let Some(Location::File(path)) = &dataset.path
            && !folder.join(path).exists()
        {
            warnings.push(format!("the file of dataset `{}` is not there: {path}", dataset.name));
        }
    }
    warnings
}

/// What the contract states and nobody acts upon, with what to do instead.
fn not_acted_upon(contract: &Contract) -> Vec<String> {
    let Some(monitor) = &contract.monitor else { return Vec::new() };
    let mut warnings = Vec::new();
    if let Some(source) = &monitor.labels.source {
        warnings.push(format!(
            "labels are not fetched from {source}: send them by prediction id, with POST /api/v1/endpoints/NAME/labels"
        ));
    }
    if monitor.reference != Reference::Training {
        warnings.push(
            "[monitor] reference is not acted upon: windows are compared with the data of the version that serves"
                .to_owned(),
        );
    }
    warnings
}

fn invalid(file: PathBuf, errors: ContractErrors) -> Answer {
    let fault = |error: &kilter_domain::contract::ContractError| Fault {
        line: error.line,
        column: error.column,
        message: error.message.clone(),
        hint: error.hint.clone(),
    };
    let count = errors.count();
    let closing = format!("{} is not valid: {}", file.display(), counted(count, "error"));
    let page = Page::new().line(errors.to_string()).line("").marked(Status::Bad, closing);
    let errors = errors.iter().map(fault).collect();
    Answer::done(&Checked { file, valid: false, errors, warnings: Vec::new() }, page).exit(Exit::CheckFailed)
}
