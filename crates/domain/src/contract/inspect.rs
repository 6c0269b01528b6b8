//! What a contract says that reads well and still does not fit: columns that the data does not have, metrics of another
//! task, and keys that are accepted and do nothing yet.
//!
//! Out of scope: files and statistics. What the data holds and what metrics mean is handed in.

use std::collections::BTreeMap;

use super::{
    ContractError, ContractErrors, Location, Monitor, Trigger, check::Check, document::Contract, error::located,
    retention, section::did_you_mean, unused,
};
use crate::{
    ids::DatasetName,
    rule::{Bound, BoundExpr, Rule},
};

/// Names that rules of monitors may use beside columns.
const ANSWERS: [&str; 4] = ["score", "prediction", "consumer", "label"];
/// Commands that hand rows on with the columns that they have.
const KEEPING_COLUMNS: [&str; 2] = ["kilter data split ", "kilter train "];

/// What is wrong with a word, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContractWarning {
    /// What is wrong, in one sentence.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

/// What a contract is held against.
pub struct ProjectFacts<'k> {
    /// The columns of each dataset whose file could be read.
    pub columns: BTreeMap<String, Vec<String>>,
    /// What is wrong with a metric of a rule, given the task of the labelled dataset.
    pub metric: &'k dyn Fn(&str) -> Option<ContractWarning>,
}

/// A valid contract, and what in it is likely not meant.
#[derive(Debug)]
pub struct InspectedContract {
    /// The contract, which is valid whatever the warnings say.
    pub contract: Contract,
    /// In the order of the file.
    pub warnings: Vec<ContractError>,
}

impl Contract {
    /// Reads a contract as [`Contract::parse`] does, and holds it against the data that it names.
    ///
    /// # Errors
    /// What `parse` finds; what keeps it from being put in force; columns of roles and data checks that a dataset does not have; metrics of another task.
    pub fn inspect(text: &str, known: &ProjectFacts<'_>) -> Result<InspectedContract, ContractErrors> {
        let mut warnings = Vec::new();
        let contract = Self::parse_with(text, |check| {
            let inspection = Inspection { check, known };
            inspection.roles();
            inspection.rules(&mut warnings);
            for objection in check.contract.objections() {
                check.error(&objection.path, objection.message, objection.hint);
            }
            warnings.extend(unused::keys(check));
            warnings.extend(unused::objectives(check));
            warnings.extend(retention::warnings(check));
            warnings.extend(growth_elsewhere(check));
        })?;
        Ok(InspectedContract { contract, warnings: located(text, warnings) })
    }
}

/// A warning for each trigger that counts the rows of a dataset that lies elsewhere.
fn growth_elsewhere(check: &Check<'_>) -> Vec<ContractError> {
    let triggers = check.contract.retrain.as_ref().map(|retrain| retrain.when.as_slice()).unwrap_or_default();
    let is_elsewhere = |dataset: &DatasetName| {
        let dataset = check.contract.dataset(dataset);
        matches!(dataset.and_then(|dataset| dataset.path.as_ref()), Some(Location::Remote(_)))
    };
    let warning = |(at, trigger): (usize, &Trigger)| match trigger {
        Trigger::Grew { data, .. } if is_elsewhere(data) => {
            let message =
                format!("`data.{data}` lies elsewhere: what is counted is the copy that was brought here last");
            let hint = "add `schedule every 1d`, or let something run `kilter data fetch` and `kilter run`".to_owned();
            Some(check.warning(&format!("retrain.when.{at}"), message, Some(hint)))
        }
        _ => None,
    };
    triggers.iter().enumerate().filter_map(warning).collect()
}

struct Inspection<'c, 'k> {
    check: &'c Check<'c>,
    known: &'k ProjectFacts<'k>,
}

impl Inspection<'_, '_> {
    /// The columns that datasets give a role to, and those of their checks.
    fn roles(&self) {
        for data in &self.check.contract.data {
            let Some(columns) = self.known.columns.get(data.name.as_str()) else { continue };
            let one =
                |key: &str, name: &Option<String>| name.iter().map(|name| (key.to_owned(), name.clone())).collect();
            let list = |key: &str, names: &[String]| -> Vec<(String, String)> {
                names.iter().enumerate().map(|(at, name)| (format!("{key}.{at}"), name.clone())).collect()
            };
            let roles: [Vec<(String, String)>; 8] = [
                one("time", &data.time),
                one("label", &data.label),
                one("label_time", &data.label_time),
                one("weight", &data.weight),
                list("id", &data.id),
                list("sensitive", &data.sensitive),
                list("ignore", &data.ignore),
                list("categorical", &data.categorical),
            ];
            for (key, name) in roles.into_iter().flatten().filter(|(_, name)| !columns.contains(name)) {
                self.no_column(&format!("data.{}.{key}", data.name), data.name.as_str(), &name, columns);
            }
            for (at, rule) in data.require.iter().enumerate() {
                let unknown = rule.quantity.columns().into_iter().filter(|name| !has(columns, name));
                for name in unknown {
                    self.no_column(&format!("data.{}.require.{at}", data.name), data.name.as_str(), name, columns);
                }
            }
        }
    }

    fn no_column(&self, path: &str, dataset: &str, name: &str, columns: &[String]) {
        let (message, hint) = no_column(dataset, name, columns);
        self.check.error(path, message, hint);
    }

    /// The rules of gates, deployments and monitors: their metrics, and their columns.
    fn rules(&self, warnings: &mut Vec<ContractError>) {
        let contract = self.check.contract;
        let labelled = contract.replayed().map(|data| data.name.as_str());
        let known = labelled.and_then(|name| Some((name, self.known.columns.get(name)?)));
        for (path, rule) in placed_rules(contract) {
            let champion = match &rule.bound {
                Bound::Compare(_, BoundExpr::Champion { metric, .. }) => Some(metric.as_str()),
                _ => None,
            };
            let wrong = rule.quantity.metrics().into_iter().chain(champion).find_map(|name| (self.known.metric)(name));
            if let Some(ContractWarning { message, hint }) = wrong {
                self.check.error(&path, message, hint);
                continue;
            }
            let Some((dataset, columns)) = known else { continue };
            let is_known = |name: &str| has(columns, name) || ANSWERS.contains(&name);
            for name in rule.quantity.columns().into_iter().filter(|name| !is_known(name)) {
                let (message, hint) = no_column(dataset, name, columns);
                if self.keeps_columns() {
                    self.check.error(&path, message, hint);
                } else {
                    // A step may well have made it.
                    let message = format!("{message}: unless a step makes it, the rule is never measured");
                    warnings.push(self.check.warning(&path, message, hint));
                }
            }
        }
        if let Some(name) = &contract.replay.metric
            && let Some(ContractWarning { message, hint }) = (self.known.metric)(name)
        {
            self.check.error("replay.metric", message, hint);
        }
    }

    /// Whether what the rules are measured on has the columns of the dataset: no step makes others.
    fn keeps_columns(&self) -> bool {
        self.check.contract.steps.iter().all(|step| {
            let run = step.run.trim_start();
            KEEPING_COLUMNS.iter().any(|command| run.starts_with(command)) && !run.contains(['\n', ';', '&', '|'])
        })
    }
}

fn has(columns: &[String], name: &str) -> bool {
    columns.iter().any(|column| column == name)
}

fn no_column(dataset: &str, name: &str, columns: &[String]) -> (String, Option<String>) {
    let hint = did_you_mean(name, columns.iter().map(String::as_str));
    (format!("dataset `{dataset}` has no column `{name}`"), hint)
}

/// Every rule that is measured on a model's rows, with the path of its place.
fn placed_rules(contract: &Contract) -> Vec<(String, &Rule)> {
    let mut sections: Vec<(String, &[Rule])> = Vec::new();
    sections.extend(contract.gates.iter().map(|gate| (format!("gate.{}.rules", gate.name), &gate.rules[..])));
    for deploy in &contract.deploy {
        let kind = if deploy.experiment.is_some() { "experiment" } else { "canary" };
        sections.push((format!("deploy.{}.{kind}.abort", deploy.name), deploy.abort_rules()));
    }
    if let Some(monitor) = &contract.monitor {
        let Monitor { data, performance, drift, bias, usage, .. } = monitor;
        let kinds = [("data", data), ("performance", performance), ("drift", drift), ("bias", bias), ("usage", usage)];
        sections.extend(kinds.map(|(kind, rules)| (format!("monitor.{kind}"), &rules[..])));
    }
    let mut placed = Vec::new();
    for (section, rules) in sections {
        placed.extend(rules.iter().enumerate().map(|(at, rule)| (format!("{section}.{at}"), rule)));
    }
    placed
}
